package ais

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// An estimate has the same bits for any number of threads, and a chain does not
// depend on how many there are.
func TestThreads(t *testing.T) {
	e, d := well(3, 0.6, 0.8)
	run := func(chains, threads int) *Estimate {
		c := quick()
		c.Betas, c.Chains, c.Threads = 40, chains, threads
		return mustRun(t, target(5, e, d), c)
	}
	one := run(30, 1)
	for _, threads := range []int{2, 3, 7} {
		if !reflect.DeepEqual(one, run(30, threads)) {
			t.Errorf("%d threads give another estimate", threads)
		}
	}
	for _, chains := range []int{2, 7, 9, 24} {
		if got := run(chains, 2).Forward.LogWeights; !slices.Equal(got, one.Forward.LogWeights[:chains]) {
			t.Errorf("the first of %d chains differ from those of 30", chains)
		}
	}
	c := quick()
	c.Betas, c.Chains, c.Seed = 40, 30, 2
	if other := mustRun(t, target(5, e, d), c); slices.Equal(other.Forward.LogWeights, one.Forward.LogWeights) {
		t.Error("another seed gives the same weights")
	}
}

// Reverse chains must not repeat the numbers of forward ones, nor of pilots.
func TestDirectionsDiffer(t *testing.T) {
	e, d := well(3, 0.6, 0.8)
	c := quick()
	c.Betas, c.Burn = 40, 0
	est := mustRun(t, target(5, e, d), c)
	if slices.Equal(est.Forward.LogWeights, est.Reverse.LogWeights) {
		t.Error("both directions have the same weights")
	}
}

func TestForwardAlone(t *testing.T) {
	e, d := well(3, 0.6, 0.8)
	c := quick()
	both := mustRun(t, target(5, e, d), c)
	c.Reverse = false
	alone := mustRun(t, target(5, e, d), c)
	if alone.Reverse != nil || !math.IsNaN(alone.Gap()) || !reflect.DeepEqual(alone.Forward, both.Forward) {
		t.Errorf("forward chains alone: %v, with reverse ones: %v", alone.LogZ(), both.LogZ())
	}
	if low, high := alone.Interval(); low != alone.Forward.Low || high != alone.Forward.High {
		t.Errorf("interval %v to %v", low, high)
	}
}

