package ais

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// A density to hold transitions to: at β, of e at temperature T.
type held struct {
	name     string
	e, d     func(x float64) float64
	cfg      Config
	beta     float64
	step     float64
	leapfrog int
	mixing   int // transitions after which chains have forgotten their start
}

// heldDensities are steep at walls, or far from them, and have step sizes that
// accept neither nearly all nor nearly nothing.
func heldDensities() []held {
	square := func(mean, sigma float64) (e, d func(float64) float64) {
		return func(x float64) float64 { return (x - mean) * (x - mean) / (2 * sigma * sigma) },
			func(x float64) float64 { return (x - mean) / (sigma * sigma) }
	}
	edge, edgeGrad := square(1.3, 0.6)
	double, doubleGrad := well(3, 0.6, 0.8)
	box := DefaultConfig()
	normal := box
	normal.Scale, normal.Min = 0.8, -0.5
	cold := box
	cold.Temperature = 0.7
	return []held{
		{"edge", edge, edgeGrad, box, 1, 0.9, 1, 200},
		{"edge leapfrog", edge, edgeGrad, box, 1, 0.5, 3, 200},
		{"half way", edge, edgeGrad, normal, 0.4, 1.1, 1, 200},
		{"half way leapfrog", edge, edgeGrad, normal, 0.4, 0.7, 4, 200},
		{"cold wells", double, doubleGrad, cold, 0.7, 0.17, 1, 800},
		{"real wells", double, doubleGrad, real(box, 1.2), 0.6, 0.24, 2, 200},
		{"long way", edge, edgeGrad, box, 0.1, 4, 1, 200}, // many walls in a step
	}
}

// density returns U and the ends of where it matters.
func (h held) density() (u func(x float64) float64, lo, hi float64) {
	lo, hi = float64(h.cfg.Min), float64(h.cfg.Max)
	if math.IsInf(lo, 0) {
		lo, hi = -6, 6
	}
	b := newBase(h.cfg)
	return func(x float64) float64 {
		return (1-h.beta)*b.precision*x*x/2 + h.beta*h.e(x)/h.cfg.Temperature
	}, lo, hi
}

// move takes transitions with chains of n coordinates each that start from x,
// and returns where they end and the share accepted.
func (h held) move(t *testing.T, x []float32, n, transitions int) ([]float32, float64) {
	t.Helper()
	cfg := h.cfg
	cfg.Leapfrog = h.leapfrog
	r := newRun(target(n, h.e, h.d), cfg, nil)
	ends := slices.Clone(x)
	b := newBlock(r)
	accepted, chains := 0, len(x)/n
	for first := 0; first < chains; first += lane.Width {
		b.reset(random.Stream{Seed: 11, Purpose: random.AnnealForward}, first, min(lane.Width, chains-first))
		if err := b.from(ends); err != nil {
			t.Fatal(err)
		}
		for range transitions {
			if err := b.transition(h.beta, h.step); err != nil {
				t.Fatal(err)
			}
			for _, a := range b.chains.Accepted[:b.n] {
				if a {
					accepted++
				}
			}
		}
		b.store(ends)
	}
	return ends, float64(accepted) / float64(chains*transitions)
}

