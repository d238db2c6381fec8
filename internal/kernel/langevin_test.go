package kernel

import (
	"math"
	"slices"
	"testing"
)

func counter() *Counter {
	var c Counter
	for l := range MaxWidth {
		c.Key0[l], c.Key1[l] = 42, uint32(l/4)
		c.Stream[l], c.Chain[l], c.Step[l] = 7<<16, uint32(l), uint32(100+l)
	}
	return &c
}

func spread(v float32) []float32 { return slices.Repeat([]float32{v}, Width) }

var inf = float32(math.Inf(1))

// TestNoiseMapping holds every length to the words' documented mapping.
func TestNoiseMapping(t *testing.T) {
	c := counter()
	for n := 0; n <= 67; n++ {
		x, intact := guarded(n*Width, n%8, func() float32 { return 0 })
		Noise(x, c, spread(1), -inf, inf)
		if !intact() {
			t.Fatalf("%d elements: wrote outside", n)
		}
		for e := range n {
			for l := range Width {
				w := Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], uint32(e / 4)}, [2]uint32{c.Key0[l], c.Key1[l]})
				i := e % 4 &^ 1
				cos, sin := boxMuller(w[i], w[i+1])
				want := []float32{cos, sin}[e%2]
				if got := x[e*Width+l]; math.Abs(float64(got-want)) > 2e-6 {
					t.Fatalf("%d elements: element %d of lane %d is %v, want %v", n, e, l, got, want)
				}
			}
		}
	}
}

// TestNoiseDistribution compares half a million numbers with the normal
// distribution: moments, and Kolmogorov and Smirnov's statistic.
func TestNoiseDistribution(t *testing.T) {
	const n = 1 << 16
	x := make([]float32, n*Width)
	Noise(x, counter(), spread(1), -inf, inf)
	var m [5]float64
	for _, v := range x {
		p := 1.0
		for k := range m {
			m[k] += p / float64(len(x))
			p *= float64(v)
		}
	}
	// Standard errors are √(var/N), N = 2¹⁹: four of them are allowed.
	for k, want := range []float64{1, 0, 1, 0, 3} {
		se := math.Sqrt([]float64{0, 1, 2, 15, 96}[k] / float64(len(x)))
		if math.Abs(m[k]-want) > 4*se+1e-9 {
			t.Errorf("moment %d is %v, want %v ± %v", k, m[k], want, 4*se)
		}
	}
	slices.Sort(x)
	var ks float64
	for i, v := range x {
		cdf := 0.5 * math.Erfc(-float64(v)/math.Sqrt2)
		ks = max(ks, math.Abs(cdf-float64(i)/float64(len(x))), math.Abs(cdf-float64(i+1)/float64(len(x))))
	}
	if limit := 1.95 / math.Sqrt(float64(len(x))); ks > limit { // p = 0.001
		t.Errorf("Kolmogorov–Smirnov distance %v exceeds %v", ks, limit)
	}
}

func TestNoiseScaleAndClamp(t *testing.T) {
	scale := spread(0)
	scale[3] = 100
	x := make([]float32, 32*Width)
	for i := range x {
		x[i] = 0.25
	}
	x[5*Width+2] = float32(math.NaN())
	Noise(x, counter(), scale, -1, 1)
	for i, v := range x {
		switch e, l := i/Width, i%Width; {
		case e == 5 && l == 2:
			if v == v {
				t.Errorf("the clamp swallowed a NaN: %v", v)
			}
		case l == 3:
			if v < -1 || v > 1 {
				t.Errorf("lane 3 holds %v, want it clamped", v)
			}
		case v != 0.25:
			t.Errorf("lane %d without noise holds %v, want 0.25", l, v)
		}
	}
}

func TestDescend(t *testing.T) {
	nan := float32(math.NaN())
	values := []float32{0, 0.01, -0.01, 0.03, -0.03, 0.5, -0.5, 3e38, nan, inf, -inf}
	for shift := range Width {
		for _, xv := range values {
			for _, gv := range values {
				x, xIntact := guarded(3*Width, shift, func() float32 { return xv })
				g, _ := guarded(3*Width, shift, func() float32 { return gv })
				sumsq, clipped := spread(1), spread(0)
				Descend(x, g, spread(10), 0.03, -1, 1, sumsq, clipped)
				wx, wg := []float32{xv}, []float32{gv}
				ws, wc := spread(0), spread(0)
				descendGeneric(wx, wg, spread(10), 0.03, -1, 1, ws, wc)
				for _, got := range x {
					if !(math.Abs(float64(got-wx[0])) < 1e-7) && !(got != got && wx[0] != wx[0]) {
						t.Fatalf("Descend(%v, %v) = %v, want %v", xv, gv, got, wx[0])
					}
				}
				if !xIntact() {
					t.Fatal("wrote outside x")
				}
				for l := range Width {
					if clipped[l] != 3*wc[0] {
						t.Fatalf("gradient %v: %v clipped, want %v", gv, clipped[l], 3*wc[0])
					}
					if want := 1 + 3*gv*gv; !(math.Abs(float64(sumsq[l]-want)) < 1e-6) && !(want != want && sumsq[l] != sumsq[l]) && want != sumsq[l] {
						t.Fatalf("gradient %v: sum of squares %v, want %v", gv, sumsq[l], want)
					}
				}
			}
		}
	}
}

func BenchmarkNoise(b *testing.B) {
	x := make([]float32, 784*Width)
	c, s := counter(), spread(0.005)
	for b.Loop() {
		Noise(x, c, s, -1, 1)
	}
}

func BenchmarkDescend(b *testing.B) {
	x, g := make([]float32, 784*Width), make([]float32, 784*Width)
	eta, a, c := spread(10), spread(0), spread(0)
	for b.Loop() {
		Descend(x, g, eta, 0.03, -1, 1, a, c)
	}
}
