package metric

import (
	"fmt"
	"math"
	"testing"
)

func TestSummary(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, tt := range []struct {
		s    Series
		want Summary
	}{
		{Series{Name: "none"}, Summary{Name: "none", Last: nan, Mean: nan, Median: nan, Min: nan, Max: nan}},
		{
			Series{"loss", []int{1, 1, 2, 2}, []int{1, 2, 3, 4}, []float64{5, -1, -1, 2}},
			Summary{"loss", 4, 0, 2, 2, 4, 0.5, 0.5, -1, 2, 5},
		},
		{
			Series{"odd", []int{1, 1, 2, 2}, []int{1, 2, 3, 4}, []float64{nan, 7, inf, -inf}},
			Summary{"odd", 4, 3, -inf, 2, 4, nan, 7, 7, 2, 7},
		},
		{
			Series{"large", []int{0, 0}, []int{1, 2}, []float64{math.MaxFloat64, math.MaxFloat64}},
			Summary{"large", 2, 0, math.MaxFloat64, 0, 2, inf, math.MaxFloat64, math.MaxFloat64, 1, math.MaxFloat64},
		},
	} {
		if got := tt.s.Summary(); fmt.Sprint(got) != fmt.Sprint(tt.want) { // NaN is not equal to itself
			t.Errorf("%v:\n got %v\nwant %v", tt.s, got, tt.want)
		}
	}
}
