package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestFar: a convolution into an output so large that its tiles ask for their parts
// beforehand gives the bits of one into a small output.
func TestFar(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	fill := every(rng, 2000)
	const run, pixels = 7, 13
	for _, width := range widths() {
		for out := 1; out <= 24; out++ {
			w := &Weights{Out: out, Positions: run}
			w.Data, _ = guarded(out*run, 0, fill)
			bias, _ := guarded(out, 0, fill)
			x, _ := guarded((pixels+run)*width, 1, fill)
			mask, _ := guarded(pixels*out*width, 1, fill)
			px := make([]Pixel, pixels)
			for i := range px {
				px[i] = Pixel{X: int32(rng.IntN(pixels)), Y: int32(i * out)}
			}
			for _, mask := range [][]float32{nil, mask} {
				want := make([]float32, pixels*out*width)
				large := make([]float32, 1<<18)
				taps := Taps{Rows: 1, Run: run}
				Conv(width, want, x, w, bias, mask, taps, px)
				Conv(width, large, x, w, bias, mask, taps, px)
				if !sameBits(large[:len(want)], want) {
					t.Fatalf("%d lanes, %d channels: a large output has other bits", width, out)
				}
			}
		}
	}
}
