package kernel

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// tiny draws numbers that are subnormal, or whose products are, among others.
func tiny(rng *rand.Rand) func() float32 {
	return func() float32 {
		sign := float32(rng.IntN(2)*2 - 1)
		switch rng.IntN(6) {
		case 0:
			return sign * math.SmallestNonzeroFloat32
		case 1:
			return sign * float32(math.Ldexp(1+rng.Float64(), -127-rng.IntN(20)))
		case 2:
			return sign * Normal
		case 3:
			return sign * float32(math.Ldexp(1+rng.Float64(), -60-rng.IntN(10)))
		case 4:
			return sign * (85 + float32(20*rng.Float32())) // where SiLU vanishes
		}
		return sign * rng.Float32()
	}
}

// flushed runs every kernel on numbers from fill, in sizes that take all paths
// through the tiles, and gives each result to see.
func flushed(fill func() float32, see func(name string, got []float32)) {
	draw := func(n int) []float32 {
		v, _ := guarded(n, 1, fill)
		return v
	}
	for out := 1; out <= 17; out++ {
		for pixels := 1; pixels <= 12; pixels++ {
			w := &Weights{Out: out, Positions: 10, Data: draw(out * 10)}
			px := make([]Pixel, pixels)
			for i := range px {
				px[i] = Pixel{X: int32(i), Y: int32(i * out)}
			}
			y := make([]float32, pixels*out*Width)
			Conv(Width, y, draw(400), w, draw(out), draw(len(y)), Taps{Rows: 2, Run: 5, XStride: 20, WStride: 5}, px)
			see(fmt.Sprintf("Conv of %d channels and %d pixels", out, pixels), y)
		}
	}
	for ni := 1; ni <= 14; ni++ {
		grad := draw(4 * ni)
		Outer(grad, nil, draw(6*4*Width), draw(6*ni*Width), 4, ni, Rect{Rows: 2, Cols: 3, DyRow: 12, DyCol: 4, XRow: 3 * ni, XCol: ni})
		see(fmt.Sprintf("Outer of %d", ni), grad)
	}
	for n := Width; n <= 12*Width; n += Width {
		y, d := make([]float32, n), make([]float32, n)
		SiLU(y, d, draw(n))
		see("SiLU", append(y, d...))
		y, d = make([]float32, n), make([]float32, n)
		ReLU(y, d, draw(n))
		see("ReLU", append(y, d...))
		for _, name := range slices.Sorted(maps.Keys(activations)) {
			y, d = make([]float32, n), make([]float32, n)
			activations[name].run(y, d, draw(n))
			see(name, append(y, d...))
		}
		Mul(y, draw(n), draw(n))
		see("Mul", y)
		Add(y, draw(n), draw(n))
		see("Add", y)
		Sub(y, draw(n), draw(n))
		see("Sub", y)
		Keep(Width, y, counter(), 7, 1<<22, 2)
		see("Keep", y)
		c := newReduceCase(rand.New(rand.NewPCG(3, uint64(n))), Width, Rows{2, n / Width, n / Width}, fill)
		c.run(false, see)
		Noise(y, counter(), spread(fill()), -inf, inf)
		see("Noise", y)
		y = draw(n)
		Descend(y, draw(n), spread(fill()), 1, -1, 1, spread(0), spread(0))
		see("Descend", y)
	}
}

// TestSubnormal holds every kernel to its word: subnormal numbers count as
// zero in what it reads and do not occur in what it writes, and Go code finds
// them as ever after it.
func TestSubnormal(t *testing.T) {
	runtime.LockOSThread() // the control register is a thread's own
	defer runtime.UnlockOSThread()
	results := func(zero bool) (names []string, all [][]float32) {
		draw := tiny(rand.New(rand.NewPCG(3, 5)))
		fill := draw
		if zero {
			fill = func() float32 { return Flush(draw()) }
		}
		flushed(fill, func(name string, got []float32) {
			if half(Normal) == 0 || half(2*math.SmallestNonzeroFloat32) == 0 {
				t.Fatalf("%s: Go code loses subnormal numbers after it", name)
			}
			names, all = append(names, name), append(all, slices.Clone(got))
		})
		return names, all
	}
	names, got := results(false)
	_, want := results(true)
	for i, name := range names {
		for j, v := range got[i] {
			if v != Flush(v) {
				t.Errorf("%s wrote the subnormal number %g", name, v)
			}
			// Kernels in Go, the last elements' noise among them, read what
			// they are given: some 2⁻¹²⁶ times some hundred, a few times.
			within := float32(0)
			if Name() == "generic" || name == "Noise" {
				within = 1e5 * Normal
			}
			if d := v - want[i][j]; d > within || -d > within {
				t.Errorf("%s: %g, and %g with zeros for subnormal numbers", name, v, want[i][j])
			}
		}
	}
}

//go:noinline
func half(v float32) float32 { return v / 2 }

// BenchmarkSubnormal shows what subnormal numbers cost: with the kernels in
// assembly nothing.
func BenchmarkSubnormal(b *testing.B) {
	for _, c := range []struct {
		name string
		v    float32
	}{{"normal", 0.5}, {"subnormal", 1e-40}, {"products", 1e-25}} {
		b.Run(c.name, func(b *testing.B) {
			fill := func(n int) []float32 {
				v := make([]float32, n)
				for i := range v {
					v[i] = c.v
				}
				return v
			}
			w := &Weights{Out: 16, Positions: 64, Data: fill(16 * 64)}
			bias, x, y, px := fill(16), fill(64*Width), make([]float32, 12*16*Width), make([]Pixel, 12)
			for i := range px {
				px[i].Y = int32(i * 16)
			}
			for b.Loop() {
				Conv(Width, y, x, w, bias, nil, Taps{Rows: 1, Run: 64, WStride: 64}, px)
			}
		})
	}
}
