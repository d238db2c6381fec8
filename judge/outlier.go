package judge

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// Images are N images of one shape, in [−1, 1]; *dataset.Set has the method.
type Images interface {
	// Image writes image i, C×H×W, to dst.
	Image(dst []float32, i int)
}

// An OutlierSet makes images that a model should find unlikely, one from each
// image of a base set. Image i is a function of the seed, i and image i of the
// base alone. It is itself Images, for any number of goroutines if the base
// is.
type OutlierSet struct {
	Name string

	base   Images
	shape  lane.Shape
	random random.Stream
	number uint32 // of the set, which tells its random numbers from others'
	change func(s *OutlierSet, x []float32, i int)
	order  []int32 // of pixels, for shuffled
}

// Image writes image i, C×H×W in [−1, 1], to dst.
func (s *OutlierSet) Image(dst []float32, i int) {
	if len(dst) != s.shape.Len() {
		panic(fmt.Sprintf("judge: Image needs room for %d values, not %d", s.shape.Len(), len(dst)))
	}
	s.base.Image(dst, i)
	if s.change != nil {
		s.change(s, dst, i)
	}
}

// The sets in order. A set's place is part of its random numbers: append,
// never reorder.
var outliers = []struct {
	name   string
	change func(s *OutlierSet, x []float32, i int)
}{
	{"uniform", (*OutlierSet).uniform},
	{"inverted", (*OutlierSet).inverted},
	{"shuffled", (*OutlierSet).shuffled},
	{"gray", (*OutlierSet).gray},
	{"noise-0.3", func(s *OutlierSet, x []float32, i int) { s.noise(x, i, 0.3) }},
	{"noise-0.1", func(s *OutlierSet, x []float32, i int) { s.noise(x, i, 0.1) }},
	{"half-size", (*OutlierSet).halfSize},
	{"rotated-180", (*OutlierSet).rotated},
	{"blank", (*OutlierSet).blank},
	{"hflip", (*OutlierSet).hflip},
	{"vflip", (*OutlierSet).vflip},
	{"erased", (*OutlierSet).erased},
	{"checkerboard", (*OutlierSet).checkerboard},
}

// Outliers returns the sets of outliers over a base of images of the given
// shape, at least 2×2. In their order and by name, for an image x of the base:
//
//	uniform       every value uniform in [−1, 1)
//	inverted      −x
//	shuffled      the pixels of x in another order, one for all images
//	gray          every value the same, uniform in [−1, 1) for each image
//	noise-0.3     x + N(0, 0.3²) for each value, clamped to [−1, 1]
//	noise-0.1     x + N(0, 0.1²) for each value, clamped to [−1, 1]
//	half-size     x at half the size, each value the mean of 2×2, centred on
//	              −1; of odd sides the last row or column is dropped, and the
//	              margin after it is the larger one
//	rotated-180   x upside down: turned by half
//	blank         −1
//	hflip         x mirrored, left for right
//	vflip         x mirrored, top for bottom
//	erased        x with −1 in a square of half the shorter side, rounded down,
//	              at a place uniform among those within the image (the
//	              occlusion of DeVries and Taylor 2017)
//	checkerboard  squares of 1 and −1 in turn, the same in all channels; their
//	              side is uniform in 1 … a quarter of the shorter side (at
//	              least 1), and the board is shifted by 0 … 2·side−1 pixels
//	              each way, uniformly, for each image
//
// Pixels of several channels stay together. OtherSet adds the images of
// another data set to them.
func Outliers(base Images, shape lane.Shape, seed uint64) []*OutlierSet {
	if shape.C < 1 || shape.H < 2 || shape.W < 2 {
		panic(fmt.Sprintf("judge: Outliers of images of %d×%d×%d", shape.C, shape.H, shape.W))
	}
	random := random.Stream{Seed: seed, Purpose: random.OutlierSets}
	sets := make([]*OutlierSet, len(outliers))
	for n, o := range outliers {
		sets[n] = &OutlierSet{Name: o.name, base: base, shape: shape, random: random, number: uint32(n), change: o.change}
		if o.name == "shuffled" {
			sets[n].order = random.Permutation(shape.H*shape.W, uint32(n))
		}
	}
	return sets
}

// OtherSet makes a set of outliers of other images, such as those of another
// data set, as they are.
func OtherSet(name string, images Images, shape lane.Shape) *OutlierSet {
	return &OutlierSet{Name: name, base: images, shape: shape}
}

