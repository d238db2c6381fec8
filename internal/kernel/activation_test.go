package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// activations are those that set y and d from x, with what they compute in
// float64 and the errors that are allowed: relative, but never less than least.
var activations = map[string]struct {
	run         func(y, d, x []float32)
	want        func(x float64) (y, d float64)
	leastY      float64
	lo, hi      float32 // of the numbers whose derivative is compared
	bits        func(y, d, x []float32)
	plus, minus float32 // y of infinities
}{
	"LeakyReLU": {
		run: func(y, d, x []float32) { LeakyReLU(y, d, x, 0.2) },
		want: func(x float64) (y, d float64) {
			if x > 0 {
				return x, 1
			}
			return x * float64(float32(0.2)), float64(float32(0.2))
		},
		lo: -200, hi: 200, bits: func(y, d, x []float32) { leakyGeneric(y, d, x, 0.2) }, plus: inf, minus: -inf,
	},
	"Sigmoid": {
		run: Sigmoid,
		want: func(x float64) (y, d float64) {
			return 1 / (1 + math.Exp(-x)), 1 / (1 + math.Exp(-x)) / (1 + math.Exp(x))
		},
		lo: -86, hi: 70, bits: sigmoidFused, plus: 1,
	},
	"Tanh": {
		run: Tanh,
		want: func(x float64) (y, d float64) {
			return math.Tanh(x), 4 / (1 + math.Exp(-2*x)) / (1 + math.Exp(2*x))
		},
		leastY: 0.5, lo: -43, hi: 35, bits: tanhFused, plus: 1, minus: -1,
	},
}

// TestActivations strides over the float32 numbers.
func TestActivations(t *testing.T) {
	for name, a := range activations {
		var x []float32
		for b := uint32(0); b <= math.Float32bits(110); b += 10007 {
			x = append(x, math.Float32frombits(b), -math.Float32frombits(b))
		}
		x = x[:len(x)/Width*Width]
		y, d := make([]float32, len(x)), make([]float32, len(x))
		a.run(y, d, x)
		for i, v := range x {
			wantY, wantD := a.want(float64(Flush(v)))
			if e := math.Abs(float64(y[i]) - wantY); e > 1e-6*max(math.Abs(wantY), a.leastY)+Normal {
				t.Fatalf("%s(%v) = %v, want %v", name, v, y[i], wantY)
			}
			if e := math.Abs(float64(d[i]) - wantD); v >= a.lo && v <= a.hi && e > 1e-6*wantD {
				t.Fatalf("%s'(%v) = %v, want %v", name, v, d[i], wantD)
			}
			if !(d[i] >= 0 && d[i] <= 1.000001) {
				t.Fatalf("%s'(%v) = %v", name, v, d[i])
			}
		}
	}
}

// Activations at every length and misalignment, in place too, and with what is
// not finite.
func TestActivationEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 8))
	nan := float32(math.NaN())
	odd := []float32{nan, inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-40, -1e-40}
	some := func() float32 {
		if i := rng.IntN(20); i < len(odd) {
			return odd[i]
		}
		return float32(rng.NormFloat64())
	}
	for name, a := range activations {
		for n := 0; n <= 104; n += Width {
			for shift := range Width {
				x, whole := guarded(n, shift, some)
				y, wholeY := guarded(n, 7-shift, func() float32 { return guard })
				d, wholeD := guarded(n, shift/2, func() float32 { return guard })
				before := append([]float32(nil), x...)
				a.run(y, d, x)
				a.run(x, append([]float32(nil), d...), x)
				if !whole() || !wholeY() || !wholeD() {
					t.Fatalf("%s of %d: wrote outside", name, n)
				}
				sameAs(t, name+" in place", Width, x, y)
				for i, v := range before {
					switch {
					case v != v && (y[i] == y[i] || d[i] == d[i]):
						t.Fatalf("%s(NaN) = %v and %v", name, y[i], d[i])
					case v == inf && y[i] != a.plus || v == -inf && y[i] != a.minus:
						t.Fatalf("%s(%v) = %v", name, v, y[i])
					}
				}
			}
		}
	}
}

// bitsOfMore compares with the bits of what the assembly is to compute.
func bitsOfMore(t *testing.T, x []float32) {
	for name, a := range activations {
		for _, n := range []int{Width, 5 * Width, len(x)} {
			y, d, wantY, wantD := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
			a.run(y, d, x[:n])
			a.bits(wantY, wantD, x[:n])
			sameAs(t, name, Width, y, wantY)
			sameAs(t, name+"'s derivative", Width, d, wantD)
		}
	}
}

func BenchmarkActivations(b *testing.B) {
	for name, a := range activations {
		for _, vectors := range []int{256, 4096} {
			b.Run(fmt.Sprint(name, "/", vectors), func(b *testing.B) {
				x, d := make([]float32, vectors*Width), make([]float32, vectors*Width)
				b.SetBytes(int64(4 * len(x)))
				for b.Loop() {
					a.run(x, d, x)
				}
			})
		}
	}
}
