//go:build !purego

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLevelsAgree holds the AVX-512 kernels to the bits of the AVX2 ones: the
// same seed trains the same model with both.
func TestLevelsAgree(t *testing.T) {
	if level < avx512 {
		t.Skip("the AVX-512 kernels are not in use here")
	}
	defer func() { level = avx512 }()
	rng := rand.New(rand.NewPCG(11, 12))
	convAgrees(t, rng)
	outerAgrees(t, rng)
	siluAgrees(t, rng)
	noiseAgrees(t, rng)
	agree(t, "a kernel on subnormal numbers", func() (all []float32) {
		flushed(tiny(rand.New(rand.NewPCG(6, 7))), func(_ string, got []float32) { all = append(all, got...) })
		return all
	})
}

// agree runs f at both levels; f fills and returns what it computes.
func agree(t *testing.T, what string, f func() []float32) {
	t.Helper()
	level = avx2
	want := slices.Clone(f())
	level = avx512
	if got := f(); !slices.Equal(got, want) {
		t.Fatalf("%s: AVX-512 and AVX2 give different bits", what)
	}
}

func convAgrees(t *testing.T, rng *rand.Rand) {
	normal := normalOf(rng)
	for _, out := range []int{8, 12, 16, 20} {
		for pixels := 1; pixels <= 20; pixels++ {
			const run, rows = 7, 3
			w := &Weights{Out: out, Positions: run * rows}
			w.Data, _ = guarded(out*w.Positions, 0, normal)
			bias, _ := guarded(out, 0, normal)
			x, _ := guarded(1000*Width, pixels%8, normal)
			mask, _ := guarded(pixels*out*Width, 1, normal)
			if pixels%2 == 0 {
				mask = nil
			}
			px := make([]Pixel, pixels)
			for i := range px {
				px[i] = Pixel{X: int32(rng.IntN(300)), Y: int32(i * out)}
			}
			y := make([]float32, pixels*out*Width)
			agree(t, "Conv", func() []float32 {
				clear(y)
				Conv(Width, y, x, w, bias, mask, Taps{Rows: rows, Run: run, XStride: 100, WStride: run}, px)
				return y
			})
		}
	}
}

func outerAgrees(t *testing.T, rng *rand.Rand) {
	normal := normalOf(rng)
	for ni := 1; ni <= 26; ni++ {
		dy, _ := guarded(20*4*Width, 3, normal)
		x, _ := guarded(20*ni*Width, 1, normal)
		grad := make([]float32, 4*ni)
		agree(t, "Outer", func() []float32 {
			clear(grad)
			Outer(grad, nil, dy, x, 4, ni, Rect{Rows: 4, Cols: 5, DyRow: 5 * 4, DyCol: 4, XRow: 5 * ni, XCol: ni})
			return grad
		})
	}
}

func siluAgrees(t *testing.T, rng *rand.Rand) {
	normal := normalOf(rng)
	for vectors := range 12 {
		x, _ := guarded(vectors*Width, 5, normal)
		y, d := make([]float32, len(x)), make([]float32, len(x))
		agree(t, "SiLU", func() []float32 {
			SiLU(y, d, x)
			return append(slices.Clone(y), d...)
		})
	}
}

func noiseAgrees(t *testing.T, rng *rand.Rand) {
	var c Counter
	scale := make([]float32, Width)
	for l := range Width {
		c.Key0[l], c.Key1[l], c.Stream[l], c.Chain[l], c.Step[l] = rng.Uint32(), rng.Uint32(), rng.Uint32(), uint32(l), 7
		scale[l] = rng.Float32()
	}
	for _, groups := range []int{1, 2, 3, 4, 5, 6, 9, 20} {
		start, _ := guarded(groups*4*Width, 2, rng.Float32)
		x := make([]float32, len(start))
		agree(t, "Noise", func() []float32 {
			copy(x, start)
			Noise(x, &c, scale, -1, 1)
			return x
		})
	}
}