func (s *OutlierSet) uniform(x []float32, i int) { s.random.Uniform(x, uint32(i), s.number, -1, 1) }

func (s *OutlierSet) inverted(x []float32, _ int) {
	for j := range x {
		x[j] = -x[j]
	}
}

func (s *OutlierSet) shuffled(x []float32, _ int) {
	plane := make([]float32, len(s.order))
	for c := range s.shape.C {
		p := x[c*len(plane) : (c+1)*len(plane)]
		copy(plane, p)
		for j, from := range s.order {
			p[j] = plane[from]
		}
	}
}

func (s *OutlierSet) gray(x []float32, i int) {
	var v [1]float32
	s.random.Uniform(v[:], uint32(i), s.number, -1, 1)
	fill(x, v[0])
}

func fill(x []float32, v float32) {
	for j := range x {
		x[j] = v
	}
}

func (s *OutlierSet) noise(x []float32, i int, sd float64) {
	for j := range x {
		// Box and Muller (1958), a pair from two words.
		if j%4 == 0 {
			w := s.random.Words(uint32(i), s.number, uint32(j/4))
			for pair := 0; pair < 4; pair += 2 {
				radius := math.Sqrt(-2 * math.Log((float64(w[pair])+0.5)*0x1p-32))
				sin, cos := math.Sincos(2 * math.Pi * float64(w[pair+1]) * 0x1p-32)
				for t, n := range [2]float64{radius * cos, radius * sin} {
					if at := j + pair + t; at < len(x) {
						x[at] = min(max(float32(float64(x[at])+sd*n), -1), 1)
					}
				}
			}
		}
	}
}

func (s *OutlierSet) halfSize(x []float32, _ int) {
	h, w := s.shape.H/2, s.shape.W/2
	top, left := (s.shape.H-h)/2, (s.shape.W-w)/2
	half := make([]float32, h*w)
	for c := range s.shape.C {
		plane := x[c*s.shape.H*s.shape.W : (c+1)*s.shape.H*s.shape.W]
		for r := range h {
			for q := range w {
				at := 2*r*s.shape.W + 2*q
				half[r*w+q] = (plane[at] + plane[at+1] + plane[at+s.shape.W] + plane[at+s.shape.W+1]) / 4
			}
		}
		fill(plane, -1)
		for r := range h {
			copy(plane[(top+r)*s.shape.W+left:], half[r*w:(r+1)*w])
		}
	}
}

func (s *OutlierSet) blank(x []float32, _ int) { fill(x, -1) }

func (s *OutlierSet) rotated(x []float32, i int) {
	s.hflip(x, i)
	s.vflip(x, i)
}

func (s *OutlierSet) hflip(x []float32, _ int) {
	w := s.shape.W
	for ; len(x) > 0; x = x[w:] {
		for q := range w / 2 {
			x[q], x[w-1-q] = x[w-1-q], x[q]
		}
	}
}

func (s *OutlierSet) vflip(x []float32, _ int) {
	h, w := s.shape.H, s.shape.W
	for ; len(x) > 0; x = x[h*w:] {
		for r := range h / 2 {
			for q := range w {
				a, b := r*w+q, (h-1-r)*w+q
				x[a], x[b] = x[b], x[a]
			}
		}
	}
}

func (s *OutlierSet) erased(x []float32, i int) {
	h, w := s.shape.H, s.shape.W
	side := min(h, w) / 2
	words := s.random.Words(uint32(i), s.number, 0)
	top, left := below(words[0], h-side+1), below(words[1], w-side+1)
	for c := range s.shape.C {
		for r := range side {
			fill(x[(c*h+top+r)*w+left:][:side], -1)
		}
	}
}

func (s *OutlierSet) checkerboard(x []float32, i int) {
	h, w := s.shape.H, s.shape.W
	words := s.random.Words(uint32(i), s.number, 0)
	side := 1 + below(words[0], max(min(h, w)/4, 1))
	down, right := below(words[1], 2*side), below(words[2], 2*side)
	for j := range x {
		r, q := j/w%h, j%w
		x[j] = float32(1 - 2*(((r+down)/side+(q+right)/side)%2))
	}
}

// below makes a random word a number in 0 … n−1. For the sides of images its
// bias is below 10⁻⁶.
func below(word uint32, n int) int { return int(uint64(word) * uint64(n) >> 32) }
