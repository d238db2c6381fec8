package ais

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/joule-ml/joule/sampler"
)

// quick is a Config for cheap energies.
func quick() Config {
	c := DefaultConfig()
	c.Betas = 300
	return c
}

// real changes c to integrate over ℝⁿ from a normal base.
func real(c Config, scale float64) Config {
	c.Min, c.Max, c.Scale = -inf, inf, scale
	return c
}

func mustRun(t *testing.T, g Target, c Config) *Estimate {
	t.Helper()
	e, err := Run(context.Background(), g, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// half is the interval's standard error.
func (s *Side) half() float64 { return (s.High - s.Low) / 4 }

// near checks both estimates against the exact value, within tolerance or five
// standard errors, which are checked to be small.
func near(t *testing.T, e *Estimate, want, tolerance float64) {
	t.Helper()
	for name, s := range map[string]*Side{"forward": &e.Forward, "reverse": e.Reverse} {
		t.Logf("%s: %.4f [%.4f, %.4f], exact %.4f, ESS %.1f", name, s.LogZ, s.Low, s.High, want, s.ESS)
		if s.half() > tolerance {
			t.Errorf("%s: the interval %v … %v is wide", name, s.Low, s.High)
		}
		if math.Abs(s.LogZ-want) > 5*s.half()+1e-4*tolerance {
			t.Errorf("%s: log Z = %v [%v, %v], want %v", name, s.LogZ, s.Low, s.High, want)
		}
	}
	for _, w := range e.Warnings {
		t.Error(w)
	}
}

func TestGaussian(t *testing.T) {
	for _, sigma := range []float64{0.3, 1, 2.5} {
		for _, n := range []int{1, 3, 40} {
			if testing.Short() && n == 40 && sigma != 1 { // most of the time goes here
				continue
			}
			for _, leapfrog := range []int{1, 4} {
				t.Run(fmt.Sprintf("σ=%v,n=%d,L=%d", sigma, n, leapfrog), func(t *testing.T) {
					c := real(quick(), 1)
					c.Leapfrog = leapfrog
					c.Betas = 300 + 60*n
					g := gaussian(n, 0.2, sigma)
					_, quantile := cdfOf(func(x float64) float64 { return (x - 0.2) * (x - 0.2) / (2 * sigma * sigma) }, 0.2-8*sigma, 0.2+8*sigma)
					g.Exact = draws(64*n, quantile, 3)
					near(t, mustRun(t, g, c), float64(n)/2*math.Log(2*math.Pi*sigma*sigma), 0.15)
				})
			}
		}
	}
}

// The base itself leaves nothing to estimate.
func TestBaseAlone(t *testing.T) {
	c := real(quick(), 1.5)
	c.Betas = 20
	e := mustRun(t, gaussian(5, 0, 1.5), c)
	want := 2.5 * math.Log(2*math.Pi*1.5*1.5)
	if math.Abs(e.LogZ0-want) > 1e-12 {
		t.Errorf("log Z₀ = %v, want %v", e.LogZ0, want)
	}
	if math.Abs(e.LogZ()-want) > 1e-5 || math.Abs(e.Gap()) > 1e-5 {
		t.Errorf("log Z = %v, gap %v, want %v", e.LogZ(), e.Gap(), want)
	}
}

// TestBox integrates normal densities over a box that cuts them, from a uniform
// base and from normal ones.
func TestBox(t *testing.T) {
	for _, c := range []struct {
		mean, sigma, scale, temperature float64
		lo, hi                          float32
		n                               int
	}{
		{mean: 0, sigma: 0.5, scale: math.Inf(1), temperature: 1, lo: -1, hi: 1, n: 20},
		{mean: 0.9, sigma: 0.2, scale: math.Inf(1), temperature: 1, lo: -1, hi: 1, n: 20},
		{mean: 1.5, sigma: 0.6, scale: math.Inf(1), temperature: 1, lo: -1, hi: 1, n: 6},
		{mean: 0.9, sigma: 0.4, scale: 0.7, temperature: 1, lo: -1, hi: 1, n: 10},
		{mean: 0.5, sigma: 2, scale: 0.7, temperature: 0.04, lo: -0.5, hi: 3, n: 10},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			cfg := quick()
			cfg.Min, cfg.Max, cfg.Scale, cfg.Temperature = c.lo, c.hi, c.scale, c.temperature
			cfg.Betas = 2000
			s := c.sigma * math.Sqrt(c.temperature) // of the density
			want := float64(c.n) * math.Log(s*math.Sqrt(math.Pi/2)*(math.Erf((float64(c.hi)-c.mean)/(s*math.Sqrt2))-math.Erf((float64(c.lo)-c.mean)/(s*math.Sqrt2))))
			g := gaussian(c.n, c.mean, c.sigma)
			_, quantile := cdfOf(func(x float64) float64 { return (x - c.mean) * (x - c.mean) / (2 * s * s) }, float64(c.lo), float64(c.hi))
			g.Exact = draws(64*c.n, quantile, 4)
			e := mustRun(t, g, cfg)
			near(t, e, want, 0.15)
			if math.IsInf(c.scale, 1) && e.LogZ0 != float64(c.n)*math.Log(float64(c.hi-c.lo)) {
				t.Errorf("log Z₀ = %v", e.LogZ0)
			}
		})
	}
}

