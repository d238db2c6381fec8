package sampler

import (
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// PatchWords is the index of the random words that give a patch its place. The
// noise uses none of them.
const PatchWords = math.MaxUint32

// Patch draws uniform noise in a rectangle, on an image of the value lo. Its
// sides are uniform from a quarter of the image's up, so is the upper end of
// its values from a quarter of the range up. It leaves the fourth of its words
// to the caller.
func Patch(dst []float32, shape lane.Shape, s random.Stream, chain, step uint32, lo, hi float32) {
	w := s.Words(chain, step, PatchWords)
	span := func(word uint32, side int) (from, to int) {
		least := max(1, side/4)
		length := least + int(uint64(word>>16)*uint64(side-least+1)>>16)
		from = int(uint64(word&0xffff) * uint64(side-length+1) >> 16)
		return from, from + length
	}
	top, bottom := span(w[0], shape.H)
	left, right := span(w[1], shape.W)
	s.Uniform(dst, chain, step, lo, lo+float32((hi-lo)*(0.25+float32(0.75*kernel.Unit(w[2])))))
	for c := range shape.C {
		for y := range shape.H {
			for x := range shape.W {
				if y < top || y >= bottom || x < left || x >= right {
					dst[(c*shape.H+y)*shape.W+x] = lo
				}
			}
		}
	}
}
