package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBits holds the kernels in assembly, of every processor and for blocks of
// both widths, to the bits of what they are to compute.
func TestBits(t *testing.T) {
	if Name() == "generic" {
		t.Skip("the generic kernels round products of their own")
	}
	rng := rand.New(rand.NewPCG(21, 22))
	for width := Width; width <= Widest(); width *= 2 {
		bitsOfConv(t, rng, width)
		bitsOfOuter(t, rng, width)
		bitsOfSampler(t, rng, width)
	}
	bitsOfActivations(t, rng)
}

// normalOf returns a source of normal numbers around zero.
func normalOf(rng *rand.Rand) func() float32 {
	return func() float32 { return float32(3 * rng.NormFloat64()) }
}

func sameAs(t *testing.T, what string, width int, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s, %d lanes: value %d is %v, want %v", what, width, i, got[i], want[i])
		}
	}
}

func bitsOfConv(t *testing.T, rng *rand.Rand, width int) {
	for _, out := range []int{1, 2, 3, 4, 5, 8, 11, 12, 16, 20, 23} {
		for pixels := 1; pixels <= 13; pixels++ {
			const run, rows = 6, 3
			normal := normalOf(rng)
			w := &Weights{Out: out, Positions: run * rows}
			w.Data, _ = guarded(out*w.Positions, 0, normal)
			bias, _ := guarded(out, 0, normal)
			x, _ := guarded(60*width, pixels%8, normal)
			mask, _ := guarded(pixels*out*width, 1, normal)
			if pixels%2 == 0 {
				mask = nil
			}
			px := make([]Pixel, pixels)
			for i := range px {
				px[i] = Pixel{X: int32(rng.IntN(30)), Y: int32(i * out)}
			}
			got, want := make([]float32, pixels*out*width), make([]float32, pixels*out*width)
			taps := Taps{Rows: rows, Run: run, XStride: 10, WStride: run}
			Conv(width, got, x, w, bias, mask, taps, px)
			convFused(width, want, x, w, bias, mask, taps, px)
			sameAs(t, "Conv", width, got, want)
		}
	}
}

func bitsOfOuter(t *testing.T, rng *rand.Rand, width int) {
	normal := normalOf(rng)
	const no = 4 // a strip of fewer channels runs in Go
	for ni := 1; ni <= 14; ni++ {
		dy, _ := guarded(20*4*width, 3, normal)
		x, _ := guarded(20*ni*width, 1, normal)
		sums := func() (grad, high []float32) {
			if width > Width {
				high = slices.Repeat([]float32{0.25}, 4*ni)
			}
			return slices.Repeat([]float32{-0.5}, 4*ni), high
		}
		r := Rect{Rows: 4, Cols: 5, DyRow: 5 * 4, DyCol: 4, XRow: 5 * ni, XCol: ni}
		got, gotHigh := sums()
		want, wantHigh := sums()
		Outer(got, gotHigh, dy, x, no, ni, r)
		outerFused(want, wantHigh, dy, x, no, ni, r)
		sameAs(t, "Outer", width, got, want)
		sameAs(t, "Outer", width, gotHigh, wantHigh)
	}
}

func bitsOfSampler(t *testing.T, rng *rand.Rand, width int) {
	var c Counter
	scale, eta := make([]float32, width), make([]float32, width)
	for l := range width {
		c.Key0[l], c.Key1[l], c.Stream[l], c.Chain[l], c.Step[l] = rng.Uint32(), rng.Uint32(), rng.Uint32(), uint32(l), 7
		scale[l], eta[l] = rng.Float32(), 10*rng.Float32()
	}
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40}
	for _, groups := range []int{1, 2, 3, 7, 40} {
		start, _ := guarded(groups*4*width, 2, normalOf(rng))
		g, _ := guarded(groups*4*width, 3, normalOf(rng))
		for i, v := range bad {
			start[(17*i+3)%len(start)], g[(23*i+5)%len(g)] = v, v
		}
		got, want := slices.Clone(start), slices.Clone(start)
		Noise(got, &c, scale, -1, 1)
		noiseFused(want, &c, scale, -1, 1)
		sameAs(t, "Noise", width, got, want)

		sums := make([][]float32, 4)
		for i := range sums {
			sums[i] = slices.Repeat([]float32{float32(i%2) + 0.5}, width)
		}
		Descend(got, g, eta, 0.4, -1, 1, sums[0], sums[1])
		descendFused(want, g, eta, 0.4, -1, 1, sums[2], sums[3])
		sameAs(t, "Descend", width, got, want)
		sameAs(t, "Descend's squares", width, sums[0], sums[2])
		sameAs(t, "Descend's clipped", width, sums[1], sums[3])
	}
}

func bitsOfActivations(t *testing.T, rng *rand.Rand) {
	x := []float32{0, float32(math.Copysign(0, -1)), 1e-40, -1e-40, 69.9, 70, 70.1, -103.9, -104, -110, 1e30, 3e38, -3e38, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	for v := float32(-120); v < 120; v += 0.0371 {
		x = append(x, v)
	}
	for range 20000 {
		x = append(x, float32(rng.NormFloat64()*math.Exp2(float64(rng.IntN(12)-6))))
	}
	x = x[:len(x)/Width*Width]
	for _, n := range []int{Width, 5 * Width, len(x)} {
		y, d, wantY, wantD := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		SiLU(y, d, x[:n])
		siluFused(wantY, wantD, x[:n])
		sameAs(t, "SiLU", Width, y, wantY)
		sameAs(t, "SiLU's derivative", Width, d, wantD)
		Mul(y, x[:n], x[len(x)-n:])
		Add(d, x[:n], x[len(x)-n:])
		for i := range n {
			wantY[i], wantD[i] = product(x[i], x[len(x)-n+i]), sum(x[i], x[len(x)-n+i])
		}
		sameAs(t, "Mul", Width, y, wantY)
		sameAs(t, "Add", Width, d, wantD)
	}
	bitsOfMore(t, x)
}
