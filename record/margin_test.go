package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
)

func TestMarginWatch(t *testing.T) {
	all := []string{metric.EnergyReal, metric.EnergyFake, metric.Margin}
	for _, c := range []struct {
		figures []string
		values  [][]float64 // of an epoch's steps, the loss first
		told    string
	}{
		{all, [][]float64{{2, 2, 12, 10}, {1, 1, 13, 10}}, "12.5 on average, and the margin was 10"},
		{all, [][]float64{{2, 2, 12, 10}, {1.2, 1, 11, 10}}, ""}, // some samples are below
		{[]string{metric.EnergyFake}, [][]float64{{1, 12}}, ""},
		{nil, nil, ""},
	} {
		var notes []string
		w := marginWatch{note: func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }}
		for range 2 {
			for _, v := range c.values {
				if err := w.step(joule.StepInfo{Loss: v[0], Figures: metric.Named(c.figures...), Values: v[1:]}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.epoch(joule.EpochInfo{Epoch: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(notes, "\n"); !strings.Contains(got, c.told) || (c.told == "") != (got == "") || len(notes) > 1 {
			t.Errorf("%v: told %q", c.values, notes)
		}
	}
}
