package guard_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/setting"
)

// figures are those of contrastive divergence that rules look at, and values
// what a good training has of each.
var (
	figures = metric.Named(metric.Loss, metric.GradNorm, metric.EnergyReal, metric.EnergyFake,
		metric.ChainGradNorm, metric.AtBounds, metric.Blank, metric.Diversity, metric.Contrast)
	good = []float64{0, 1, -0.1, 0.1, 0.01, 0.2, 0, 0.9, 0.5}
)

// config judges the median of three steps.
func config() guard.Config {
	c := guard.Default()
	c.EveryNSteps, c.Window = 6, 3
	return c
}

// step judges a step of a network that has had the time to learn.
func step(g *guard.Guard, values []float64) *guard.Trouble { return g.Step(values, 1000, 1e-4) }

// with returns the good values with one changed.
func with(name string, v float64) []float64 {
	values := slices.Clone(good)
	values[slices.IndexFunc(figures, func(f metric.Figure) bool { return f.Name == name })] = v
	return values
}

// TestRules: each rule is broken by its own value, on the right side of its
// bound, when the median is, and not before the window is full.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		rule, figure string
		bad          float64
	}{
		{"energy", metric.EnergyReal, -101},
		{"gap above", metric.EnergyFake, 1.5},
		{"gap below", metric.EnergyFake, -0.5},
		{"gradient", metric.GradNorm, 101},
		{"flat", metric.ChainGradNorm, 1e-6},
		{"bounds", metric.AtBounds, 0.99},
		{"blank", metric.Blank, 0.6},
		{"diversity", metric.Diversity, 0.1},
		{"contrast", metric.Contrast, 0.004},
		{"lag", metric.Contrast, 0.25},
	} {
		g := guard.New(config(), figures)
		bad := with(c.figure, c.bad)
		for i, values := range [][]float64{bad, good, good, bad, good} {
			if trouble := step(g, values); trouble != nil {
				t.Errorf("%s: trouble %+v at step %d, where one of three is bad", c.rule, trouble, i)
			}
		}
		step(g, bad)
		trouble := step(g, bad)
		if c.rule == "gap above" || c.rule == "gap below" || c.rule == "energy" {
			// What is beyond one bound may be beyond another that is asked first.
			if trouble == nil || c.rule != "energy" && trouble.Rule != c.rule {
				t.Errorf("%s: %+v", c.rule, trouble)
			}
		} else if trouble == nil || trouble.Rule != c.rule || !strings.Contains(trouble.Seen, "in the median of 3 steps") {
			t.Errorf("%s: %+v", c.rule, trouble)
		}
		if trouble := g.Epoch(0); trouble == nil {
			t.Errorf("%s: the end of the epoch forgets it", c.rule)
		}
		if g.Forget(); g.Epoch(-1) != nil || step(g, bad) != nil {
			t.Errorf("%s: trouble that was to be forgotten", c.rule)
		}
	}
	if trouble := guard.New(config(), figures).Epoch(0.4); trouble == nil || trouble.Rule != "validation" {
		t.Errorf("held-out images above noise: %+v", trouble)
	}
}

// TestOtherFigures: rules on what is not measured do not apply.
func TestOtherFigures(t *testing.T) {
	g := guard.New(config(), metric.Named(metric.GradNorm, metric.EnergyReal))
	if n := len(g.Windows()); n != 1 {
		t.Fatalf("%d rules, want that on the gradient alone", n)
	}
	for range 3 {
		if trouble := step(g, []float64{1, 1e9}); trouble != nil {
			t.Errorf("%+v", trouble)
		}
	}
	for range 2 {
		step(g, []float64{1e9, 0})
	}
	if trouble := step(g, []float64{1e9, 0}); trouble == nil || trouble.Rule != "gradient" {
		t.Errorf("%+v", trouble)
	}
}

// TestLate: the rule on contrast waits until there was time to learn, and so
// does that on a validation without contrast.
func TestLate(t *testing.T) {
	for _, c := range []struct {
		age  int
		rate float64
		want bool
	}{
		{29, 1, false}, {499, 1e-4, false}, {30, 1, true}, {501, 1e-4, true},
	} {
		g := guard.New(config(), figures)
		var trouble *guard.Trouble
		for range 3 {
			trouble = g.Step(with(metric.Contrast, 0.004), c.age, c.rate)
		}
		if got := trouble != nil && trouble.Rule == "contrast"; got != c.want {
			t.Errorf("age %d, rate %v: %+v", c.age, c.rate, trouble)
		}
		for range 3 {
			g.Step(good, c.age, c.rate)
		}
		if trouble := g.Epoch(-0.01); (trouble != nil && trouble.Rule == "validation") != c.want {
			t.Errorf("age %d, rate %v, after an epoch: %+v", c.age, c.rate, trouble)
		}
	}
}

// TestInverted: noise that is clearly more likely than images is noticed before
// the lack of any contrast is.
func TestInverted(t *testing.T) {
	for _, c := range []struct {
		contrast float64
		age      int
		want     bool
	}{
		{-0.06, 99, false}, {-0.06, 101, true}, {-0.04, 101, false},
	} {
		g := guard.New(config(), figures)
		var trouble *guard.Trouble
		for range 3 {
			trouble = g.Step(with(metric.Contrast, c.contrast), c.age, 1e-4)
		}
		if got := trouble != nil && trouble.Rule == "inverted"; got != c.want {
			t.Errorf("contrast %v, age %d: %+v", c.contrast, c.age, trouble)
		}
	}
}

