package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A reduceCase is a call of each kernel of reduce.go on random vectors.
type reduceCase struct {
	width            int
	r                Rows
	a, b, dst        []float32 // blocks
	mean, slope, per []float32 // for each lane
	w, bias          []float32 // for each channel
	intact           func() bool
}

func newReduceCase(rng *rand.Rand, width int, r Rows, fill func() float32) *reduceCase {
	block := func() []float32 {
		v, _ := guarded(((r.Rows-1)*r.Stride+r.Run)*width, rng.IntN(8), fill)
		return v
	}
	few := func(n int) []float32 {
		v, _ := guarded(n, rng.IntN(8), fill)
		return v
	}
	c := &reduceCase{width: width, r: r, a: block(), b: block(), mean: few(width), slope: few(width), per: few(width), w: few(r.Run), bias: few(r.Run)}
	c.dst, c.intact = guarded(len(c.a), rng.IntN(8), fill)
	return c
}

// run calls the kernels, in assembly or in Go, and gives see what they set.
func (c *reduceCase) run(inGo bool, see func(name string, got []float32)) {
	to := make([]float32, c.width)
	pick := func(kernel, generic func()) {
		if inGo {
			kernel = generic
		}
		kernel()
	}
	pick(func() { Total(to, c.a, c.r) }, func() { totalGeneric(to, c.a, c.r) })
	see("Total", to)
	pick(func() { Squares(to, c.a, c.mean, c.r) }, func() { squaresGeneric(to, c.a, c.mean, c.r) })
	see("Squares", to)
	dot := make([]float32, c.width)
	pick(func() { Sums(to, dot, c.a, c.b, c.r) }, func() { sumsGeneric(to, dot, c.a, c.b, c.r) })
	see("Sums", to)
	see("Dots", dot)
	dst := slices.Clone(c.dst)
	if !inGo {
		dst = c.dst
	}
	start := slices.Clone(dst)
	pick(func() { Standardise(dst, c.a, c.mean, c.per, c.r) }, func() { standardiseGeneric(dst, c.a, c.mean, c.per, c.r) })
	see("Standardise", dst)
	copy(dst, start)
	pick(func() { Centre(dst, c.a, c.mean, c.slope, c.per, c.r) }, func() { centreGeneric(dst, c.a, c.mean, c.slope, c.per, c.r) })
	see("Centre", dst)
	if c.r.Run == c.r.Stride {
		pick(func() { Affine(c.width, dst, c.a, c.w, c.bias) }, func() { affineGeneric(c.width, dst, c.a, c.w, c.bias) })
		see("Affine", dst)
	}
	for _, w := range []Window{{1, 1, 0, 0}, {c.r.Rows, 1, c.r.Stride, 0}, {c.r.Rows, c.r.Run, c.r.Stride, 1}} {
		n := c.r.Run - (w.Cols-1)*w.Col
		clear(dst)
		pick(func() { Pool(c.width, dst, c.a, n, w, 0.3) }, func() { poolGeneric(c.width, dst, c.a, n, w, 0.3) })
		see(fmt.Sprint("Pool ", w), dst)
	}
}

// TestReduce holds the kernels in assembly to the bits of those in Go, and both
// halves of wide blocks to those of narrow ones.
func TestReduce(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for range 400 {
		r := Rows{Rows: 1 + rng.IntN(5), Run: 1 + rng.IntN(13)}
		r.Stride = r.Run + rng.IntN(2)*rng.IntN(5)
		c := newReduceCase(rng, MaxWidth, r, every(rng, 300))
		want, wide := map[string][]float32{}, map[string][]float32{}
		c.run(true, func(name string, got []float32) { want[name] = slices.Clone(got) })
		c.run(false, func(name string, got []float32) {
			sameAs(t, name, MaxWidth, got, want[name])
			wide[name] = slices.Clone(got)
		})
		if !c.intact() {
			t.Fatal("wrote outside")
		}
		for upper := range 2 {
			half := *c
			half.width = Width
			for _, v := range []*[]float32{&half.a, &half.b, &half.mean, &half.slope, &half.per} {
				*v = halfOf(*v, upper)
			}
			half.dst = halfOf(want["Standardise"], upper) // any
			half.run(false, func(name string, got []float32) {
				if name == "Total" || name == "Squares" || name == "Dots" || name == "Standardise" {
					sameAs(t, name, Width, got, halfOf(wide[name], upper))
				}
			})
		}
	}
}

// TestReduceExact compares with float64.
func TestReduceExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	c := newReduceCase(rng, Width, Rows{3, 11, 14}, func() float32 { return float32(rng.NormFloat64()) })
	start := slices.Clone(c.dst)
	vectors := func(f func(at int)) { c.r.each(Width, f) }
	want := map[string][]float64{}
	for _, name := range []string{"Total", "Dots", "Squares"} {
		want[name] = make([]float64, Width)
	}
	for _, name := range []string{"Standardise", "Centre"} {
		for _, v := range start {
			want[name] = append(want[name], float64(v))
		}
	}
	vectors(func(at int) {
		for l := range Width {
			a, mean, per := float64(c.a[at+l]), float64(c.mean[l]), float64(c.per[l])
			want["Total"][l] += a
			want["Squares"][l] += (a - mean) * (a - mean)
			want["Dots"][l] += a * float64(c.b[at+l])
			want["Standardise"][at+l] = (a - mean) * per
			want["Centre"][at+l] = (float64(start[at+l]) - mean - a*float64(c.slope[l])) * per
		}
	})
	c.run(false, func(name string, got []float32) {
		for i, w := range want[name] {
			if math.Abs(float64(got[i])-w) > 1e-5 {
				t.Fatalf("%s: value %d is %v, want %v", name, i, got[i], w)
			}
		}
	})
	y := make([]float32, 2*Width)
	Pool(Width, y, c.a, 2, Window{3, 2, 14, 3}, 0.5)
	for i := range y {
		sum := 0.0
		for r := range 3 {
			for col := range 2 {
				sum += float64(c.a[(14*r+3*col)*Width+i])
			}
		}
		if math.Abs(float64(y[i])-sum/2) > 1e-5 {
			t.Fatalf("Pool: value %d is %v, want %v", i, y[i], sum/2)
		}
	}
	if Pool(Width, y, nil, 2, Window{}, 1); slices.Max(y) != 0 || slices.Min(y) != 0 {
		t.Fatal("Pool of nothing is not zero")
	}
}

// BenchmarkReduce is on a block in the second-level cache.
func BenchmarkReduce(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := newReduceCase(rng, Width, Rows{64, 32, 32}, rng.Float32)
	to := make([]float32, Width)
	for _, k := range []struct {
		name string
		run  func()
	}{
		{"Total", func() { Total(to, c.a, c.r) }},
		{"Squares", func() { Squares(to, c.a, c.mean, c.r) }},
		{"Sums", func() { Sums(to, c.per, c.a, c.b, c.r) }},
		{"Standardise", func() { Standardise(c.dst, c.a, c.mean, c.per, c.r) }},
		{"Centre", func() { Centre(c.dst, c.a, c.mean, c.slope, c.per, c.r) }},
		{"Affine", func() { Affine(Width, c.dst, c.a, c.w, c.bias) }},
		{"Pool2x2", func() { Pool(Width, c.dst, c.a, 1000, Window{2, 2, 1000, 16}, 0.25) }},
	} {
		b.Run(k.name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(c.a)))
			for b.Loop() {
				k.run()
			}
		})
	}
}
