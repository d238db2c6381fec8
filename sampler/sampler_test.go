package sampler

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// gaussian is E(x) = Σ (x−mean)²/(2·variance), the negative logarithm of a
// normal density.
type gaussian struct {
	mean, variance float32
	grad           []float32
}

func (g *gaussian) EnergyGrad(x, energy []float32) []float32 {
	clear(energy)
	g.grad = slices.Grow(g.grad[:0], len(x))[:len(x)]
	for i, v := range x {
		d := v - g.mean
		energy[i%len(energy)] += d * d / (2 * g.variance)
		g.grad[i] = d / g.variance
	}
	return g.grad
}

func state(elements int, seed uint64) State {
	return NewState(make([]float32, elements*lane.Width), lane.Width, random.Stream{Seed: seed, Purpose: random.Langevin}, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, 0)
}

// Without noise a step is x − η·∇E, which on this energy contracts by 1 − η/v.
func TestDriftAlone(t *testing.T) {
	c := Config{Steps: 10, StepSize: 0.5, GradClip: inf, Min: -inf, Max: inf}
	s := state(3, 1)
	info := make([]Info, lane.Width)
	if err := Advance(context.Background(), c, &gaussian{mean: 4, variance: 2}, &s, info, nil); err != nil {
		t.Fatal(err)
	}
	want := 4 - 4*math.Pow(1-0.5/2, 10)
	for i, v := range s.X {
		if math.Abs(float64(v)-want) > 1e-5 {
			t.Fatalf("element %d is %v, want %v", i, v, want)
		}
	}
	// The last step began at distance d = 4·0.75⁹: E = 3d²/4, |∇E| = √3·d/2.
	d := 4 * math.Pow(0.75, 9)
	for l := range lane.Width {
		if e := float64(info[l].Energy); math.Abs(e-3*d*d/4) > 1e-5 {
			t.Errorf("lane %d: energy %v, want %v", l, e, 3*d*d/4)
		}
		if g := float64(info[l].GradNorm); math.Abs(g-math.Sqrt(3)*d/2) > 1e-5 {
			t.Errorf("lane %d: gradient norm %v, want %v", l, g, math.Sqrt(3)*d/2)
		}
	}
}

// With σ² = 2η the chain is the unadjusted Langevin algorithm, whose noise
// comes before the drift: x' = (1−a)(x + σz), a = η/v, has the stationary
// variance (1−a)²σ²/(1−(1−a)²).
func TestGaussianMoments(t *testing.T) {
	const mean, variance, eta = 0.5, 0.04, 0.004
	c := Config{Steps: 400, StepSize: eta, Noise: float32(math.Sqrt(2 * eta)), GradClip: inf, Min: -inf, Max: inf}
	s := state(2000, 7)
	info := make([]Info, lane.Width)
	if err := Advance(context.Background(), c, &gaussian{mean: mean, variance: variance}, &s, info, nil); err != nil {
		t.Fatal(err)
	}
	var m, v float64
	for _, x := range s.X {
		m += float64(x)
	}
	m /= float64(len(s.X))
	for _, x := range s.X {
		v += (float64(x) - m) * (float64(x) - m)
	}
	v /= float64(len(s.X))
	keep := (1 - eta/variance) * (1 - eta/variance)
	want := keep * 2 * eta / (1 - keep)
	// 16,000 values: standard errors 0.0016 of the mean, 1.1 % of the variance.
	if math.Abs(m-mean) > 0.0065 {
		t.Errorf("mean %v, want %v", m, mean)
	}
	if math.Abs(v-want) > 0.045*want {
		t.Errorf("variance %v, want %v", v, want)
	}
}