// distance is Kolmogorov and Smirnov's, times √n: above 1.95 with a probability
// of 0.001 for independent samples of cdf.
func distance(x []float32, cdf func(float64) float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	worst, n := 0.0, float64(len(x))
	for i, v := range x {
		f := cdf(float64(v))
		worst = max(worst, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
	}
	return worst * math.Sqrt(n)
}

// TestInvariance moves exact samples, which must leave them exact, and chains
// that all start from one point, which must become samples.
func TestInvariance(t *testing.T) {
	for _, h := range heldDensities() {
		t.Run(h.name, func(t *testing.T) {
			u, lo, hi := h.density()
			cdf, quantile := cdfOf(u, lo, hi)
			const n = 3
			ends, accepted := h.move(t, draws(20_000*n, quantile, 1), n, 5)
			if d := distance(ends, cdf); d > 1.95 {
				t.Errorf("%.0f %% accepted: exact samples are no more so, distance %.2f", 100*accepted, d)
			}
			if accepted < 0.2 || accepted > 0.95 {
				t.Errorf("%.0f %% accepted: the test asks too little", 100*accepted)
			}
			start := make([]float32, 800*n)
			for i := range start {
				start[i] = h.cfg.Max/2 - 0.2
				if h.cfg.Max == inf {
					start[i] = 0.3
				}
			}
			ends, _ = h.move(t, start, n, h.mixing)
			if d := distance(ends, cdf); d > 1.95 {
				t.Errorf("chains from one point do not become samples, distance %.2f", d)
			}
		})
	}
}

// TestDetailedBalance counts moves between five parts of equal probability: as
// many go one way as the other. Their χ² has ten degrees of freedom.
func TestDetailedBalance(t *testing.T) {
	for _, h := range heldDensities() {
		t.Run(h.name, func(t *testing.T) {
			u, lo, hi := h.density()
			cdf, quantile := cdfOf(u, lo, hi)
			start := draws(60_000, quantile, 2)
			ends, _ := h.move(t, start, 1, 1)
			const parts = 5
			var count [parts][parts]float64
			for i := range start {
				count[min(int(parts*cdf(float64(start[i]))), parts-1)][min(int(parts*cdf(float64(ends[i]))), parts-1)]++
			}
			chi2 := 0.0
			for i := range parts {
				for j := range i {
					if sum := count[i][j] + count[j][i]; sum > 0 {
						chi2 += (count[i][j] - count[j][i]) * (count[i][j] - count[j][i]) / sum
					}
				}
			}
			if chi2 > 29.6 { // p = 0.001
				t.Errorf("χ² = %.1f: %v", chi2, count)
			}
		})
	}
}

func TestTransitionAllocatesNothing(t *testing.T) {
	c := DefaultConfig()
	c.Leapfrog = 2
	e, d := well(3, 0.6, 0.8)
	b := newBlock(newRun(target(5, e, d), c, nil))
	b.reset(random.Stream{Seed: 1, Purpose: random.AnnealForward}, 0, 8)
	if err := b.fromBase(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if n := testing.AllocsPerRun(50, func() {
		b.weigh(1)
		if err := b.anneal(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// poison is an energy that is bad where a coordinate exceeds 0.9: in its value,
// or in its gradient alone.
type poison struct {
	separable
	bad      float32
	gradient bool
}

func (p *poison) EnergyGrad(x, energy []float32) []float32 {
	g := p.separable.EnergyGrad(x, energy)
	for i, v := range x {
		switch {
		case v <= 0.9:
		case p.gradient:
			g[i] = p.bad
		default:
			energy[i%len(energy)] = p.bad
		}
	}
	return g
}

func TestNonFiniteIsSeen(t *testing.T) {
	e, d := well(3, 0.6, 0.8)
	for _, bad := range []float32{float32(math.NaN()), inf, -inf} {
		for _, gradient := range []bool{false, true} {
			for _, pilot := range []int{0, 1} {
				t.Run(fmt.Sprint(bad, gradient, pilot), func(t *testing.T) {
					c := quick()
					c.Betas, c.Pilot = 50, pilot
					_, err := Run(context.Background(), Target{Elements: 2, Energy: func() sampler.Energy {
						return &poison{separable{e: e, d: d}, bad, gradient}
					}}, c, nil)
					var nonFinite *NonFiniteError
					if !errors.As(err, &nonFinite) {
						t.Fatalf("error %v", err)
					}
					if got := nonFinite.Energy; gradient == (got-got != 0) {
						t.Errorf("%v: energy %v", err, got)
					}
				})
			}
		}
	}
}

// Over ℝⁿ a step that is too large for the energy leaves float32.
func TestOverflowIsSeen(t *testing.T) {
	quartic := target(2, func(x float64) float64 { return x * x * x * x }, func(x float64) float64 { return 4 * x * x * x })
	c := real(quick(), 1)
	c.Pilot, c.StepSize, c.Leapfrog, c.Betas = 0, 10, 20, 10
	_, err := Run(context.Background(), quartic, c, nil)
	var nonFinite *NonFiniteError
	if !errors.As(err, &nonFinite) || nonFinite.Hint == "" {
		t.Errorf("error %v", err)
	}
}
