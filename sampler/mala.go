package sampler

import (
	"context"
	"math"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/setting"
)

// MALA is the name of the Metropolis-adjusted Langevin algorithm (Besag 1994;
// Roberts and Tweedie 1996). It draws from exp(−E(x)/T) on the box [Min, Max],
// at the temperature T = Noise²/(2·StepSize) that the same settings have with
// Langevin. A step proposes
//
//	y = x − StepSize·clip(∇E(x), ±GradClip) + Noise·ξ,  ξ ~ N(0, 1)
//
// and goes there with the probability of [Hamiltonian], whose transition of one
// leapfrog step with h = Noise this is; otherwise it stays. At the box,
// coordinates are reflected, not clamped. The gradient is clipped at both ends
// of the step, which leaves the density as it is and only makes proposals worse.
//
// Anneal lowers the noise and with it T. BurnIn's steps keep T: StepSize is
// BurnInScale times as large and Noise √BurnInScale times. An Advance takes one
// gradient more than steps, for where it begins.
//
// In Info, Energy, GradNorm and Clamped are those of where the chain stands
// after the last step. A proposal that is not finite is rejected, and from there
// on Info tells of it, so that Finite is false.
const MALA = "mala"

func validateMALA(c Config) error {
	e := &setting.Error{Hint: "with the method " + MALA + " the temperature is noise²/(2·step_size), more than 0 in every step"}
	switch {
	case c.Noise == 0:
		e.Key, e.Problem = "noise", "0 is no temperature to draw at"
	case c.StepSize == 0:
		e.Key, e.Problem = "step_size", "0 moves no chain"
	case c.Anneal == 1:
		e.Key, e.Problem = "anneal", "1 leaves the last step no temperature to draw at"
	default:
		return nil
	}
	return e
}

// mala takes steps of the Metropolis-adjusted Langevin algorithm.
func mala(ctx context.Context, c Config, e Energy, s *State, info []Info, each func(step int)) error {
	if c.Steps == 0 {
		return nil
	}
	h := &s.proposals
	h.Potential = Potential{Beta: 1, Min: c.Min, Max: c.Max}
	h.Jitter, h.Leapfrog, h.Clip = 0, 1, c.GradClip
	h.Start(e, s)
	var t tally
	t.begin(info, h)
	for k := range c.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		noise := float64(c.noise(k))
		h.Temperature, h.Step = noise*noise/(2*float64(c.StepSize)), noise
		if k < c.BurnIn {
			h.Step *= math.Sqrt(float64(c.BurnInScale))
		}
		g := h.Transition(e, s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.proposed.measure(g, s.width, c.GradClip)
		t.step(info, h, k+1)
		if each != nil {
			each(k + 1)
		}
	}
	return nil
}

// A tally makes Info of transitions.
type tally struct {
	at, proposed slope
	accepted     [lane.Max]int
	bad          [lane.Max]bool // Info tells of a number that was not finite
}

// begin tells where the chains stand before the first step.
func (t *tally) begin(info []Info, h *Hamiltonian) {
	t.at.measure(h.g, h.width, h.Clip)
	for l := range info {
		info[l] = Info{Energy: h.Energy[l], GradNorm: t.at.norm[l], Clamped: t.at.clamped[l]}
		t.bad[l] = !h.Finite[l]
	}
}

// step tells of the transition that was the given number of steps.
func (t *tally) step(info []Info, h *Hamiltonian, steps int) {
	for l := range info {
		i := &info[l]
		if h.Accepted[l] {
			t.accepted[l]++
			t.at.norm[l], t.at.clamped[l] = t.proposed.norm[l], t.proposed.clamped[l]
		}
		i.Accepted = float32(t.accepted[l]) / float32(steps)
		switch {
		case t.bad[l]: // the first that was not finite stays in info
		case h.Finite[l]:
			i.Energy, i.GradNorm, i.Clamped = h.Energy[l], t.at.norm[l], t.at.clamped[l]
		default:
			t.bad[l] = true
			i.Energy, i.GradNorm, i.Clamped = h.Proposed[l], t.proposed.norm[l], t.proposed.clamped[l]
			if finite(float64(i.Energy) + float64(i.GradNorm)) {
				i.GradNorm = inf // it is the momentum or the position that left float32
			}
		}
	}
}

// slope is what Info tells of a gradient.
type slope struct{ norm, clamped [lane.Max]float32 }

func (s *slope) measure(g []float32, width int, clip float32) {
	var sum [lane.Max]float64
	sumSquares(sum[:width], g)
	s.clamped = [lane.Max]float32{}
	elements := float32(len(g) / width)
	for ; len(g) > 0; g = g[width:] {
		for l, v := range g[:width] {
			if v > clip || v < -clip {
				s.clamped[l]++
			}
		}
	}
	for l := range width {
		s.norm[l] = float32(math.Sqrt(sum[l]))
		s.clamped[l] /= elements
	}
}
