package sampler

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// Sixteen chains give the same bits in one block and in two.
func TestWidth(t *testing.T) {
	if kernel.Widest() < lane.Max && kernel.Name() != "generic" {
		t.Skipf("kernels %s have no wide blocks", kernel.Name())
	}
	const n = 11
	for _, method := range Methods() {
		c := DefaultConfig()
		c.Method, c.Steps, c.Noise, c.StepSize = method, 30, 0.1, 0.01
		run := func(width int) (x []float32, info []Info) {
			x, info = make([]float32, n*lane.Max), make([]Info, lane.Max)
			for first := 0; first < lane.Max; first += width {
				var chains []uint32
				for l := range width {
					chains = append(chains, uint32(first+l))
				}
				s := NewState(make([]float32, n*width), width, random.Stream{Seed: 9}, chains, 3)
				if err := Advance(t.Context(), c, &gaussian{mean: 0.2, variance: 0.3}, &s, info[first:first+width], nil); err != nil {
					t.Fatal(err)
				}
				for i, v := range s.X {
					x[i/width*lane.Max+first+i%width] = v
				}
			}
			return x, info
		}
		x, info := run(lane.Width)
		x2, info2 := run(lane.Max)
		if !slices.Equal(x, x2) {
			t.Errorf("%s: positions differ", method)
		}
		if !slices.Equal(info, info2) {
			t.Errorf("%s: %+v in two blocks, %+v in one", method, info, info2)
		}
	}
}