// TestCures: what a rule's cures change, the last of them everything.
func TestCures(t *testing.T) {
	const rate, steps, size = "optimizer.learning_rate", "sampler.steps", "sampler.step_size"
	for _, c := range []struct {
		rule string
		want [2]string
		cure [2]guard.Cure
	}{
		{rule: "finite", want: [2]string{rate, rate}, cure: [2]guard.Cure{1: {Redraw: true}}},
		{rule: "contrast", want: [2]string{rate, rate}, cure: [2]guard.Cure{1: {Redraw: true}}},
		{rule: "gap below", want: [2]string{rate, rate}},
		{rule: "gap above", want: [2]string{steps, rate}},
		{rule: "lag", want: [2]string{size, steps}},
		{rule: "bounds", want: [2]string{"", size}, cure: [2]guard.Cure{{Renew: true}}},
		{rule: "blank", want: [2]string{"", rate}, cure: [2]guard.Cure{{Renew: true}}},
	} {
		trouble := guard.Trouble{Rule: c.rule}
		for try := range 4 {
			cure, want := trouble.Cure(try, 5, false), c.cure[try%2]
			key := ""
			if len(cure.Changes) > 0 {
				key = cure.Changes[0].Key
			}
			if key != c.want[try%2] || cure.Renew != want.Renew || cure.Redraw != want.Redraw {
				t.Errorf("%s, try %d: %+v", c.rule, try, cure)
			}
		}
		if cure := trouble.Cure(4, 5, false); len(cure.Changes) < 10 || !cure.Redraw {
			t.Errorf("%s, the last try: %+v", c.rule, cure)
		}
		for try := range 5 {
			cure := trouble.Cure(try, 5, true)
			if cure.Redraw || try == 4 && (len(cure.Changes) < 10 || cure.Changes[0].Of(1) != 0.1) {
				t.Errorf("%s, try %d with weights that are worth keeping: %+v", c.rule, try, cure)
			}
		}
		if cure := trouble.Cure(0, 1, false); len(cure.Changes) > 2 {
			t.Errorf("%s, the only try: %+v", c.rule, cure)
		}
	}
}

func TestChange(t *testing.T) {
	for _, c := range []struct {
		change    guard.Change
		old, want float64
	}{
		{guard.Change{Factor: 0.25, Hi: math.Inf(1)}, 8, 2},
		{guard.Change{Factor: 1, Lo: 1, Hi: 3}, 8, 3},
		{guard.Change{Factor: 1, Lo: 1, Hi: 3}, 0, 1},
		{guard.Change{Factor: 1, Lo: 1, Hi: 3}, math.Inf(1), 3},
		{guard.Change{Factor: 1, Lo: 1, Hi: 3}, 2, 2},
		{guard.Change{Factor: 2, Hi: 3}, 2, 3},
		{guard.Change{Factor: 2, Hi: 3}, 4, 4},
		{guard.Change{Factor: 0.5, Lo: 1, Hi: 3}, 0.5, 0.5},
	} {
		if got := c.change.Of(c.old); got != c.want {
			t.Errorf("%+v of %v: %v", c.change, c.old, got)
		}
	}
}

func TestRestore(t *testing.T) {
	a, b := guard.New(config(), figures), guard.New(config(), figures)
	for range 2 {
		step(a, with(metric.Blank, 1))
	}
	if !b.Restore(a.Windows()) || step(b, with(metric.Blank, 1)) == nil {
		t.Error("a guard does not go on where another was")
	}
	older := guard.New(config(), figures)
	if !older.Restore(a.Windows()[:8]) || step(older, with(metric.Blank, 1)) == nil {
		t.Error("a guard does not go on where one with fewer rules was")
	}
	if b.Restore(append(a.Windows(), nil)) {
		t.Error("windows of more rules are taken")
	}
	short := config()
	short.Window = 1
	c := guard.New(short, figures)
	if c.Restore(a.Windows()); len(c.Windows()[0]) != 1 {
		t.Errorf("a window of one step holds %v", c.Windows()[0])
	}
}

func TestValidate(t *testing.T) {
	c := guard.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Window = c.EveryNSteps + 1
	if e, ok := c.Validate().(*setting.Error); !ok || e.Key != "window" {
		t.Errorf("%v", c.Validate())
	}
	c = guard.Default()
	c.MaxBlank = math.NaN()
	if e, ok := c.Validate().(*setting.Error); !ok || e.Key != "max_blank" {
		t.Errorf("%v", c.Validate())
	}
}

// TestGenerator: what chains show does not hold of a generator, and what its samples
// look like does.
func TestGenerator(t *testing.T) {
	figures := metric.Named(metric.GradNorm, metric.EnergyReal, metric.EnergyFake, metric.GeneratorLoss, metric.Diversity)
	for _, c := range []struct {
		values []float64
		rule   string
	}{
		{[]float64{1, 2, 10, 10, 0.9}, ""}, // up to the margin
		{[]float64{1, 20, 2, 2, 0.9}, ""},  // as at the beginning
		{[]float64{1, 2, 101, 101, 0.9}, "energy"},
		{[]float64{1, 2, 10, 10, 0.01}, "diversity"},
	} {
		g, rule := guard.New(config(), figures), ""
		for range 3 {
			if trouble := g.Step(c.values, 5000, 1e-4); trouble != nil {
				rule = trouble.Rule
			}
		}
		if rule != c.rule {
			t.Errorf("%v: rule %q, want %q", c.values, rule, c.rule)
		}
		for g, n := guard.New(config(), figures), 0; c.rule == "diversity" && n < 3; n++ {
			if step(g, c.values) != nil {
				t.Error("a generator has no time to leave where it begins")
			}
		}
	}
}
