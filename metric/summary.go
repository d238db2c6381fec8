package metric

import (
	"math"
	"slices"
)

// A Summary is a series in a few numbers, NaN where there is nothing to take
// them from.
type Summary struct {
	Name      string
	N         int     // values
	NotFinite int     // of them NaN or infinite, which the numbers below leave out, except Last
	Last      float64 // whatever it is
	Epoch     int     // of the last value
	Step      int     // of the last value
	Mean      float64 // of the values of that epoch
	Median    float64
	Min       float64
	MinStep   int // where the series was lowest first
	Max       float64
}

// Summary sums s up.
func (s Series) Summary() Summary {
	nan := math.NaN()
	sum := Summary{Name: s.Name, N: len(s.Value), Last: nan, Mean: nan, Median: nan, Min: nan, Max: nan}
	if sum.N == 0 {
		return sum
	}
	last := sum.N - 1
	sum.Last, sum.Epoch, sum.Step = s.Value[last], s.Epoch[last], s.Step[last]
	finite := make([]float64, 0, sum.N)
	total, n := 0.0, 0
	for i, v := range s.Value {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			sum.NotFinite++
			continue
		}
		if len(finite) == 0 || v < sum.Min {
			sum.Min, sum.MinStep = v, s.Step[i]
		}
		if len(finite) == 0 || v > sum.Max {
			sum.Max = v
		}
		finite = append(finite, v)
		if s.Epoch[i] == sum.Epoch {
			total, n = total+v, n+1
		}
	}
	if n > 0 {
		sum.Mean = total / float64(n)
	}
	if len(finite) > 0 {
		slices.Sort(finite)
		sum.Median = finite[(len(finite)-1)/2]/2 + finite[len(finite)/2]/2
	}
	return sum
}
