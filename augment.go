package joule

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// AugmentConfig changes real images each time they are trained on: each is
// moved by up to Shift pixels either way, and mirrored left to right with the
// probability Flip.
type AugmentConfig struct {
	Shift int     `yaml:"shift"`
	Flip  float64 `yaml:"flip"`
}

// augment changes a batch of images, as the stream and the step say. scratch
// has room for one.
func (c AugmentConfig) augment(images, scratch []float32, shape lane.Shape, s random.Stream, step uint32) {
	if c.Shift == 0 && c.Flip == 0 {
		return
	}
	size := shape.Len()
	for slot := range len(images) / size {
		image := images[slot*size:][:size]
		w := s.Words(uint32(slot), step, 0)
		copy(scratch, image)
		move(image, scratch[:size], shape, offset(w[0], c.Shift), offset(w[1], c.Shift), float64(w[2]) < c.Flip*(1<<32))
	}
}

// offset makes a number from −most to most of a random word.
func offset(word uint32, most int) int {
	return int(uint64(word)*uint64(2*most+1)>>32) - most
}

// move writes an image C×H×W to dst, dx pixels to the right and dy down, after
// mirroring it left to right where flip is set. What is laid bare is filled
// with the nearest pixel.
func move(dst, image []float32, s lane.Shape, dx, dy int, flip bool) {
	for c := range s.C {
		for y := range s.H {
			row := image[(c*s.H+min(max(y-dy, 0), s.H-1))*s.W:][:s.W]
			out := dst[(c*s.H+y)*s.W:][:s.W]
			for x := range out {
				from := min(max(x-dx, 0), s.W-1)
				if flip {
					from = s.W - 1 - from
				}
				out[x] = row[from]
			}
		}
	}
}
