package sampler

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// bell returns settings that draw from exp(−E) where the variance is 1.
func bell(step float64, steps int) Config {
	return Config{Method: MALA, Steps: steps, StepSize: float32(step), Noise: float32(math.Sqrt(2 * step)), GradClip: inf, Min: -inf, Max: inf}
}

// oracle is the algorithm in float64 as its papers have it: the ratio is that of
// densities and of proposals' densities there and back, with no momentum.
type oracle struct {
	c              Config
	mean, variance float64
	x              []float64
	accepted       int
}

func (o *oracle) drift(x float64) float64 {
	clip := float64(o.c.GradClip)
	return min(max((x-o.mean)/o.variance, -clip), clip)
}

func (o *oracle) energy(x []float64) (e float64) {
	for _, v := range x {
		e += (v - o.mean) * (v - o.mean) / (2 * o.variance)
	}
	return e
}

func (o *oracle) step(k int, s random.Stream, chain uint32) {
	sigma, eta := float64(o.c.Noise), float64(o.c.StepSize)
	sigma *= 1 - float64(o.c.Anneal)*float64(k)/float64(o.c.Steps-1)
	temperature := sigma * sigma / (2 * eta)
	if k < o.c.BurnIn {
		scale := float64(o.c.BurnInScale)
		sigma, eta = sigma*math.Sqrt(scale), eta*scale
	}
	y := make([]float64, len(o.x))
	there, back := 0.0, 0.0 // logarithms of the proposals' densities
	for i, x := range o.x {
		z := kernel.Normals(s.Words(chain, uint32(k), uint32(i/4)))[i%4]
		y[i] = x - eta*o.drift(x) + sigma*float64(z)
		there -= math.Pow(y[i]-x+eta*o.drift(x), 2) / (2 * sigma * sigma)
		back -= math.Pow(x-y[i]+eta*o.drift(y[i]), 2) / (2 * sigma * sigma)
	}
	u := (float64(s.Words(chain, uint32(k), math.MaxUint32)[0]) + 0.5) / (1 << 32)
	if math.Log(u) < (o.energy(o.x)-o.energy(y))/temperature+back-there {
		o.x = y
		o.accepted++
	}
}

// TestMALAOracle follows every lane with and without a clip, with noise that
// falls and with a burn-in.
func TestMALAOracle(t *testing.T) {
	const n, steps = 6, 60
	for name, change := range map[string]func(c *Config){
		"plain":   func(c *Config) {},
		"clip":    func(c *Config) { c.GradClip = 0.7 },
		"anneal":  func(c *Config) { c.Anneal = 0.6 },
		"burn-in": func(c *Config) { c.BurnIn, c.BurnInScale = 30, 2 },
	} {
		c := bell(0.6, steps)
		change(&c)
		s := state(n, 5)
		info := make([]Info, lane.Width)
		if err := Advance(t.Context(), c, &gaussian{mean: 0.5, variance: 1}, &s, info, nil); err != nil {
			t.Fatal(err)
		}
		all := 0
		for l := range lane.Width {
			o := oracle{c: c, mean: 0.5, variance: 1, x: make([]float64, n)}
			for k := range steps {
				o.step(k, random.Stream{Seed: 5, Purpose: random.Langevin}, uint32(l))
			}
			for i, want := range o.x {
				if got := float64(s.X[i*lane.Width+l]); math.Abs(got-want) > 1e-4 {
					t.Fatalf("%s, lane %d, element %d: %v, want %v", name, l, i, got, want)
				}
			}
			if want := float32(o.accepted) / steps; info[l].Accepted != want {
				t.Errorf("%s, lane %d: %v accepted, want %v", name, l, info[l].Accepted, want)
			}
			if want := o.energy(o.x); math.Abs(float64(info[l].Energy)-want) > 1e-3 {
				t.Errorf("%s, lane %d: energy %v, want %v", name, l, info[l].Energy, want)
			}
			all += o.accepted
		}
		if share := float64(all) / (lane.Width * steps); share < 0.3 || share > 0.95 {
			t.Errorf("%s: %.2f accepted: the test asks too little", name, share)
		}
	}
}

// moments are those of exp(−x²/2 + x/2) on [lo, hi], by Simpson's rule.
func moments(lo, hi float64) (mean, variance float64) {
	const n = 2000
	var sum [3]float64
	for i := range n + 1 {
		x := lo + (hi-lo)*float64(i)/n
		weight := (2 + 2*float64(i%2)) * math.Exp(-(x-0.5)*(x-0.5)/2)
		if i == 0 || i == n {
			weight /= 2
		}
		for j := range sum {
			sum[j] += weight * math.Pow(x, float64(j))
		}
	}
	mean = sum[1] / sum[0]
	return mean, sum[2]/sum[0] - mean*mean
}

