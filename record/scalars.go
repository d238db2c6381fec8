package record

import (
	"github.com/joule-ml/joule/metric"

	"github.com/joule-ml/joule"
)

// Scalars returns a callback that logs the figures of every step and validation
// that have a column.
func Scalars(t *joule.Trainer) joule.Callback {
	values := map[string]float64{}
	add := func(f metric.Figure, v float64) {
		if f.Column != "" && v == v { // the speed of a step too short to time is NaN
			values[f.Column] = f.In(v)
		}
	}
	return joule.Callback{
		Step: func(s joule.StepInfo) error {
			clear(values)
			for i, f := range s.Figures {
				add(f, s.Values[i])
			}
			return t.Log(joule.Record{Epoch: s.Epoch + 1, Step: s.Step, Scalars: values})
		},
		Epoch: func(e joule.EpochInfo) error {
			clear(values)
			for _, f := range metric.Figures() {
				if v, ok := e.Value(f.Name); ok {
					add(f, v)
				}
			}
			return t.Log(joule.Record{Epoch: e.Epoch, Step: e.Step, Scalars: values})
		},
	}
}
