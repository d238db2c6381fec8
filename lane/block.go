package lane

import "github.com/joule-ml/joule/internal/kernel"

// Blocks are Width images wide, or Max where the kernels in use work on so many
// at once. Results do not depend on it.
const (
	Width = kernel.Width
	Max   = kernel.MaxWidth
)

// Choose returns the width of blocks for n images on so many workers. Wide ones
// are faster, but leave workers without work where there are few images, and
// lanes where their number is no multiple of the width.
func Choose(n, workers int) int {
	wide, workers := kernel.Widest(), max(workers, 1)
	lanes := func(width int) int { // that a worker goes through
		return (Blocks(n, width) + workers - 1) / workers * width
	}
	if n >= wide*workers && 5*lanes(wide) <= 6*lanes(Width) {
		return wide
	}
	return Width
}

// Blocks returns the number of blocks of a width that hold n images.
func Blocks(n, width int) int { return (n + width - 1) / width }

// A Shape is that of one image or of one layer's activations.
type Shape struct{ C, H, W int }

// Len is the number of values in one image.
func (s Shape) Len() int { return s.C * s.H * s.W }

// BlockLen is the number of values in a block of images.
func (s Shape) BlockLen(width int) int { return s.Len() * width }

// width returns that of a block of images.
func (s Shape) width(block []float32) int {
	w := len(block) / s.Len()
	if w < 1 || w > Max || len(block) != w*s.Len() {
		panic("lane: values that are no block of such images")
	}
	return w
}

// Pack lays images, N×C×H×W, side by side in a block [H][W][C][width]. The
// lanes left over repeat the last image: a dead lane that held zeros could turn
// into NaN on its own.
func Pack(dst, images []float32, s Shape) {
	n, width := len(images)/s.Len(), s.width(dst)
	if n < 1 || n > width || len(images) != n*s.Len() {
		panic("lane: Pack of images that do not fit the block")
	}
	for l := range width {
		PackLane(dst, images[min(l, n-1)*s.Len():][:s.Len()], s, l)
	}
}

// PackLane lays one image, C×H×W, into one lane of a block.
func PackLane(dst, image []float32, s Shape, lane int) {
	plane, width := s.H*s.W, s.width(dst)
	for c := range s.C {
		at := c*width + lane
		for _, v := range image[c*plane : (c+1)*plane] {
			dst[at] = v
			at += s.C * width
		}
	}
}

// Unpack is the reverse of Pack; dead lanes are dropped.
func Unpack(images, src []float32, s Shape) {
	n := len(images) / s.Len()
	if n < 1 || n > s.width(src) || len(images) != n*s.Len() {
		panic("lane: Unpack of a block into images that do not fit it")
	}
	for l := range n {
		UnpackLane(images[l*s.Len():][:s.Len()], src, s, l)
	}
}

// UnpackLane is the reverse of PackLane.
func UnpackLane(image, src []float32, s Shape, lane int) {
	plane, width := s.H*s.W, s.width(src)
	for c := range s.C {
		dst, at := image[c*plane:(c+1)*plane], c*width+lane
		for p := range dst {
			dst[p] = src[at]
			at += s.C * width
		}
	}
}