// TestMALAMoments: large steps, walls and clips leave the density as it is, which
// for Langevin's steps of this size would be far too narrow or pile up at the
// walls. With 12,000 values that are independent, standard errors are 0.9 % of
// the deviation for the mean and 1.3 % for the variance.
func TestMALAMoments(t *testing.T) {
	for _, tt := range []struct {
		lo, hi, clip float32
	}{{-inf, inf, inf}, {-inf, inf, 0.8}, {-1, 1, inf}, {0.2, 2, 0.5}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			c := bell(0.5, 150)
			c.Min, c.Max, c.GradClip = tt.lo, tt.hi, tt.clip
			const n, blocks = 3, 500
			var x []float32
			for b := range uint32(blocks) {
				s := NewState(slices.Repeat([]float32{0.3}, n*lane.Width), lane.Width, random.Stream{Seed: 3, Purpose: random.Langevin}, []uint32{8 * b, 8*b + 1, 8*b + 2, 8*b + 3, 8*b + 4, 8*b + 5, 8*b + 6, 8*b + 7}, 0)
				if err := Advance(t.Context(), c, &gaussian{mean: 0.5, variance: 1}, &s, nil, nil); err != nil {
					t.Fatal(err)
				}
				x = append(x, s.X...)
			}
			m, v := 0.0, 0.0
			for _, a := range x {
				if a < tt.lo || a > tt.hi {
					t.Fatalf("%v is outside of the box", a)
				}
				m += float64(a) / float64(len(x))
			}
			for _, a := range x {
				v += (float64(a) - m) * (float64(a) - m) / float64(len(x))
			}
			mean, variance := moments(max(float64(tt.lo), -8), min(float64(tt.hi), 9))
			if math.Abs(m-mean) > 0.035*math.Sqrt(variance) {
				t.Errorf("mean %v, want %v", m, mean)
			}
			if math.Abs(v/variance-1) > 0.05 {
				t.Errorf("variance %v, want %v", v, variance)
			}
		})
	}
}

// Small steps are nearly always accepted, large ones hardly ever.
func TestMALAAcceptance(t *testing.T) {
	last := 1.0
	for i, step := range []float64{1e-4, 1e-2, 1, 10} {
		s := state(20, 1)
		info := make([]Info, lane.Width)
		if err := Advance(t.Context(), bell(step, 400), &gaussian{variance: 1}, &s, info, nil); err != nil {
			t.Fatal(err)
		}
		share := 0.0
		for _, a := range info {
			share += float64(a.Accepted) / lane.Width
		}
		if share > last || i == 0 && share < 0.999 || i == 3 && share > 0.01 {
			t.Errorf("step size %v: %v accepted, of the smaller one %v", step, share, last)
		}
		last = share
	}
}

// pit is a normal energy that is bad beyond 2 in the first element of a lane: in
// its value, or in its gradient alone.
type pit struct {
	gaussian
	lane     int
	gradient bool
}

func (p *pit) EnergyGrad(x, energy []float32) []float32 {
	g := p.gaussian.EnergyGrad(x, energy)
	switch {
	case x[p.lane] < 2:
	case p.gradient:
		g[p.lane] = float32(math.NaN())
	default:
		energy[p.lane] = float32(math.NaN())
	}
	return g
}

// A proposal that is not finite is told of to the end of the Advance, though the
// chain stays where the energy is finite; other lanes notice nothing.
func TestMALATellsOfNonFiniteProposals(t *testing.T) {
	run := func(e Energy) (State, []Info) {
		s := state(3, 2)
		info := make([]Info, lane.Width)
		if err := Advance(t.Context(), bell(0.5, 300), e, &s, info, nil); err != nil {
			t.Fatal(err)
		}
		return s, info
	}
	good, fine := run(&gaussian{variance: 1})
	for _, gradient := range []bool{false, true} {
		s, info := run(&pit{gaussian{variance: 1}, 3, gradient})
		if info[3].Finite() || !info[2].Finite() {
			t.Errorf("lane 3 met a pit, but Info has %+v", info)
		}
		for i, v := range s.X {
			if l := i % lane.Width; v-v != 0 || l != 3 && v != good.X[i] {
				t.Errorf("element %d is %v, without the pit %v", i, v, good.X[i])
			}
		}
		info[3] = fine[3]
		if !slices.Equal(info, fine) {
			t.Errorf("a pit in lane 3 changes what other lanes tell: %+v, want %+v", info, fine)
		}
	}
}

func TestMALASettings(t *testing.T) {
	good := DefaultConfig()
	good.Method = MALA
	for i, change := range []func(c *Config){
		func(c *Config) { c.Noise = 0 },
		func(c *Config) { c.StepSize = 0 },
		func(c *Config) { c.Anneal = 1 },
	} {
		c := good
		if change(&c); c.Validate() == nil {
			t.Errorf("change %d passed: %+v", i, c)
		}
		if c.Method = Langevin; c.Validate() != nil {
			t.Errorf("change %d is for %s alone: %v", i, MALA, c.Validate())
		}
	}
}
