package dataset

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

// Augment changes real images each time they are trained on: each is moved by
// up to Shift pixels either way, and mirrored left to right with the
// probability Flip.
type Augment struct {
	Shift int     `yaml:"shift"`
	Flip  float64 `yaml:"flip"`
}

// Settings lists the keys of a.
func (a *Augment) Settings() setting.List {
	return setting.List{
		{Key: "shift", Value: &a.Shift, Hi: MaxSide, About: "pixels by which real images are moved at most, either way, each time"},
		{Key: "flip", Value: &a.Flip, Hi: 1, About: "share of real images that are mirrored, left to right"},
	}
}

// Apply changes a batch of images, as the stream and the step say. scratch has
// room for one.
func (a Augment) Apply(images, scratch []float32, shape lane.Shape, s random.Stream, step uint32) {
	if a.Shift == 0 && a.Flip == 0 {
		return
	}
	size := shape.Len()
	for slot := range len(images) / size {
		image := images[slot*size:][:size]
		w := s.Words(uint32(slot), step, 0)
		copy(scratch, image)
		Move(image, scratch[:size], shape, Offset(w[0], a.Shift), Offset(w[1], a.Shift), float64(w[2]) < a.Flip*(1<<32))
	}
}

// Offset makes a number from −most to most of a random word.
func Offset(word uint32, most int) int {
	return int(uint64(word)*uint64(2*most+1)>>32) - most
}

// Move writes an image C×H×W to dst, dx pixels to the right and dy down, after
// mirroring it left to right where flip is set. What is laid bare is filled
// with the nearest pixel.
func Move(dst, image []float32, s lane.Shape, dx, dy int, flip bool) {
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
