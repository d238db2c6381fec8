package guard

import (
	"fmt"
	"math"
	"slices"

	"github.com/joule-ml/joule/metric"
)

// The names of the rules.
const (
	Finite     = "finite" // the one that is broken at once
	energy     = "energy"
	gapAbove   = "gap above"
	gapBelow   = "gap below"
	gradient   = "gradient"
	flat       = "flat"
	bounds     = "bounds"
	blank      = "blank"
	diversity  = "diversity"
	validation = "validation"
)

// A rule bounds the median of a value from above, or from below.
type rule struct {
	name    string
	figures []string // of package metric, that the value is made of
	value   func(v []float64) float64
	bound   float64
	above   bool   // trouble is above the bound
	what    string // the value in words

	places []int // of the figures, among those that there are
}

// rules lists all rules, in the order in which they are asked. A checkpoint has
// their windows in this order.
func (c *Config) rules() []rule {
	largest := func(v []float64) float64 { return max(math.Abs(v[0]), math.Abs(v[1])) }
	difference := func(v []float64) float64 { return v[0] - v[1] }
	itself := func(v []float64) float64 { return v[0] }
	gap := []string{metric.EnergyFake, metric.EnergyReal}
	return []rule{
		{name: energy, figures: gap, value: largest, bound: c.MaxEnergy, above: true, what: "the larger of |E(real)| and |E(fake)|"},
		{name: gapAbove, figures: gap, value: difference, bound: c.MaxGap, above: true, what: "E(fake) − E(real)"},
		{name: gapBelow, figures: gap, value: difference, bound: c.MinGap, what: "E(fake) − E(real)"},
		{name: gradient, figures: []string{metric.GradNorm}, value: itself, bound: c.MaxGradNorm, above: true, what: "the norm of the weights' gradient"},
		{name: flat, figures: []string{metric.ChainGradNorm}, value: itself, bound: c.MinChainGradNorm, what: "the norm of the energy's gradient at the samples"},
		{name: bounds, figures: []string{metric.AtBounds}, value: itself, bound: c.MaxAtBounds, above: true, what: "the share of the samples' pixels at their bounds"},
		{name: blank, figures: []string{metric.Blank}, value: itself, bound: c.MaxBlank, above: true, what: "the share of samples that are blank"},
		{name: diversity, figures: []string{metric.Diversity}, value: itself, bound: c.MinDiversity, what: "the distance between samples beside that between real images"},
	}
}

// among returns the rules whose figures are all there.
func among(rules []rule, figures []metric.Figure) []rule {
	return slices.DeleteFunc(rules, func(r rule) bool {
		for _, name := range r.figures {
			if !slices.ContainsFunc(figures, func(f metric.Figure) bool { return f.Name == name }) {
				return true
			}
		}
		return false
	})
}

// judge returns trouble where the median of w is out of bounds.
func (r *rule) judge(w []float64) *Trouble {
	m, words := median(w), "above"
	if !r.above {
		words = "below"
	}
	if m == r.bound || (m > r.bound) != r.above {
		return nil
	}
	steps := "1 step"
	if len(w) > 1 {
		steps = fmt.Sprintf("%d steps", len(w))
	}
	return &Trouble{Rule: r.name, Seen: fmt.Sprintf("%s is %s %.4g: %.4g in the median of %s", r.what, words, r.bound, m, steps)}
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Trouble is a rule that is broken.
type Trouble struct {
	Rule string // see [Config]
	Seen string // what was noticed, in words
}

// A Cure is one thing to change: a setting by a factor, or where Key is empty
// half of the replay buffer, which becomes noise again.
type Cure struct {
	Key    string
	Factor float64
}

var (
	renewBuffer  = Cure{}
	lowerRate    = Cure{"optimizer.learning_rate", 0.25}
	slashRate    = Cure{"optimizer.learning_rate", 0.1}
	moreSteps    = Cure{"sampler.steps", 2}
	smallerSteps = Cure{"sampler.step_size", 0.5}
)

// Cure returns what to change at a try, counted from 0 since the last epoch
// that went well. What that is depends on the rule.
//
//	                             first             second              third
//	finite, energy, gradient,
//	flat, gap below, validation  learning rate ÷4  learning rate ÷10   learning rate ÷10
//	gap above                    steps ×2          learning rate ÷4    steps ×2
//	bounds                       replay buffer     step size ÷2        learning rate ÷4
//	blank, diversity             replay buffer     learning rate ÷4    replay buffer
//
// and so on in turns. Steps and step size are those of the sampler.
func (t *Trouble) Cure(try int) Cure {
	cures := []Cure{lowerRate, slashRate, slashRate}
	switch t.Rule {
	case gapAbove:
		cures = []Cure{moreSteps, lowerRate, moreSteps}
	case bounds:
		cures = []Cure{renewBuffer, smallerSteps, lowerRate}
	case blank, diversity:
		cures = []Cure{renewBuffer, lowerRate, renewBuffer}
	}
	return cures[try%len(cures)]
}
