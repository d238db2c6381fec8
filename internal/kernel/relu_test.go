package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// ReLU at every length and misalignment, in place too, and with what is not
// finite.
func TestReLU(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 8))
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	odd := []float32{nan, inf, -inf, 0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32}
	some := func() float32 {
		if i := rng.IntN(20); i < len(odd) {
			return odd[i]
		}
		return float32(rng.NormFloat64())
	}
	same := func(a, b float32) bool { return a == b || a != a && b != b }
	for n := 0; n <= 304; n += Width {
		for shift := range Width {
			x, whole := guarded(n, shift, some)
			y, wholeY := guarded(n, 7-shift, func() float32 { return guard })
			d, wholeD := guarded(n, shift/2, func() float32 { return guard })
			before := append([]float32(nil), x...)
			ReLU(y, d, x)
			ReLU(x, append([]float32(nil), d...), x)
			if !whole() || !wholeY() || !wholeD() {
				t.Fatalf("ReLU of %d: wrote outside", n)
			}
			for i, v := range before {
				want, slope := max(Flush(v), 0), float32(0)
				if want > 0 {
					slope = 1
				}
				if v != v {
					slope = v
				}
				if !same(y[i], want) || !same(d[i], slope) || !same(x[i], want) {
					t.Fatalf("ReLU(%v) = %v and %v, in place %v", v, y[i], d[i], x[i])
				}
			}
		}
	}
}

func BenchmarkReLU(b *testing.B) {
	for _, vectors := range []int{256, 4096} {
		b.Run(fmt.Sprint(vectors), func(b *testing.B) {
			x, d := make([]float32, vectors*Width), make([]float32, vectors*Width)
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				ReLU(x, d, x)
			}
		})
	}
}
