package grid

import (
	"fmt"
	"image"
)

// Filmstrip lays out what became of n images of c×h×w values over time: a row
// for each image, a column for each of the frames, which hold all n. It is
// torchvision's make_grid of one chain's pictures with as many in a row as
// there are, for every chain, one below the other; opt.Columns has no effect.
func Filmstrip(frames [][]float32, n, c, h, w int, opt Options) image.Image {
	size := c * h * w
	if len(frames) == 0 {
		panic("grid: a filmstrip without frames")
	}
	images := make([]float32, 0, len(frames)*n*size)
	for i := range n {
		for k, frame := range frames {
			if len(frame) != n*size {
				panic(fmt.Sprintf("grid: frame %d: %d values are not %d images of %d×%d×%d", k, len(frame), n, c, h, w))
			}
			images = append(images, frame[i*size:(i+1)*size]...)
		}
	}
	opt.Columns = len(frames)
	return Make(images, n*len(frames), c, h, w, opt)
}
