package lane

import "github.com/joule-ml/joule/internal/kernel"

// Width is the number of images in a block.
const Width = kernel.Width

// Blocks returns the number of blocks that hold n images.
func Blocks(n int) int { return (n + Width - 1) / Width }

// A Shape is that of one image or of one layer's activations.
type Shape struct{ C, H, W int }

// Len is the number of values in one image.
func (s Shape) Len() int { return s.C * s.H * s.W }

// BlockLen is the number of values in a block of images.
func (s Shape) BlockLen() int { return s.Len() * Width }

// Pack lays up to eight images, N×C×H×W, side by side in a block
// [H][W][C][Width]. The lanes left over repeat the last image: a dead lane
// that held zeros could turn into NaN on its own.
func Pack(dst, images []float32, s Shape) {
	n := len(images) / s.Len()
	if n < 1 || n > Width || len(images) != n*s.Len() || len(dst) != s.BlockLen() {
		panic("lane: Pack of images that do not fit the block")
	}
	for l := range Width {
		PackLane(dst, images[min(l, n-1)*s.Len():][:s.Len()], s, l)
	}
}

// PackLane lays one image, C×H×W, into one lane of a block.
func PackLane(dst, image []float32, s Shape, lane int) {
	plane := s.H * s.W
	for c := range s.C {
		for p, v := range image[c*plane : (c+1)*plane] {
			dst[(p*s.C+c)*Width+lane] = v
		}
	}
}

// Unpack is the reverse of Pack; dead lanes are dropped.
func Unpack(images, src []float32, s Shape) {
	n := len(images) / s.Len()
	if n < 1 || n > Width || len(images) != n*s.Len() || len(src) != s.BlockLen() {
		panic("lane: Unpack of a block into images that do not fit it")
	}
	for l := range n {
		UnpackLane(images[l*s.Len():][:s.Len()], src, s, l)
	}
}

// UnpackLane is the reverse of PackLane.
func UnpackLane(image, src []float32, s Shape, lane int) {
	plane := s.H * s.W
	for c := range s.C {
		dst := image[c*plane : (c+1)*plane]
		for p := range dst {
			dst[p] = src[(p*s.C+c)*Width+lane]
		}
	}
}
