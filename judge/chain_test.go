package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// measures are those of chains.
var measures = []struct {
	name string
	f    func([][]float64) (float64, error)
}{
	{"split R̂", SplitRHat},
	{"R̂", RHat},
	{"effective size", EffectiveSize},
	{"bulk size", BulkSize},
}

func TestChainsAgreeWithArviZ(t *testing.T) {
	f := readFixtures(t).Chains
	if len(f) < 7 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		x := testChains(c.Seed, c.M, c.N, c.Phi, c.Spread)
		for j, want := range []float64{c.Want.SplitRHat, c.Want.RankRHat, c.Want.MeanESS, c.Want.BulkESS} {
			near(t, fmt.Sprint(measures[j].name, " ", i), must[float64](t)(measures[j].f(x)), want, 1e-9)
		}
	}
}

// autoregressive makes m chains of a stationary process whose correlation at
// lag t is φᵗ.
func autoregressive(seed uint64, m, n int, phi float64) [][]float64 {
	random := rand.New(rand.NewPCG(seed, 0))
	chains := make([][]float64, m)
	for c := range chains {
		chains[c] = make([]float64, n)
		x := random.NormFloat64()
		for t := range n {
			chains[c][t] = x
			x = phi*x + math.Sqrt(1-phi*phi)*random.NormFloat64()
		}
	}
	return chains
}

// The effective size of an autoregressive process is (1−φ)/(1+φ) of the draws.
func TestEffectiveSizeOfKnownProcess(t *testing.T) {
	const m = 8
	for phi, n := range map[float64]int{-0.5: 4000, 0: 4000, 0.5: 8000, 0.9: 20000} { // the longer, the slower they mix
		x := autoregressive(1, m, n, phi)
		want := m * float64(n) * (1 - phi) / (1 + phi)
		near(t, fmt.Sprint("effective size, φ = ", phi), must[float64](t)(EffectiveSize(x)), want, 0.06)
		near(t, fmt.Sprint("bulk size, φ = ", phi), must[float64](t)(BulkSize(x)), want, 0.06)
		for _, f := range []func([][]float64) (float64, error){SplitRHat, RHat} {
			if r := must[float64](t)(f(x)); r > 1.002 {
				t.Errorf("R̂ %v of mixed chains", r)
			}
		}
	}
}

func TestRHatByHand(t *testing.T) {
	// Halves (0, 2), (1, 3), (4, 6), (5, 7): W = 2, means 1, 2, 5, 6 of
	// variance 17/3.
	near(t, "split R̂", must[float64](t)(SplitRHat([][]float64{{0, 2, 1, 3}, {4, 6, 5, 7}})), math.Sqrt(0.5+17./6), 1e-15)
	// The middle of an odd length is left out.
	near(t, "split R̂", must[float64](t)(SplitRHat([][]float64{{0, 2, 99, 1, 3}, {4, 6, -99, 5, 7}})), math.Sqrt(0.5+17./6), 1e-15)
}

func TestChainsThatDoNotMix(t *testing.T) {
	// Equal means, but one chain four times as wide: only R̂ sees it.
	x := autoregressive(2, 4, 2000, 0)
	for i := range x[0] {
		x[0][i] *= 4
	}
	if r := must[float64](t)(SplitRHat(x)); r > 1.01 {
		t.Errorf("split R̂ %v of chains with equal means", r)
	}
	if r := must[float64](t)(RHat(x)); r < 1.05 {
		t.Errorf("R̂ %v of chains with other variances", r)
	}
	// A drift within chains.
	x = autoregressive(3, 4, 2000, 0)
	for c := range x {
		for i := range x[c] {
			x[c][i] += float64(i) / 1000
		}
	}
	if r := must[float64](t)(SplitRHat(x)); r < 1.1 {
		t.Errorf("split R̂ %v of chains that drift", r)
	}
	// Chains that stand still in other places.
	x = [][]float64{slices.Repeat([]float64{1}, 100), slices.Repeat([]float64{2}, 100)}
	for _, f := range []func([][]float64) (float64, error){SplitRHat, RHat} {
		if r := must[float64](t)(f(x)); !math.IsInf(r, 1) {
			t.Errorf("R̂ %v of chains that stand still", r)
		}
	}
	if n := must[float64](t)(EffectiveSize(x)); !(n > 0 && n < 4) {
		t.Errorf("effective size %v of chains that stand still", n)
	}
	// Two values alone, equally far from the median.
	if r := must[float64](t)(RHat([][]float64{{0, 1, 0, 1}, {1, 0, 1, 0}})); math.IsNaN(r) {
		t.Errorf("R̂ %v of two values", r)
	}
}

