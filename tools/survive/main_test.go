package main

import (
	"math"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
)

// TestSettings: the lists can be trained, have nothing twice, and the first has
// enough in both halves.
func TestSettings(t *testing.T) {
	seen, halves := map[string]bool{}, map[string]int{}
	for _, s := range append(lines(list), lines(later)...) {
		if seen[s] {
			t.Errorf("%s: twice", s)
		}
		seen[s] = true
		halves[half(s)]++
		c, _, err := task{Settings: s}.config()
		if err == nil {
			err = c.Validate()
		}
		if err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if halves["tune"] < 30 || halves["report"] < 30 {
		t.Errorf("halves of %v", halves)
	}
}

// TestJudge: each way to end badly is told.
func TestJudge(t *testing.T) {
	figures := metric.Named(metric.EnergyReal, metric.EnergyFake, metric.ChainGradNorm, metric.Blank, metric.Diversity)
	for _, c := range []struct {
		divergence float64
		values     []float64
		want       string
	}{
		{-1, []float64{0, 0.1, 0.01, 0, 1}, "good"},
		{-0.05, []float64{0, 0.1, 0.01, 0, 1}, "takes noise for data (-0.05)"},
		{math.NaN(), []float64{0, 0.1, 0.01, 0, 1}, "takes noise for data (+NaN)"},
		{-1, []float64{0, 0.1, 1e-5, 0, 1}, "flat (1e-05)"},
		{-1, []float64{0, 2, 0.01, 0, 1}, "gap +2"},
		{-1, []float64{0, 0.1, 0.01, 0.5, 1}, "blank samples (0.50)"},
		{-1, []float64{0, 0.1, 0.01, 0, 0.3}, "samples too much alike or noise (0.30)"},
	} {
		if got := judge(joule.DefaultConfig(), figures, [][]float64{c.values}, c.divergence); got != c.want {
			t.Errorf("%v: %q, want %q", c, got, c.want)
		}
	}
}
