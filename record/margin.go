package record

import (
	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
)

// marginWatch tells, once, that next to no sample of an epoch had an energy below
// the margin: the energy then learnt from real images alone.
type marginWatch struct {
	note  func(format string, a ...any)
	steps int
	// Sums over the epoch's steps: of how far samples were below the margin, which
	// is all of the loss but E of real images; of their E; and of the margin.
	below, energy, margin float64
	told                  bool
}

// leastBelow is the share of the margin by which samples are below it, on average, in
// an epoch that is worth it.
const leastBelow = 1e-3

func (w *marginWatch) step(s joule.StepInfo) error {
	margin, ok := s.Value(metric.Margin)
	if !ok {
		return nil
	}
	real, _ := s.Value(metric.EnergyReal)
	fake, _ := s.Value(metric.EnergyFake)
	w.steps, w.below, w.energy, w.margin = w.steps+1, w.below+s.Loss-real, w.energy+fake, w.margin+margin
	return nil
}

func (w *marginWatch) epoch(e joule.EpochInfo) error {
	if w.steps > 0 && w.below < leastBelow*w.margin && !w.told {
		w.told = true
		n := float64(w.steps)
		w.note("in epoch %d next to no sample of the generator had an energy below the margin: %.4g on average, and the margin was %.4g, so the energy learnt nothing from them; a larger objective.margin, or a schedule.margin_gamma nearer to 1, lets it", e.Epoch, w.energy/n, w.margin/n)
	}
	w.steps, w.below, w.energy, w.margin = 0, 0, 0, 0
	return nil
}