func TestChainInvariances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, n := rapid.IntRange(1, 6).Draw(t, "chains"), rapid.IntRange(4, 120).Draw(t, "steps")
		x := autoregressive(rapid.Uint64().Draw(t, "seed"), m, n, rapid.Float64Range(-0.9, 0.95).Draw(t, "φ"))
		order := rapid.Permutation(indices(m)).Draw(t, "order")
		apply := func(f func(float64) float64) [][]float64 {
			y := make([][]float64, m)
			for c := range y {
				y[c] = make([]float64, n)
				for i, v := range x[order[c]] {
					y[c][i] = f(v)
				}
			}
			return y
		}
		same := apply(func(v float64) float64 { return v })
		affine := apply(func(v float64) float64 { return 100 - 7*v })
		for _, f := range measures {
			want := must[float64](t)(f.f(x))
			if math.IsNaN(want) || want <= 0 {
				t.Fatalf("%s is %v", f.name, want)
			}
			near := func(what string, got float64) {
				if math.Abs(got-want) > 1e-6*want {
					t.Fatalf("%s: %v %s, %v before", f.name, got, what, want)
				}
			}
			near("in another order", must[float64](t)(f.f(same)))
			near("in another unit", must[float64](t)(f.f(affine)))
		}
		// An increasing function leaves ranks as they are.
		near := must[float64](t)(BulkSize(apply(math.Exp)))
		if want := must[float64](t)(BulkSize(same)); near != want {
			t.Fatalf("bulk size %v of the exponential, %v before", near, want)
		}
		size := must[float64](t)(EffectiveSize(x))
		if draws := float64(m * (n / 2) * 2); size > draws*math.Log10(draws)*(1+1e-12) {
			t.Fatalf("effective size %v of %v draws", size, draws)
		}
	})
}

func TestAutocovariance(t *testing.T) {
	x := autoregressive(1, 3, 37, 0.5)
	cov, means := autocovariance(x)
	for c := range x {
		near(t, "mean", means[c], mean(x[c]), 0)
	}
	for lag := range 37 {
		want := 0.0
		for c := range x {
			for i := range 37 - lag {
				want += (x[c][i] - means[c]) * (x[c][i+lag] - means[c]) / 37 / 3
			}
		}
		if math.Abs(cov[lag]-want) > 1e-14 {
			t.Errorf("lag %d: %v, want %v", lag, cov[lag], want)
		}
	}
}

func TestChainFaults(t *testing.T) {
	for _, c := range []struct {
		chains [][]float64
		want   string
	}{
		{nil, "chains: there are none"},
		{[][]float64{{1, 2, 3}}, "chains: 3 steps are too few"},
		{[][]float64{{1, 2, 3, 4}, {1, 2, math.Inf(1), 4}}, "chain 1: value 2 of 4 is +Inf"},
		{[][]float64{{1, 1, 1, 1}, {1, 1, 1, 1}}, "chains: all values are equal"},
		{[][]float64{{1, 1, 5, 1, 1}}, "chains: all values are equal"},
	} {
		for _, f := range measures {
			_, err := f.f(c.chains)
			wantError(t, err, c.want)
		}
	}
	wantPanic(t, "judge: chains of 4 and of 5 steps", func() { RHat([][]float64{{1, 2, 3, 4}, {1, 2, 3, 4, 5}}) })
}
