package guard

import (
	"math"
	"slices"
)

// A Cure is what to change when a training goes back.
type Cure struct {
	Changes []Change
	// Renew makes noise of half of the replay buffer.
	Renew bool
	// Redraw draws the weights anew and makes noise of all of the replay
	// buffer, for a network that is beyond help.
	Redraw bool
}

// A Change multiplies a setting by Factor, and then holds it between Lo and Hi,
// but never turns it the other way: a factor above 1 does not make it smaller. A
// setting that is a text becomes Text.
type Change struct {
	Key            string
	Factor, Lo, Hi float64
	Text           string
}

// Of returns what becomes of a number.
func (c Change) Of(v float64) float64 {
	next := min(max(v*c.Factor, c.Lo), c.Hi)
	if c.Factor > 1 && next < v || c.Factor < 1 && next > v {
		return v
	}
	return next
}

func times(key string, factor float64) Change {
	return Change{Key: key, Factor: factor, Hi: math.Inf(1)}
}

func within(key string, lo, hi float64) Change {
	return Change{Key: key, Factor: 1, Lo: lo, Hi: hi}
}

var (
	renewBuffer  = Cure{Renew: true}
	lowerRate    = Cure{Changes: []Change{times("optimizer.learning_rate", 0.25)}}
	slashRate    = Cure{Changes: []Change{times("optimizer.learning_rate", 0.1)}}
	slashBoth    = Cure{Changes: []Change{times("optimizer.learning_rate", 0.1), times("sampler.step_size", 0.25)}}
	slashRedrawn = Cure{Changes: slashRate.Changes, Redraw: true}
	moreSteps    = Cure{Changes: []Change{times("sampler.steps", 2)}}
	smallerSteps = Cure{Changes: []Change{times("sampler.step_size", 0.5)}}

	longerSteps = Cure{Changes: []Change{
		{Key: "sampler.step_size", Factor: 4, Hi: 20},
		within("sampler.grad_clip", 0.01, math.Inf(1)),
	}}
	// Noise has a low energy where nothing takes chains there: restarts from
	// something else.
	fewerRestarts = Cure{Redraw: true, Changes: []Change{within("buffer.restart_probability", 0.01, 0.1)}}

	// lastResort brings all settings that can ruin a training near to those of
	// the default recipe.
	lastResort = Cure{Redraw: true, Changes: []Change{
		within("optimizer.learning_rate", 3e-4, 5e-4), // the first, see Cure
		within("optimizer.grad_clip_norm", 0.01, 0.1),
		times("optimizer.spectral_norm", 0), // none
		within("objective.alpha", 0.01, 1),
		within("objective.data_noise", 0, 0.1),
		within("objective.sigma", 0.2, 2),
		{Key: "sampler.method", Text: "langevin"},
		within("sampler.steps", 30, math.Inf(1)),
		within("sampler.step_size", 5, 20),
		within("sampler.noise", 0, 0.05),
		within("sampler.grad_clip", 0.01, 0.1),
		within("buffer.restart_probability", 0.01, 0.1),
	}}
)

// Cure returns what to change at a try, counted from 0 since the last epoch
// that went well. The last of several tries changes all that can ruin a
// training; what the others change depends on the rule. Weights that are worth
// keeping are not drawn anew, and their learning rate is not raised.
//
//	                               first             second                          and so on in turns
//	finite, energy, gradient,
//	flat, contrast, validation     learning rate ÷4  learning rate ÷10, new weights
//	inverted                       fewer restarts,   learning rate ÷10, new weights
//	                               new weights
//	gap below                      learning rate ÷4  learning rate ÷10, step size ÷4
//	gap above                      steps ×2          learning rate ÷4
//	lag                            step size ×4      steps ×2
//	bounds                         replay buffer     step size ÷2
//	blank, diversity               replay buffer     learning rate ÷4
//
// Steps and step size are those of the sampler.
func (t *Trouble) Cure(try, tries int, keep bool) Cure {
	last := tries > 1 && try == tries-1
	switch c := t.cure(try); {
	case last && keep:
		return Cure{Changes: slices.Concat(slashRate.Changes, lastResort.Changes[1:])}
	case last:
		return lastResort
	default:
		c.Redraw = c.Redraw && !keep
		return c
	}
}

// cure is that of a rule, whatever the weights are worth.
func (t *Trouble) cure(try int) Cure {
	cures := []Cure{lowerRate, slashRedrawn}
	switch t.Rule {
	case inverted:
		cures = []Cure{fewerRestarts, slashRedrawn}
	case gapBelow:
		cures = []Cure{lowerRate, slashBoth}
	case lag:
		cures = []Cure{longerSteps, moreSteps}
	case gapAbove:
		cures = []Cure{moreSteps, lowerRate}
	case bounds:
		cures = []Cure{renewBuffer, smallerSteps}
	case blank, diversity:
		cures = []Cure{renewBuffer, lowerRate}
	}
	return cures[try%len(cures)]
}
