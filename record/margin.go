package record

import (
	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
)

// marginWatch tells, once, that all samples of an epoch had an energy above the
// margin on average: the energy then learnt from real images alone.
type marginWatch struct {
	note         func(format string, a ...any)
	steps        int
	energy, from float64 // sums over the epoch's steps of E of samples, and of the margin
	told         bool
}

func (w *marginWatch) step(s joule.StepInfo) error {
	margin, ok := s.Value(metric.Margin)
	if energy, _ := s.Value(metric.EnergyFake); ok {
		w.steps, w.energy, w.from = w.steps+1, w.energy+energy, w.from+margin
	}
	return nil
}

func (w *marginWatch) epoch(e joule.EpochInfo) error {
	if w.steps > 0 && w.energy > w.from && !w.told {
		w.told = true
		n := float64(w.steps)
		w.note("in epoch %d the generator's samples had an energy of %.4g, above the margin of %.4g: the energy learnt nothing from them; a larger objective.margin, or a schedule.margin_gamma nearer to 1, lets it", e.Epoch, w.energy/n, w.from/n)
	}
	w.steps, w.energy, w.from = 0, 0, 0
	return nil
}
