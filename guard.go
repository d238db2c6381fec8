package joule

import (
	"fmt"
	"math"
	"slices"
)

// GuardConfig says what a training that diverges looks like and what to do
// about it. The guard keeps the state of the training every so many steps. A
// number that is not finite is trouble at once; otherwise, after every step,
// each rule looks at the median of a value over the last Window steps, or a
// quarter of them at an epoch's end:
//
//	energy     the larger of |mean E| of real images and of samples, above MaxEnergy
//	gap above  mean E of samples − mean E of real images, above MaxGap
//	gap below  the same, below MinGap
//	gradient   the norm of the gradient of the weights, above MaxGradNorm
//	flat       the mean norm of ∂E/∂x at the chains' last step, below MinChainGradNorm
//	bounds     the share of the samples' pixels at their bounds, above MaxAtBounds
//	blank      the share of the samples that are of one colour, above MaxBlank
//	diversity  the distance between samples beside that between real images, below MinDiversity
//	validation E of held-out images above that of noise by more than −MinGap, after an epoch
//
// In trouble the training goes back by EveryNSteps to twice as many steps, or
// to the beginning of the epoch, and on from there with other noise and one
// thing changed, see [Rollback]. When Retries tries have not brought it through
// an epoch it ends with a [*DivergedError]. Zero Retries switch the guard off.
//
// All of it depends on the settings alone, not on time or threads, and is part
// of a checkpoint.
type GuardConfig struct {
	Retries     int `yaml:"retries"`
	EveryNSteps int `yaml:"every_n_steps"`
	Window      int `yaml:"window"`

	MaxEnergy        float64 `yaml:"max_energy"`
	MinGap           float64 `yaml:"min_gap"`
	MaxGap           float64 `yaml:"max_gap"`
	MaxGradNorm      float64 `yaml:"max_grad_norm"`
	MinChainGradNorm float64 `yaml:"min_chain_grad_norm"`
	MaxAtBounds      float64 `yaml:"max_at_bounds"`
	MaxBlank         float64 `yaml:"max_blank"`
	MinDiversity     float64 `yaml:"min_diversity"`
}

// DefaultGuard returns the settings of a guard that stays far from what the
// default recipe does; docs/guard.md has the measurements.
func DefaultGuard() GuardConfig {
	return GuardConfig{
		Retries: 3, EveryNSteps: 50, Window: 20,
		MaxEnergy: 100, MinGap: -0.3, MaxGap: 1, MaxGradNorm: 100,
		MinChainGradNorm: 1e-5, MaxAtBounds: 0.98, MaxBlank: 0.5, MinDiversity: 0.2,
	}
}

// The names of the rules.
const (
	ruleFinite     = "finite" // the one that is broken at once
	ruleEnergy     = "energy"
	ruleGapAbove   = "gap above"
	ruleGapBelow   = "gap below"
	ruleGradient   = "gradient"
	ruleFlat       = "flat"
	ruleBounds     = "bounds"
	ruleBlank      = "blank"
	ruleDiversity  = "diversity"
	ruleValidation = "validation"
)

// A rule bounds the median of a value from above, or from below.
type rule struct {
	name  string
	value func(StepInfo) float64
	bound float64
	above bool   // trouble is above the bound
	what  string // the value's name in words
}

func (c *GuardConfig) rules() []rule {
	gap := func(s StepInfo) float64 { return s.AvgReal - s.AvgFake }
	return []rule{
		{ruleEnergy, func(s StepInfo) float64 { return max(math.Abs(s.AvgReal), math.Abs(s.AvgFake)) }, c.MaxEnergy, true, "the larger of |E(real)| and |E(fake)|"},
		{ruleGapAbove, gap, c.MaxGap, true, "E(fake) − E(real)"},
		{ruleGapBelow, gap, c.MinGap, false, "E(fake) − E(real)"},
		{ruleGradient, func(s StepInfo) float64 { return s.GradNorm }, c.MaxGradNorm, true, "the norm of the weights' gradient"},
		{ruleFlat, func(s StepInfo) float64 { return s.ChainGradNorm }, c.MinChainGradNorm, false, "the norm of the energy's gradient at the samples"},
		{ruleBounds, func(s StepInfo) float64 { return s.AtBounds }, c.MaxAtBounds, true, "the share of the samples' pixels at their bounds"},
		{ruleBlank, func(s StepInfo) float64 { return s.Blank }, c.MaxBlank, true, "the share of samples that are blank"},
		{ruleDiversity, func(s StepInfo) float64 { return s.Diversity }, c.MinDiversity, false, "the distance between samples beside that between real images"},
	}
}

// A guard looks out for trouble and keeps states to go back to. A nil guard
// does nothing.
type guard struct {
	cfg     GuardConfig
	rules   []rule
	windows [][]float64 // of each rule, the latest value last
	tries   int         // rollbacks since the last epoch without one
	states  []*keptState
}

func newGuard(c GuardConfig) *guard {
	if c.Retries == 0 {
		return nil
	}
	g := &guard{cfg: c, rules: c.rules()}
	g.windows = make([][]float64, len(g.rules))
	return g
}

// step judges a step, and keeps the state where it is time.
func (g *guard) step(t *Trainer, s StepInfo) error {
	if g == nil {
		return nil
	}
	var broken error
	for i, r := range g.rules {
		w := append(g.windows[i], r.value(s))
		if len(w) > g.cfg.Window {
			w = slices.Delete(w, 0, len(w)-g.cfg.Window)
		}
		g.windows[i] = w
		if broken == nil && len(w) == g.cfg.Window {
			broken = r.judge(w, s)
		}
	}
	if broken != nil {
		return broken
	}
	if t.place.Step-g.states[len(g.states)-1].place.Step >= g.cfg.EveryNSteps {
		g.keep(t)
	}
	return nil
}

// judge returns a [*DivergedError] where the median of w is out of bounds.
func (r rule) judge(w []float64, s StepInfo) error {
	m, words := median(w), "above"
	if !r.above {
		words = "below"
	}
	if m == r.bound || (m > r.bound) != r.above {
		return nil
	}
	return &DivergedError{
		Rule: r.name, Epoch: s.Epoch, Step: s.Step - 1,
		Seen: fmt.Sprintf("%s is %s %.4g: %.4g in the median of %s", r.what, words, r.bound, m, plural(len(w), "step")),
	}
}

// epoch judges a validation. An epoch cannot be undone once it has ended, so a
// quarter of the window has to be enough here for the other rules.
func (g *guard) epoch(t *Trainer, e EpochInfo) error {
	if g == nil {
		return nil
	}
	if e.ValContrastiveDivergence > -g.cfg.MinGap {
		return &DivergedError{
			Rule: ruleValidation, Epoch: t.place.Epoch, Step: t.place.Step,
			Seen: fmt.Sprintf("E of held-out images is above that of noise by more than %.4g: by %.4g", -g.cfg.MinGap, e.ValContrastiveDivergence),
		}
	}
	quarter := (g.cfg.Window + 3) / 4
	for i, r := range g.rules {
		if w := g.windows[i]; len(w) >= quarter {
			if err := r.judge(w[len(w)-quarter:], StepInfo{Epoch: t.place.Epoch, Step: t.place.Step + 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
