package grid

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func labels(ticks []plot.Tick) string {
	var s []string
	for _, t := range ticks {
		if t.Label != "" {
			s = append(s, t.Label)
		}
	}
	return strings.Join(s, " ")
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		want   string
	}{
		{0, 2811, "0 500 1000 1500 2000 2500"},
		{-0.4, 0.3, "-0.4 -0.3 -0.2 -0.1 0.0 0.1 0.2 0.3"},
		{-4.05, 0.1, "-4 -3 -2 -1 0"},
		{0.9e-4, 1.0e-4, "9e-05 9.2e-05 9.4e-05 9.6e-05 9.8e-05 0.0001"},
		{0, 3e6, "0 500000 1000000 1500000 2000000 2500000 3000000"},
		{0, 1e100, "0 2e+99 4e+99 6e+99 8e+99 1e+100"},
		{1, 1 + 1e-15, "1 1"},
		{0, 5e-324, "0 4.9407e-324"},
	} {
		if got := labels(roundTicks{}.Ticks(tt.lo, tt.hi)); got != tt.want {
			t.Errorf("%g to %g: %s, want %s", tt.lo, tt.hi, got, tt.want)
		}
	}
	for _, tt := range []struct {
		lo, hi float64
		want   string
	}{
		{0.05, 20, "0.1 1 10"},
		{1e-5, 3e5, "1e-4 0.01 1 100 10000"},
		{1e-100, 1e100, "1e-78 1e-52 1e-26 1 1e26 1e52 1e78"},
	} {
		if got := labels(decadeTicks{}.Ticks(tt.lo, tt.hi)); got != tt.want {
			t.Errorf("log %g to %g: %s, want %s", tt.lo, tt.hi, got, tt.want)
		}
	}
	for _, hi := range []float64{math.NaN(), math.Inf(1), -1} {
		if n := len(roundTicks{}.Ticks(0, hi)); n > 20 { // no endless axis, whatever comes
			t.Errorf("%d ticks up to %g", n, hi)
		}
	}
}