// TestPilot: the step sizes found make the acceptance that was asked for.
func TestPilot(t *testing.T) {
	e, d := well(30, 0.6, 3)
	for _, leapfrog := range []int{1, 3} {
		for _, want := range []float64{0.5, 0.8} {
			c := quick()
			c.Leapfrog, c.Acceptance, c.Betas = leapfrog, want, 1000
			est := mustRun(t, target(30, e, d), c)
			for _, s := range []*Side{&est.Forward, est.Reverse} {
				for part := 300; part < 1000; part += 100 {
					mean := 0.0
					for _, a := range s.Acceptance[part : part+100] {
						mean += a / 100
					}
					if math.Abs(mean-want) > 0.08 {
						t.Errorf("%d leapfrog steps: acceptance from β = %.3f is %.2f, want %v", leapfrog, est.Betas[part+1], mean, want)
					}
				}
			}
			if first, last := est.StepSizes[100], est.StepSizes[1000]; !(last < first/2) {
				t.Errorf("step sizes go from %v to %v", first, last)
			}
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, s := range []Schedule{Sigmoid, Geometric} {
		for _, m := range []int{1, 2, 3, 100} {
			c := DefaultConfig()
			c.Schedule, c.Betas = s, m
			betas := c.schedule()
			if len(betas) != m+1 || betas[0] != 0 || betas[m] != 1 {
				t.Errorf("%s, %d: %v", s, m, betas)
			}
			for k := range m {
				if !(betas[k] < betas[k+1]) {
					t.Errorf("%s, %d: β%d = %v, then %v", s, m, k, betas[k], betas[k+1])
				}
			}
		}
	}
	c := DefaultConfig()
	c.Betas = 4
	if b := c.schedule(); math.Abs(b[2]-0.5) > 1e-12 || math.Abs(b[1]+b[3]-1) > 1e-12 || b[1] > 0.15 {
		t.Errorf("sigmoid schedule %v", b)
	}
	c.Schedule, c.FirstBeta = Geometric, 1e-3
	if b := c.schedule(); math.Abs(b[1]-1e-3) > 1e-12 || math.Abs(b[2]-1e-2) > 1e-12 {
		t.Errorf("geometric schedule %v", b)
	}
}

// TestBaseDraws holds the base's samples to its distribution.
func TestBaseDraws(t *testing.T) {
	for _, c := range []struct {
		scale  float64
		lo, hi float32
	}{{math.Inf(1), -1, 1}, {0.5, -1, 1}, {2, -0.5, 3}, {1.5, -inf, inf}} {
		cfg := DefaultConfig()
		cfg.Scale, cfg.Min, cfg.Max = c.scale, c.lo, c.hi
		b := newBase(cfg)
		x := make([]float32, 1<<16)
		for l := range lane.Width {
			b.draw(x, l, random.Stream{Seed: 3, Purpose: random.AnnealForward}, uint32(l))
		}
		lo, hi := max(float64(c.lo), -12), min(float64(c.hi), 12)
		u0 := func(v float64) float64 { return v * v * b.precision / 2 }
		cdf, _ := cdfOf(u0, lo, hi)
		if d := distance(x, cdf); d > 1.95 {
			t.Errorf("%+v: distance %.2f", c, d)
		}
		if want := math.Log(integral(u0, lo, hi)); math.Abs(b.logZ-want) > 1e-9 {
			t.Errorf("%+v: log Z₀ = %v, want %v", c, b.logZ, want)
		}
	}
}

func TestResample(t *testing.T) {
	samples := []float32{0, 0, 1, 1, 2, 2, 3, 3}
	weights := []float64{1000 + math.Log(2), -math.Inf(1), 1000 + math.Log(1), 1000 + math.Log(1)}
	for seed := range uint64(20) {
		got := resample(samples, weights, random.Stream{Seed: seed})
		if want := []float32{0, 0, 0, 0, 2, 2, 3, 3}; !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

// The likelihood of a normal density's own samples is minus its entropy.
func TestLikelihood(t *testing.T) {
	const n, sigma = 4, 0.7
	est := mustRun(t, gaussian(n, 0, sigma), real(quick(), 1))
	_, quantile := cdfOf(func(x float64) float64 { return x * x / (2 * sigma * sigma) }, -6, 6)
	energies := make([]float32, 20_000)
	for i, v := range draws(n*len(energies), quantile, 9) {
		energies[i/n] += v * v / (2 * sigma * sigma)
	}
	l, err := est.Likelihood(energies)
	if err != nil {
		t.Fatal(err)
	}
	want := -n / 2.0 * (1 + math.Log(2*math.Pi*sigma*sigma))
	if math.Abs(l.Nats-want) > 0.1 || !(l.Low-0.05 < want && want < l.High+0.05) || !(l.Low < l.Nats && l.Nats < l.High) {
		t.Errorf("%+v, want %v nats", l, want)
	}
	if se := math.Sqrt(n / 2.0 / float64(len(energies))); math.Abs(l.StdErr-se) > 0.05*se {
		t.Errorf("standard error %v, want %v", l.StdErr, se)
	}
	if bits := -l.Nats / n / math.Log(2); math.Abs(l.BitsPerDim-bits) > 1e-12 {
		t.Errorf("%v bits a dimension, want %v", l.BitsPerDim, bits)
	}
	if _, err := est.Likelihood([]float32{1, inf}); err == nil {
		t.Error("an infinite energy passes")
	}
	if _, err := est.Likelihood(nil); err == nil {
		t.Error("the likelihood of nothing passes")
	}
}

func TestWarnings(t *testing.T) {
	far := gaussian(40, 0.5, 0.05)
	for _, c := range []struct {
		name   string
		want   []string
		target Target
		change func(*Config)
	}{
		{"all is well", nil, gaussian(3, 0, 1), func(c *Config) {}},
		{"one temperature", []string{"forward weights are degenerate", "nats apart"}, far, func(c *Config) { c.Betas = 1 }},
		{"large steps", []string{"transitions of a tenth"}, far, func(c *Config) { c.Pilot, c.StepSize = 0, 2 }},
		{"cold", []string{"in float32"}, target(3,
			func(x float64) float64 { return 3 + x*x/2 },
			func(x float64) float64 { return x },
		), func(c *Config) {
			c.Temperature, c.Schedule, c.FirstBeta = 1e-7, Geometric, 1e-8
		}},
		{"foreign samples", []string{"below the lower"}, func() Target {
			g := gaussian(3, 0, 0.1)
			g.Exact = slices.Repeat([]float32{0.9}, 60) // far out in the tail
			return g
		}(), func(c *Config) { c.Betas, c.StepSize, c.Pilot = 20, 1e-4, 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := quick()
			c.change(&cfg)
			est := mustRun(t, c.target, cfg)
			all := strings.Join(est.Warnings, "\n")
			for _, w := range c.want {
				if !strings.Contains(all, w) {
					t.Errorf("no warning %q in:\n%s", w, all)
				}
			}
			if c.want == nil && all != "" {
				t.Error(all)
			}
		})
	}
}

// Log weights far apart stay finite, though their exponentials are not.
func TestFarWeights(t *testing.T) {
	c := DefaultConfig()
	r := newRun(gaussian(1, 0, 1), c, nil)
	for _, sign := range []float64{1, -1} {
		s := r.side([]float64{-5e6, sign * 9000, 0, 7e6}, sign, 1)
		want := 7e6 - math.Log(4) + 1
		if sign < 0 {
			want = -5e6 + math.Log(4) + 1
		}
		if math.Abs(s.LogZ-want) > 1e-8 || math.Abs(s.ESS-1) > 1e-9 || !finite(s.Low) || !finite(s.High) || s.Low >= s.High {
			t.Errorf("sign %v: %+v, want %v", sign, s, want)
		}
	}
}

func TestProgressAndCancel(t *testing.T) {
	e, d := well(3, 0.6, 0.8)
	c := quick()
	var last Progress
	if _, err := Run(context.Background(), target(5, e, d), c, func(p Progress) {
		if p.Done <= last.Done {
			t.Errorf("%v after %v", p, last)
		}
		last = p
	}); err != nil {
		t.Fatal(err)
	}
	if last.Done != last.Total || last.Total == 0 {
		t.Errorf("the end is %+v", last)
	}
	for _, share := range []float64{0, 0.1, 0.5, 0.9} {
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(context.Background())
		if share == 0 {
			cancel(stop)
		}
		calls := 0
		_, err := Run(ctx, target(5, e, d), c, func(p Progress) {
			if float64(p.Done) > share*float64(p.Total) {
				cancel(stop)
				calls++
			}
		})
		if err != stop || calls > 100 {
			t.Errorf("cancelled at %v: error %v after %d more calls", share, err, calls)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := real(DefaultConfig(), 1).Validate(); err != nil {
		t.Error(err)
	}
	nan := math.NaN()
	for i, change := range []func(*Config){
		func(c *Config) { c.Chains = 1 },
		func(c *Config) { c.Betas = 0 },
		func(c *Config) { c.Betas = 1 << 25 },
		func(c *Config) { c.Schedule = "linear" },
		func(c *Config) { c.Schedule, c.FirstBeta = Geometric, 0 },
		func(c *Config) { c.Leapfrog = 0 },
		func(c *Config) { c.Pilot = -1 },
		func(c *Config) { c.Acceptance = 1 },
		func(c *Config) { c.StepSize = 0 },
		func(c *Config) { c.StepSize = nan },
		func(c *Config) { c.StepSize = 3 },
		func(c *Config) { c.Burn = -1 },
		func(c *Config) { c.Temperature = 0 },
		func(c *Config) { c.Temperature = nan },
		func(c *Config) { c.Min = 1 },
		func(c *Config) { c.Max = inf },
		func(c *Config) { c.Min, c.Max = -inf, inf },
		func(c *Config) { c.Scale = 0 },
		func(c *Config) { c.Scale = nan },
		func(c *Config) { c.Min, c.Max, c.Scale = 50, 51, 1 },
		func(c *Config) { c.Threads = -1 },
	} {
		c := DefaultConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("change %d passed: %+v", i, c)
		}
	}
	outside := gaussian(1, 0, 1)
	outside.Exact = []float32{0, 1.5}
	if _, err := Run(context.Background(), outside, DefaultConfig(), nil); err == nil {
		t.Error("an exact sample outside the box passed")
	}
	outside.Exact = []float32{0}
	if _, err := Run(context.Background(), outside, DefaultConfig(), nil); err == nil {
		t.Error("a single exact sample passed")
	}
}
