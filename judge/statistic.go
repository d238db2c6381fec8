package judge

import (
	"math"
	"slices"
)

func sorted(v []float64) []float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s
}

// mean returns the mean of v, which is not empty. It sums deviations from the
// first value, so that the mean of equal values is that value to the last bit
// and their variance 0.
func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x - v[0]
	}
	return v[0] + sum/float64(len(v))
}

// variance returns the sample variance of v about its mean, divided by n−1.
func variance(v []float64) float64 {
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return sum / float64(len(v)-1)
}

// quantile returns the quantile q of ascending values, interpolated linearly
// between the two at and after (n−1)·q (type 7 of Hyndman and Fan 1996).
func quantile(ascending []float64, q float64) float64 {
	at := q * float64(len(ascending)-1)
	i := min(int(at), len(ascending)-1)
	j := min(i+1, len(ascending)-1)
	return ascending[i] + (at-float64(i))*(ascending[j]-ascending[i])
}

// normalQuantile is Φ⁻¹, for p in (0, 1).
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// entropy returns −Σ p ln p in nats.
func entropy(p []float64) float64 {
	h := 0.0
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}