func TestClipAndClamp(t *testing.T) {
	c := Config{Steps: 1, StepSize: 10, GradClip: 0.03, Min: -1, Max: 1}
	s := state(4, 1)
	s.X[5] = 0.99
	info := make([]Info, lane.Width)
	if err := Advance(context.Background(), c, &gaussian{mean: 5, variance: 1}, &s, info, nil); err != nil {
		t.Fatal(err)
	}
	for i, v := range s.X {
		want := float32(0.3)
		if i == 5 {
			want = 1
		}
		if math.Abs(float64(v-want)) > 1e-6 {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
	if info[0].Clamped != 1 {
		t.Errorf("share clamped %v, want 1", info[0].Clamped)
	}
}

// The first steps are larger.
func TestBurnIn(t *testing.T) {
	c := Config{Steps: 6, StepSize: 0.1, BurnIn: 4, BurnInScale: 3, GradClip: inf, Min: -inf, Max: inf}
	s := state(3, 1)
	e := &gaussian{mean: 4, variance: 2}
	info := make([]Info, lane.Width)
	if err := Advance(context.Background(), c, e, &s, info, nil); err != nil {
		t.Fatal(err)
	}
	want := 4 - 4*math.Pow(1-0.3/2, 4)*math.Pow(1-0.1/2, 2)
	for i, v := range s.X {
		if math.Abs(float64(v)-want) > 1e-5 {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
	for _, bad := range []func(c *Config){
		func(c *Config) { c.BurnIn = -1 },
		func(c *Config) { c.BurnInScale = -1 },
		func(c *Config) { c.BurnInScale = inf },
	} {
		c := c
		if bad(&c); c.Validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

// A chain is a function of its seed, its number and its count of steps: not
// of its lane, nor of how the steps are cut into calls.
func TestChainsFollowTheirCounter(t *testing.T) {
	for _, method := range Methods() {
		c := DefaultConfig()
		c.Method = method
		c.Steps = 20
		e := &gaussian{mean: 0.1, variance: 1000}
		whole := state(5, 3)
		info := make([]Info, lane.Width)
		if err := Advance(context.Background(), c, e, &whole, info, nil); err != nil {
			t.Fatal(err)
		}
		stream := random.Stream{Seed: 3, Purpose: random.Langevin}
		parts := NewState(make([]float32, 5*lane.Width), lane.Width, stream, []uint32{7, 6, 5}, 0)
		for _, steps := range []int{3, 0, 17} {
			c.Steps = steps
			if err := Advance(context.Background(), c, e, &parts, info, nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			for l := range 3 {
				if a, b := parts.X[i*lane.Width+l], whole.X[i*lane.Width+7-l]; a != b {
					t.Fatalf("%s, element %d: chain %d is %v in one lane and %v in another", method, i, 7-l, a, b)
				}
			}
			if parts.X[i*lane.Width+7] != parts.X[i*lane.Width+2] {
				t.Error("a dead lane does not repeat the last chain")
			}
		}
		other := state(5, 4)
		c.Steps = 20
		if err := Advance(context.Background(), c, e, &other, info, nil); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(other.X, whole.X) {
			t.Error("another seed gave the same chain")
		}
	}
}

func TestEachAndCancel(t *testing.T) {
	for _, method := range Methods() {
		ctx, cancel := context.WithCancel(context.Background())
		c := DefaultConfig()
		c.Method = method
		s := state(2, 1)
		info := make([]Info, lane.Width)
		var seen []int
		err := Advance(ctx, c, &gaussian{variance: 1}, &s, info, func(step int) {
			if seen = append(seen, step); step == 3 {
				cancel()
			}
		})
		if err != context.Canceled || !slices.Equal(seen, []int{1, 2, 3}) {
			t.Errorf("%s: error %v after steps %v", method, err, seen)
		}
	}
}

func TestNonFiniteIsSeen(t *testing.T) {
	for _, method := range Methods() {
		for _, bad := range []float32{float32(math.NaN()), inf, -inf} {
			c := DefaultConfig()
			c.Method, c.Steps = method, 5
			s := state(4, 1)
			info := make([]Info, lane.Width)
			if err := Advance(context.Background(), c, &gaussian{mean: bad, variance: 1}, &s, info, nil); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(info, func(i Info) bool { return i.Finite() }) {
				t.Errorf("%s: a gradient of %v passed for finite", method, bad)
			}
		}
	}
	if good := (&Info{}); !good.Finite() {
		t.Error("zeros do not pass for finite")
	}
}

func TestAdvanceAllocatesNothing(t *testing.T) {
	for _, method := range Methods() {
		c, e, s := DefaultConfig(), &gaussian{variance: 1}, state(10, 1)
		c.Method = method
		info := make([]Info, lane.Width)
		if n := testing.AllocsPerRun(10, func() { _ = Advance(context.Background(), c, e, &s, info, nil) }); n > 0 {
			t.Errorf("%s: %v allocations", method, n)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	nan := float32(math.NaN())
	for _, change := range []func(*Config){
		func(c *Config) { c.Steps = -1 },
		func(c *Config) { c.StepSize = nan },
		func(c *Config) { c.Noise = -1 },
		func(c *Config) { c.GradClip = nan },
		func(c *Config) { c.Min = 1 },
		func(c *Config) { c.Max = nan },
	} {
		c := DefaultConfig()
		if change(&c); c.Validate() == nil {
			t.Errorf("%+v passed", c)
		}
	}
}

func TestMethods(t *testing.T) {
	c := DefaultConfig()
	for _, c.Method = range append(Methods(), "") {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	c.Method = "nuts"
	err := c.Validate()
	if err == nil || !strings.Contains(err.Error(), `"nuts"`) || !strings.Contains(err.Error(), Langevin) {
		t.Errorf("error %v, want one that names the method and those that there are", err)
	}
	s := state(2, 1)
	if err := Advance(t.Context(), c, &gaussian{variance: 1}, &s, nil, nil); err == nil {
		t.Error("chains advance by a method that there is not")
	}
}

// No method is Langevin: settings of before there were others have none.
func TestNoMethod(t *testing.T) {
	named, none := DefaultConfig(), DefaultConfig()
	none.Method = ""
	a, b := state(3, 1), state(3, 1)
	info := make([]Info, lane.Width)
	if err := Advance(t.Context(), named, &gaussian{variance: 1}, &a, info, nil); err != nil {
		t.Fatal(err)
	}
	if err := Advance(t.Context(), none, &gaussian{variance: 1}, &b, info, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.X, b.X) || info[7].Accepted != 1 || named.Other() != "" || none.Other() != "" {
		t.Errorf("no method is not %s", Langevin)
	}
}

// flat has no gradient anywhere.
type flat struct{ grad []float32 }

func (f flat) EnergyGrad(_ []float32, energy []float32) []float32 {
	clear(energy)
	return f.grad
}

// The noise falls linearly from step to step.
func TestAnneal(t *testing.T) {
	const n, steps = 4000, 5
	x := make([]float32, n*lane.Width)
	c := Config{Steps: steps, StepSize: 1, Noise: 0.01, Anneal: 0.8, GradClip: 1, Min: -1, Max: 1}
	s := NewState(x, lane.Width, random.Stream{Seed: 1, Purpose: random.Langevin}, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, 0)
	before := make([]float32, len(x))
	info := make([]Info, lane.Width)
	err := Advance(t.Context(), c, flat{make([]float32, len(x))}, &s, info, func(step int) {
		var sum float64
		for i, v := range x {
			d := float64(v - before[i])
			sum += d * d
		}
		want := 0.01 * (1 - 0.8*float64(step-1)/(steps-1))
		if got := math.Sqrt(sum / float64(len(x))); math.Abs(got/want-1) > 0.02 {
			t.Errorf("step %d: noise of %v, want %v", step, got, want)
		}
		copy(before, x)
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Anneal = 1.1
	if c.Validate() == nil {
		t.Error("more noise is gone than there is")
	}
}
