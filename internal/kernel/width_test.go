package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// widths lists those that the level in use has kernels of its own for.
func widths() []int {
	if Name() == "generic" || Widest() == MaxWidth {
		return []int{Width, MaxWidth}
	}
	return []int{Width}
}

// halfOf returns the lower or the upper lanes of a wide block.
func halfOf(wide []float32, upper int) []float32 {
	v := make([]float32, 0, len(wide)/2)
	for i := upper * Width; i < len(wide); i += MaxWidth {
		v = append(v, wide[i:i+Width]...)
	}
	return v
}

// sameBits reports whether all elements are the same, or both NaN.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	})
}

// every draws numbers of all kinds: ordinary ones for the most part, but also
// subnormal ones and, in one of so many, those that are not finite.
func every(rng *rand.Rand, bad int) func() float32 {
	small := tiny(rng)
	odd := []float32{float32(math.NaN()), inf, -inf}
	return func() float32 {
		switch {
		case rng.IntN(bad) == 0:
			return odd[rng.IntN(len(odd))]
		case rng.IntN(10) == 0:
			return small()
		}
		return float32(rng.NormFloat64())
	}
}

// TestWidthsAgree holds the lanes of a block of sixteen to the bits of two
// blocks of eight.
func TestWidthsAgree(t *testing.T) {
	if len(widths()) < 2 {
		t.Skip("these kernels have one width")
	}
	rng := rand.New(rand.NewPCG(21, 22))
	for _, out := range []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 20, 24, 27} {
		for pixels := 1; pixels <= 20; pixels++ {
			for _, size := range [][2]int{{0, 0}, {1, 1}, {2, 5}, {3, 7}, {1, 40}} {
				convWidthsAgree(t, rng, out, pixels, size[0], size[1])
			}
		}
	}
	for no := 1; no <= 4; no++ {
		for ni := 1; ni <= 20; ni++ {
			outerWidthsAgree(t, rng, no, ni)
		}
	}
	for n := range 40 {
		loopWidthsAgree(t, rng, n)
	}
}

func convWidthsAgree(t *testing.T, rng *rand.Rand, out, pixels, rows, run int) {
	t.Helper()
	fill := every(rng, 2000)
	taps := Taps{Rows: rows, Run: run, XStride: run + rng.IntN(3), W: rng.IntN(3), WStride: run + rng.IntN(3)}
	w := &Weights{Out: out, Positions: taps.W + rows*taps.WStride + 1}
	w.Data, _ = guarded(out*w.Positions, 0, fill)
	bias, _ := guarded(out, 0, fill)
	x, _ := guarded((10+rows*taps.XStride+run)*MaxWidth, rng.IntN(16), fill)
	mask, _ := guarded(pixels*out*MaxWidth, rng.IntN(16), fill)
	y, intact := guarded(len(mask), rng.IntN(16), func() float32 { return guard })
	px := make([]Pixel, pixels)
	for i := range px {
		px[i] = Pixel{X: int32(rng.IntN(10)), Y: int32((pixels - 1 - i) * out)}
	}
	if pixels%2 == 0 {
		mask = nil
	}
	Conv(MaxWidth, y, x, w, bias, mask, taps, px)
	if !intact() {
		t.Fatalf("%d channels, %d pixels: wrote outside y", out, pixels)
	}
	for upper := range 2 {
		want := make([]float32, len(y)/2)
		var m []float32
		if mask != nil {
			m = halfOf(mask, upper)
		}
		Conv(Width, want, halfOf(x, upper), w, bias, m, taps, px)
		if got := halfOf(y, upper); !sameBits(got, want) {
			t.Fatalf("Conv of %d channels, %d pixels, %d×%d taps: half %d of sixteen lanes differs from eight", out, pixels, rows, run, upper)
		}
	}
}

// A wide block adds to the gradient what two narrow ones add, one after the
// other: to one gradient or to one each.
func outerWidthsAgree(t *testing.T, rng *rand.Rand, no, ni int) {
	t.Helper()
	fill := every(rng, 2000)
	r := Rect{Rows: 1 + rng.IntN(4), Cols: 1 + rng.IntN(5), DyCol: 4 + rng.IntN(3), XCol: ni + rng.IntN(3)}
	r.DyRow, r.XRow = r.Cols*r.DyCol+rng.IntN(4), r.Cols*r.XCol+rng.IntN(4)
	dy, _ := guarded((r.Rows*r.DyRow+4)*MaxWidth, rng.IntN(16), fill)
	x, _ := guarded((r.Rows*r.XRow+ni)*MaxWidth, rng.IntN(16), fill)
	start, _ := guarded(4*ni, 0, fill)

	both, intact := guarded(4*ni, rng.IntN(16), fill)
	low, high := slices.Clone(start), slices.Clone(start)
	copy(both, start)
	Outer(both, both, dy, x, no, ni, r)
	Outer(low, high, dy, x, no, ni, r)
	if !intact() {
		t.Fatalf("Outer of %d×%d: wrote outside", no, ni)
	}
	wantBoth := slices.Clone(start)
	for upper, got := range [][]float32{low, high} {
		want := slices.Clone(start)
		Outer(want, nil, halfOf(dy, upper), halfOf(x, upper), no, ni, r)
		Outer(wantBoth, nil, halfOf(dy, upper), halfOf(x, upper), no, ni, r)
		if !sameBits(got, want) {
			t.Fatalf("Outer of %d×%d: half %d of sixteen lanes differs from eight", no, ni, upper)
		}
	}
	if !sameBits(both, wantBoth) {
		t.Fatalf("Outer of %d×%d: a block of sixteen into one gradient differs from two of eight", no, ni)
	}
}

// loopWidthsAgree compares Noise and Descend on n elements.
func loopWidthsAgree(t *testing.T, rng *rand.Rand, n int) {
	t.Helper()
	fill := every(rng, 50)
	var c Counter
	for _, word := range []*[MaxWidth]uint32{&c.Key0, &c.Key1, &c.Stream, &c.Chain, &c.Step} {
		for l := range word {
			word[l] = rng.Uint32()
		}
	}
	lanes, _ := guarded(MaxWidth, 1, fill)
	x, intact := guarded(n*MaxWidth, rng.IntN(16), fill)
	g, _ := guarded(n*MaxWidth, rng.IntN(16), fill)
	x0, sums, counts := slices.Clone(x), make([]float32, MaxWidth), make([]float32, MaxWidth)
	Noise(x, &c, lanes, -1, 1)
	noisy, moved := slices.Clone(x), x
	Descend(moved, g, lanes, 0.5, -1, 1, sums, counts)
	if !intact() {
		t.Fatalf("Noise or Descend on %d elements: wrote outside", n)
	}
	for upper := range 2 {
		d := c
		for _, word := range []*[MaxWidth]uint32{&d.Key0, &d.Key1, &d.Stream, &d.Chain, &d.Step} {
			copy(word[:Width], word[upper*Width:])
		}
		x, few := halfOf(x0, upper), halfOf(lanes, upper)
		s, k := make([]float32, Width), make([]float32, Width)
		check := func(what string, got, want []float32) {
			t.Helper()
			if !sameBits(halfOf(got, upper), want) {
				t.Fatalf("%s on %d elements: half %d of sixteen lanes differs from eight", what, n, upper)
			}
		}
		Noise(x, &d, few, -1, 1)
		check("Noise", noisy, x)
		Descend(x, halfOf(g, upper), few, 0.5, -1, 1, s, k)
		check("Descend", moved, x)
		check("Descend's sums", sums, s)
		check("Descend's counts", counts, k)
	}
}
