package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestConvQuads holds squares to the bits of Conv, which computes each of their
// outputs by itself.
func TestConvQuads(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for _, width := range widths() {
		for size := 2; size <= 7; size++ {
			for channels := 1; channels <= 3; channels++ {
				for _, squares := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13} {
					quadsAgree(t, rng, width, size, channels, squares)
				}
			}
		}
	}
}

func quadsAgree(t *testing.T, rng *rand.Rand, width, size, channels, squares int) {
	t.Helper()
	fill := every(rng, 3000)
	q := &Quads{Channels: channels, Depth: 1 + rng.IntN(5), Kernel: size, YStride: 2*channels*squares + rng.IntN(3)}
	n := q.Taps()
	q.XStride = n*q.Depth + rng.IntN(5)
	q.Data, _ = guarded(channels*n*n*q.Depth*4, 0, fill)
	x, _ := guarded((20+n*q.XStride)*width, rng.IntN(16), fill)
	y, intact := guarded((2*q.YStride+1)*width, rng.IntN(16), func() float32 { return guard })
	var mask []float32
	if squares%2 == 0 {
		mask, _ = guarded(len(y), rng.IntN(16), fill)
	}
	px := make([]Pixel, squares)
	for i := range px {
		px[i] = Pixel{X: int32(rng.IntN(20)), Y: int32(2 * channels * i)}
	}
	want := make([]float32, len(y))
	copy(want, y)
	ConvQuads(width, y, x, q, mask, px)
	if !intact() {
		t.Fatalf("kernel of %d, %d squares: wrote outside y", size, squares)
	}
	for output := range 4 {
		row, col := q.Skip(output)
		w := &Weights{Out: channels, Positions: n * n * q.Depth}
		w.Data = make([]float32, channels*w.Positions)
		for i := range channels {
			for at := range w.Positions {
				w.Data[w.Index(i, at)] = q.Data[(i*w.Positions+at)*4+output]
			}
		}
		taps := Taps{Rows: n - row, Run: (n - col) * q.Depth, XStride: q.XStride, W: (row*n + col) * q.Depth, WStride: n * q.Depth}
		alone := make([]Pixel, squares)
		for i, p := range px {
			alone[i] = Pixel{X: p.X + int32(row*q.XStride+col*q.Depth), Y: p.Y + int32(output/2*q.YStride+output%2*channels)}
		}
		Conv(width, want, x, w, make([]float32, channels), mask, taps, alone)
	}
	if !sameBits(y, want) {
		t.Fatalf("%d lanes, kernel of %d, depth %d, %d channels, %d squares: ConvQuads differs from Conv", width, size, q.Depth, channels, squares)
	}
}