func TestDoubleWells(t *testing.T) {
	e, d := well(4, 0.6, 0.8)
	cfg := quick()
	cfg.Betas = 1500
	for _, c := range []struct {
		name   string
		cfg    Config
		lo, hi float64
	}{{"box", cfg, -1, 1}, {"real", real(cfg, 1), -4, 4}} {
		t.Run(c.name, func(t *testing.T) {
			const n = 8
			g := target(n, e, d)
			_, quantile := cdfOf(e, c.lo, c.hi)
			g.Exact = draws(64*n, quantile, 5)
			near(t, mustRun(t, g, c.cfg), n*math.Log(integral(e, c.lo, c.hi)), 0.15)
		})
	}
}

// TestUnbiased checks what everything rests on: forward 𝔼 w = Z/Z₀, in reverse
// 𝔼 1/w = Z₀/Z, for so few temperatures that single weights are far off.
func TestUnbiased(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes tens of thousands of chains")
	}
	e, d := well(3, 0.6, 0.5)
	for _, leapfrog := range []int{1, 3} {
		c := quick()
		c.Betas, c.Chains, c.Leapfrog = 12, 20_000, leapfrog
		g := target(2, e, d)
		_, quantile := cdfOf(e, -1, 1)
		g.Exact = draws(2*c.Chains, quantile, 8)
		est := mustRun(t, g, c)
		logRatio := 2*math.Log(integral(e, -1, 1)) - est.LogZ0
		for sign, s := range map[float64]*Side{1: &est.Forward, -1: est.Reverse} {
			n := float64(len(s.LogWeights))
			var mean, squares float64
			for _, w := range s.LogWeights {
				v := math.Exp(sign * (w - logRatio))
				mean += v / n
				squares += v * v / n
			}
			se := math.Sqrt((squares - mean*mean) / n)
			t.Logf("sign %v: %.4f ± %.4f", sign, mean, se)
			if math.Abs(mean-1) > 3.5*se || se > 0.04 || squares-mean*mean < 0.1 {
				t.Errorf("%d leapfrog steps, sign %v: the mean weight is %v ± %v of what it should be", leapfrog, sign, mean, se)
			}
		}
	}
}

// TestBounds takes means over many runs: what Jensen's inequality speaks of.
// With few temperatures the bounds stand apart; with more they close in.
func TestBounds(t *testing.T) {
	const n, want, runs = 6, -7.5, 40
	mix := &mixture{n: n, m: 1.5, sigma: 0.5, shift: -want}
	gap := map[int]float64{}
	for _, betas := range []int{6, 60} {
		var lower, upper, squares float64 // the squares of both
		for seed := range uint64(runs) {
			c := real(quick(), 1.5)
			c.Betas, c.Chains, c.Seed = betas, 16, seed
			e := mustRun(t, Target{
				Elements: n, Exact: mix.sample(16, seed),
				Energy: func() sampler.Energy { m := *mix; return &m },
			}, c)
			lower += e.Forward.LogZ / runs
			upper += e.Reverse.LogZ / runs
			squares += ((e.Forward.LogZ-want)*(e.Forward.LogZ-want) + (e.Reverse.LogZ-want)*(e.Reverse.LogZ-want)) / runs
		}
		se := math.Sqrt(squares / runs) // or less
		t.Logf("%d temperatures: %.3f < %v < %.3f, ± %.3f", betas, lower, want, upper, se)
		if lower > want+2*se || upper < want-2*se || betas == 6 && (lower > want-2*se || upper < want+2*se) {
			t.Errorf("%d temperatures: the bounds %v and %v, ± %v, do not bracket %v", betas, lower, upper, se, want)
		}
		gap[betas] = upper - lower
	}
	if gap[6] < 1 || gap[60] > gap[6]/4 {
		t.Errorf("gaps by number of temperatures: %v", gap)
	}
}

// Without exact samples the ends of the forward chains do as well, where these
// are good.
func TestOwnStarts(t *testing.T) {
	e, d := well(4, 0.6, 0.8)
	c := quick()
	c.Betas = 1500
	est := mustRun(t, target(8, e, d), c)
	if est.Exact {
		t.Error("claims exact samples")
	}
	near(t, est, 8*math.Log(integral(e, -1, 1)), 0.15)
}

// TestCoverage counts how often nominal 95 % intervals hold the exact value.
func TestCoverage(t *testing.T) {
	const seeds = 40
	e, d := well(3, 0.6, 0.5)
	want := 3 * math.Log(integral(e, -1, 1))
	_, quantile := cdfOf(e, -1, 1)
	covered := [3]int{}
	for seed := range uint64(seeds) {
		c := quick()
		c.Betas, c.Chains, c.Seed = 100, 64, seed
		g := target(3, e, d)
		g.Exact = draws(64*3, quantile, seed+100)
		est := mustRun(t, g, c)
		low, high := est.Interval()
		for i, b := range [][2]float64{{est.Forward.Low, est.Forward.High}, {est.Reverse.Low, est.Reverse.High}, {low, high}} {
			if b[0] <= want && want <= b[1] {
				covered[i]++
			}
		}
	}
	t.Logf("of %d intervals forward, reverse and both hold the value %v times", seeds, covered)
	for _, n := range covered {
		if n < 32 {
			t.Errorf("of %d intervals forward, reverse and both hold the value %v times", seeds, covered)
			break
		}
	}
}
