package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Set is a set of images of one shape, held in memory as bytes.
type Set struct {
	Name       string // what a model trained on it says of its data; may be empty
	N, C, H, W int
	Pixels     []byte   // N×C×H×W
	Labels     []byte   // N, or nil
	Classes    []string // names of the labels of a folder's images, or nil
}

// scaled holds what a byte p becomes: p/127.5 − 1, computed as torchvision's
// ToTensor and Normalize(0.5, 0.5) do, in the same roundings to float32.
var scaled = func() (t [256]float32) {
	for p := range t {
		unit := float32(p) / 255
		t[p] = (unit - 0.5) / 0.5
	}
	return
}()

// Size returns the number of values of one image, C×H×W.
func (s *Set) Size() int { return s.C * s.H * s.W }

// Image writes image i to dst, C×H×W values scaled to [−1, 1].
func (s *Set) Image(dst []float32, i int) {
	size := s.Size()
	if len(dst) != size {
		panic(fmt.Sprintf("dataset: Image needs room for %d values, not %d", size, len(dst)))
	}
	if i < 0 || i >= s.N {
		panic(fmt.Sprintf("dataset: no image %d in a set of %d", i, s.N))
	}
	for j, p := range s.Pixels[i*size : (i+1)*size] {
		dst[j] = scaled[p]
	}
}

// Split divides s into two: n of its images, spread evenly over it, and the
// rest, both in their order. It panics unless 0 ≤ n ≤ s.N.
func (s *Set) Split(n int) (rest, held *Set) {
	s.check()
	if n < 0 || n > s.N {
		panic(fmt.Sprintf("dataset: no %d images to split from a set of %d", n, s.N))
	}
	part := func(images int) *Set {
		p := *s
		p.N, p.Pixels, p.Labels = 0, make([]byte, 0, images*s.Size()), nil
		if s.Labels != nil {
			p.Labels = make([]byte, 0, images)
		}
		return &p
	}
	rest, held = part(s.N-n), part(n)
	for i := range s.N {
		to := rest
		if (i+1)*n/s.N > i*n/s.N {
			to = held
		}
		to.N++
		to.Pixels = append(to.Pixels, s.Pixels[i*s.Size():(i+1)*s.Size()]...)
		if s.Labels != nil {
			to.Labels = append(to.Labels, s.Labels[i])
		}
	}
	return rest, held
}

// Hash tells a set from others by its images in their order: 32 hexadecimal
// digits of a SHA-256 over the shape and the pixels. Labels are not part of
// it.
func (s *Set) Hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d\n", s.N, s.C, s.H, s.W)
	h.Write(s.Pixels)
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// check panics unless the parts of s fit together.
func (s *Set) check() {
	if err := s.Validate(); err != nil {
		panic(err.Error())
	}
}

// Validate reports as an *Error that s holds no images, or that its parts do not
// fit together: Pixels is N×C×H×W bytes, 0 to 255, image after image; Labels is nil
// or has N, each below len(Classes) if there are names of classes.
func (s *Set) Validate() error {
	if s == nil {
		return &Error{What: "no set of images: it is nil", Hint: hintSet}
	}
	bad := func(format string, args ...any) error {
		return &Error{File: s.Name, What: fmt.Sprintf(format, args...), Hint: hintSet}
	}
	if s.N < 0 || s.C < 1 || s.H < 1 || s.W < 1 || s.C > maxSetSide || s.H > maxSetSide || s.W > maxSetSide {
		return bad("%d images of %d×%d×%d (channels, height, width)", s.N, s.C, s.H, s.W)
	}
	if size := int64(s.C) * int64(s.H) * int64(s.W); s.N > len(s.Pixels) || int64(len(s.Pixels)) != int64(s.N)*size {
		return bad("%d bytes of pixels for %d images of %d×%d×%d (channels, height, width)", len(s.Pixels), s.N, s.C, s.H, s.W)
	}
	if s.Labels != nil && len(s.Labels) != s.N {
		return bad("%d labels for %d images", len(s.Labels), s.N)
	}
	if s.Classes == nil {
		return nil
	}
	for i, label := range s.Labels {
		if int(label) >= len(s.Classes) {
			return bad("label %d of image %d, and %d classes", label, i, len(s.Classes))
		}
	}
	return nil
}

const (
	maxSetSide = 4096 // as networks have it
	hintSet    = "give a dataset.Set of N images of C×H×W bytes, 0 to 255, one after the other, and N labels or none"
)
