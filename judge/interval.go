package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/joule-ml/joule/random"
)

// An Estimate is a number with a confidence interval.
type Estimate struct{ Value, Low, High float64 }

func (e Estimate) String() string { return fmt.Sprintf("%.4f [%.4f, %.4f]", e.Value, e.Low, e.High) }

// AUROCInterval returns AUROC with a confidence interval of the given level,
// such as 0.95, for two scores or more on each side. The variance is that of
// DeLong, DeLong and Clarke-Pearson (Biometrics 1988),
//
//	var = s²(Vᵢ)/m + s²(Vⱼ)/n
//
// where Vᵢ is the fraction of outliers that image i scores above, Vⱼ the
// fraction of images that outlier j scores below, and s² their sample
// variance. The interval is symmetric for the logarithm of the odds, so it
// stays within (0, 1) (Pepe 2003, 5.2.5).
//
// Where the two sides are told apart without any fault, and the variance
// vanishes, min(m, n) disjoint pairs have all come out right; the far end of
// the interval is what Clopper and Pearson (1934) give for that many trials,
// ((1−level)/2)^(1/min(m, n)).
func AUROCInterval(in, out []float64, level float64) (Estimate, error) {
	checkRate("AUROCInterval", level)
	a, b, err := scores(in, out, 2)
	if err != nil {
		return Estimate{}, err
	}
	m, n := float64(len(a)), float64(len(b))
	v, w := make([]float64, len(a)), make([]float64, len(b))
	total := int64(0)
	for i, p := range placements(a, b) {
		total += int64(p)
		v[i] = float64(p) / 2 / n
	}
	for j, p := range placements(b, a) {
		w[j] = 1 - float64(p)/2/m
	}
	e := Estimate{Value: float64(total) / 2 / m / n}
	far := math.Pow((1-level)/2, 1/min(m, n))
	switch e.Value {
	case 0:
		e.High = 1 - far
		return e, nil
	case 1:
		e.Low, e.High = far, 1
		return e, nil
	}
	sd := math.Sqrt(variance(v)/m + variance(w)/n)
	z := normalQuantile((1+level)/2) * sd / (e.Value * (1 - e.Value))
	odds := math.Log(e.Value / (1 - e.Value))
	e.Low, e.High = sigmoid(odds-z), sigmoid(odds+z)
	return e, nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// resamples is the number of bootstrap samples, enough for an interval of
// 95 % or 99 % (Efron and Tibshirani 1993, chapter 13).
const resamples = 2000

// FPRInterval returns FPR with a confidence interval of the given level, such
// as 0.95: the percentiles of 2,000 bootstrap samples of both sides, so that
// it allows for the threshold's own uncertainty. Equal seeds give equal
// intervals.
//
// Where no outlier passes, or all do, resampling cannot doubt it; the far end
// is then at least that of Clopper and Pearson for n trials that all came out
// the same.
func FPRInterval(in, out []float64, tpr, level float64, seed uint64) (Estimate, error) {
	checkRate("FPRInterval", tpr)
	checkRate("FPRInterval", level)
	a, b, err := scores(in, out, 2)
	if err != nil {
		return Estimate{}, err
	}
	need := needed(len(a), tpr)
	e := Estimate{Value: passing(b, a[len(a)-need])}
	stream := random.Stream{Seed: seed, Purpose: random.Bootstrap}
	rates := make([]float64, resamples)
	count := make([]int, len(a))
	for r := range rates {
		clear(count)
		draw(stream, len(a), uint32(r), 0, func(i int) { count[i]++ })
		// The threshold is the need-th highest of the images drawn.
		i := len(a)
		for seen := 0; seen < need; seen += count[i] {
			i--
		}
		first, _ := slices.BinarySearch(b, a[i])
		passed := 0
		draw(stream, len(b), uint32(r), 1, func(j int) {
			if j >= first {
				passed++
			}
		})
		rates[r] = float64(passed) / float64(len(b))
	}
	slices.Sort(rates)
	e.Low, e.High = quantile(rates, (1-level)/2), quantile(rates, (1+level)/2)
	far := math.Pow((1-level)/2, 1/float64(len(b)))
	switch e.Value {
	case 0:
		e.High = max(e.High, 1-far)
	case 1:
		e.Low = min(e.Low, far)
	}
	return e, nil
}

// draw calls f with n of the numbers 0 … n−1, drawn with replacement.
func draw(s random.Stream, n int, chain, step uint32, f func(i int)) {
	for i := 0; i < n; i += 4 {
		words := s.Words(chain, step, uint32(i/4))
		for _, w := range words[:min(4, n-i)] {
			f(int(uint64(w) * uint64(n) >> 32))
		}
	}
}
