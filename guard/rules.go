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
	contrast   = "contrast"
	lag        = "lag"
	inverted   = "inverted"
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
	// late is how far each weight must have been able to move since it was
	// drawn, before the rule looks at anything: Adam moves it by about the
	// learning rate a step. wait is the number of steps for that, at the
	// least. 0 for a rule that holds from the beginning.
	late float64
	wait int

	chains bool  // it is for samples of chains, not of a generator
	places []int // of the figures, among those that there are
}

// rules lists all rules, in the order in which they are asked. A checkpoint has
// their windows in this order, and an older one those of the first: append,
// never reorder.
func (c *Config) rules() []rule {
	largest := func(v []float64) float64 { return max(math.Abs(v[0]), math.Abs(v[1])) }
	difference := func(v []float64) float64 { return v[0] - v[1] }
	itself := func(v []float64) float64 { return v[0] }
	gap := []string{metric.EnergyFake, metric.EnergyReal}
	return []rule{
		{name: energy, figures: gap, value: largest, bound: c.MaxEnergy, above: true, what: "the larger of |E(real)| and |E(fake)|"},
		{name: gapAbove, figures: gap, value: difference, bound: c.MaxGap, above: true, what: "E(fake) − E(real)", chains: true},
		{name: gapBelow, figures: gap, value: difference, bound: c.MinGap, what: "E(fake) − E(real)", late: 0.01, chains: true},
		{name: gradient, figures: []string{metric.GradNorm}, value: itself, bound: c.MaxGradNorm, above: true, what: "the norm of the weights' gradient"},
		{name: flat, figures: []string{metric.ChainGradNorm}, value: itself, bound: c.MinChainGradNorm, what: "the norm of the energy's gradient at the samples"},
		{name: bounds, figures: []string{metric.AtBounds}, value: itself, bound: c.MaxAtBounds, above: true, what: "the share of the samples' pixels at their bounds"},
		{name: blank, figures: []string{metric.Blank}, value: itself, bound: c.MaxBlank, above: true, what: "the share of samples that are blank"},
		{name: diversity, figures: []string{metric.Diversity}, value: itself, bound: c.MinDiversity, what: "the distance between samples beside that between real images"},
		{name: contrast, figures: []string{metric.Contrast}, value: itself, bound: c.MinContrast, what: "E(noise) − E(real)", late: 0.05, wait: 30},
		{name: lag, figures: append(gap, metric.Contrast), value: c.lag, bound: c.MaxLag, above: true, what: "the share of noise's energy above real images that samples still have", late: 0.01, wait: 30},
		{name: inverted, figures: []string{metric.Contrast}, value: itself, bound: -math.Abs(c.MinContrast), what: "E(noise) − E(real)", late: 0.01, wait: 30},
	}
}

// lag is how far samples still are from real images on the way from noise, by
// their energy: 0 where chains reach what training wants, about 1 where they do
// not get on. Where the energy hardly tells noise from images it is 0.
func (c *Config) lag(v []float64) float64 {
	if contrast := v[2]; contrast > c.MinContrast/10 {
		return (v[0] - v[1]) / contrast
	}
	return 0
}

// among returns the rules whose figures are all there. Those that are for chains do
// not apply to a generator, whose samples may have any energy up to the margin.
func among(rules []rule, figures []metric.Figure) []rule {
	measured := func(name string) bool {
		return slices.ContainsFunc(figures, func(f metric.Figure) bool { return f.Name == name })
	}
	generated := measured(metric.GeneratorLoss)
	rules = slices.DeleteFunc(rules, func(r rule) bool {
		return r.chains && generated || slices.ContainsFunc(r.figures, func(name string) bool { return !measured(name) })
	})
	for i := range rules {
		if r := &rules[i]; generated && (r.name == blank || r.name == diversity) {
			r.late = 0.5 // a generator begins with images that are all alike
		}
	}
	return rules
}

// judge returns trouble where the median of w is out of a rule's bounds.
func (g *Guard) judge(r *rule, w []float64) *Trouble {
	g.sorted = append(g.sorted[:0], w...)
	slices.Sort(g.sorted)
	m, words := median(g.sorted), "above"
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

// median is that of values in order.
func median(v []float64) float64 { return (v[(len(v)-1)/2] + v[len(v)/2]) / 2 }

// Trouble is a rule that is broken.
type Trouble struct {
	Rule string // see [Config]
	Seen string // what was noticed, in words
}
