package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
)

func TestMarginWatch(t *testing.T) {
	for _, c := range []struct {
		figures []string
		values  [][]float64 // of an epoch's steps
		told    string
	}{
		{[]string{metric.EnergyFake, metric.Margin}, [][]float64{{12, 10}, {9, 10}}, "energy of 10.5, above the margin of 10"},
		{[]string{metric.EnergyFake, metric.Margin}, [][]float64{{12, 10}, {7, 10}}, ""},
		{[]string{metric.EnergyFake}, [][]float64{{12}}, ""},
		{nil, nil, ""},
	} {
		var notes []string
		w := marginWatch{note: func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }}
		for range 2 {
			for _, v := range c.values {
				if err := w.step(joule.StepInfo{Figures: metric.Named(c.figures...), Values: v}); err != nil {
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
