package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func siluExact(x float64) (y, d float64) {
	s := 1 / (1 + math.Exp(-x))
	return x * s, s * (1 + x*(1-s))
}

// TestSiLU strides over the float32 numbers from −104 to 104.
func TestSiLU(t *testing.T) {
	var x [64]float32
	var y, d [64]float32
	n := 0
	var worstY, worstD float64
	check := func() {
		SiLU(y[:], d[:], x[:])
		for i, v := range x {
			wy, wd := siluExact(float64(v))
			ey := math.Abs(float64(y[i]) - wy)
			if math.Abs(wy) > 1.2e-38 {
				worstY = max(worstY, ey/math.Abs(wy))
			} else if ey > Normal {
				t.Fatalf("SiLU(%v) = %v, want %v", v, y[i], wy)
			}
			worstD = max(worstD, math.Abs(float64(d[i])-wd))
			if y[i] != y[i] || d[i] != d[i] {
				t.Fatalf("SiLU(%v) = %v, %v", v, y[i], d[i])
			}
		}
		n = 0
	}
	add := func(v float32) {
		x[n] = v
		if n++; n == len(x) {
			check()
		}
	}
	const stride = 1009 // a prime, so that mantissas of all kinds are met
	for b := uint32(0); b <= math.Float32bits(104); b += stride {
		add(math.Float32frombits(b))
		add(-math.Float32frombits(b))
	}
	for _, v := range []float32{0, float32(math.Copysign(0, -1)), 90, -90, 104, -104, -1.2784645} {
		add(v)
	}
	for n > 0 {
		add(1)
	}
	t.Logf("largest errors: relative %.2g in y, absolute %.2g in the derivative", worstY, worstD)
	if worstY > 1e-6 || worstD > 1e-6 {
		t.Errorf("largest errors: relative %.3g in y, absolute %.3g in the derivative, want 1e-6", worstY, worstD)
	}
}

func TestSiLUNonFinite(t *testing.T) {
	for lane := range Width {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			var x, y, d [Width]float32
			x[lane] = float32(bad)
			SiLU(y[:], d[:], x[:])
			for l := range Width {
				finite := !math.IsNaN(float64(y[l])) && !math.IsInf(float64(y[l]), 0)
				if finite == (l == lane) {
					t.Errorf("%v in lane %d: y[%d] = %v", bad, lane, l, y[l])
				}
			}
		}
	}
}

// Mul and Add at every length, misalignment and with what is not finite.
func TestPairwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	odd := []float32{nan, inf, -inf, 0}
	some := func() float32 {
		if i := rng.IntN(20); i < len(odd) {
			return odd[i]
		}
		return float32(rng.NormFloat64())
	}
	for n := 0; n <= 304; n += Width {
		for shift := range Width {
			a, _ := guarded(n, shift, some)
			b, _ := guarded(n, 7-shift, some)
			for name, f := range map[string]func(dst, a, b []float32){"Mul": Mul, "Add": Add, "Sub": Sub} {
				dst, intact := guarded(n, shift/2, func() float32 { return guard })
				f(dst, a, b)
				if !intact() {
					t.Fatalf("%s of %d: wrote outside", name, n)
				}
				for i, got := range dst {
					want := a[i] * b[i]
					if name == "Add" {
						want = a[i] + b[i]
					}
					if name == "Sub" {
						want = a[i] - b[i]
					}
					if got != want && !(got != got && want != want) {
						t.Fatalf("%s(%v, %v) = %v, want %v", name, a[i], b[i], got, want)
					}
				}
			}
		}
	}
}

// BenchmarkSiLU runs within the first-level cache and in the second.
func BenchmarkSiLU(b *testing.B) {
	for _, vectors := range []int{256, 4096} {
		b.Run(fmt.Sprint(vectors), func(b *testing.B) {
			x, d := make([]float32, vectors*Width), make([]float32, vectors*Width)
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				SiLU(x, d, x)
			}
		})
	}
}

func BenchmarkPeak(b *testing.B) {
	const rounds = 1e6
	var flop float64
	for b.Loop() {
		flop += Peak(rounds)
	}
	b.ReportMetric(flop/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
}
