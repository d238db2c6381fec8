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
		metric.ChainGradNorm, metric.AtBounds, metric.Blank, metric.Diversity)
	good = []float64{0, 1, -0.1, 0.1, 0.01, 0.2, 0, 0.9}
)

// config judges the median of three steps.
func config() guard.Config {
	c := guard.Default()
	c.EveryNSteps, c.Window = 6, 3
	return c
}

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
	} {
		g := guard.New(config(), figures)
		bad := with(c.figure, c.bad)
		for i, values := range [][]float64{bad, good, good, bad, good} {
			if trouble := g.Step(values); trouble != nil {
				t.Errorf("%s: trouble %+v at step %d, where one of three is bad", c.rule, trouble, i)
			}
		}
		g.Step(bad)
		trouble := g.Step(bad)
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
		if g.Forget(); g.Epoch(-1) != nil || g.Step(bad) != nil {
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
		if trouble := g.Step([]float64{1, 1e9}); trouble != nil {
			t.Errorf("%+v", trouble)
		}
	}
	for range 2 {
		g.Step([]float64{1e9, 0})
	}
	if trouble := g.Step([]float64{1e9, 0}); trouble == nil || trouble.Rule != "gradient" {
		t.Errorf("%+v", trouble)
	}
}

// TestCures: cures name settings that there are, and take turns.
func TestCures(t *testing.T) {
	keys := []string{"", "optimizer.learning_rate", "sampler.steps", "sampler.step_size"}
	for _, c := range []struct {
		rule string
		want []string
	}{
		{"finite", []string{"optimizer.learning_rate", "optimizer.learning_rate", "optimizer.learning_rate"}},
		{"gap above", []string{"sampler.steps", "optimizer.learning_rate", "sampler.steps"}},
		{"bounds", []string{"", "sampler.step_size", "optimizer.learning_rate"}},
		{"blank", []string{"", "optimizer.learning_rate", ""}},
	} {
		trouble := guard.Trouble{Rule: c.rule}
		for try := range 6 {
			cure := trouble.Cure(try)
			if cure.Key != c.want[try%3] || !slices.Contains(keys, cure.Key) || (cure.Key != "") != (cure.Factor > 0) {
				t.Errorf("%s, try %d: %+v", c.rule, try, cure)
			}
		}
	}
}

func TestRestore(t *testing.T) {
	a, b := guard.New(config(), figures), guard.New(config(), figures)
	for range 2 {
		a.Step(with(metric.Blank, 1))
	}
	if !b.Restore(a.Windows()) || b.Step(with(metric.Blank, 1)) == nil {
		t.Error("a guard does not go on where another was")
	}
	if b.Restore(a.Windows()[1:]) {
		t.Error("windows of other rules are taken")
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
