package judge

import (
	"fmt"
	"math"
	"slices"
)

// scores checks two sets of scores and returns them in ascending order.
func scores(in, out []float64, least int) (a, b []float64, err error) {
	for _, s := range []struct {
		input  string
		values []float64
	}{{"scores of the model's images", in}, {"scores of outliers", out}} {
		if len(s.values) < least {
			return nil, nil, &Error{s.input, fmt.Sprintf("%d given where at least %d are needed", len(s.values), least),
				"score more images"}
		}
		if err := finite(s.input, s.values); err != nil {
			return nil, nil, err
		}
	}
	return sorted(in), sorted(out), nil
}

// placements returns, for each of the ascending values x, twice the number of
// the ascending values y that are below it plus the number that equal it.
func placements(x, y []float64) []int {
	p := make([]int, len(x))
	below, upTo := 0, 0
	for i, v := range x {
		for below < len(y) && y[below] < v {
			below++
		}
		for upTo < len(y) && y[upTo] <= v {
			upTo++
		}
		p[i] = below + upTo
	}
	return p
}

// AUROC returns the area under the receiver operating characteristic of
// telling images of the model's kind (in) from outliers (out), at least one
// each, by their scores. It is the probability that an image scores higher
// than an outlier, with equality counted half (Mann and Whitney 1947):
//
//	(1/mn) Σᵢ Σⱼ [inᵢ > outⱼ] + ½ [inᵢ = outⱼ]
//
// ½ is chance. It counts in whole numbers, in O(n log n).
func AUROC(in, out []float64) (float64, error) {
	a, b, err := scores(in, out, 1)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, p := range placements(a, b) {
		total += int64(p)
	}
	return float64(total) / 2 / float64(len(a)) / float64(len(b)), nil
}

// FPR returns the fraction of outliers (out) that pass for the model's own
// images (in) by a threshold that lets through at least the fraction tpr of
// those, such as 0.95: the true positives. The threshold is the highest score
// that does; what equals it passes. 0 is best, tpr is chance.
func FPR(in, out []float64, tpr float64) (float64, error) {
	checkRate("FPR", tpr)
	a, b, err := scores(in, out, 1)
	if err != nil {
		return 0, err
	}
	return passing(b, a[len(a)-needed(len(a), tpr)]), nil
}

// passing returns the fraction of ascending scores that are t or more.
func passing(ascending []float64, t float64) float64 {
	i, _ := slices.BinarySearch(ascending, t)
	return float64(len(ascending)-i) / float64(len(ascending))
}

// needed returns how many of n make up the fraction rate at least.
func needed(n int, rate float64) int {
	return min(max(int(math.Ceil(rate*float64(n)-rounding)), 1), n)
}

// rounding is more than the error of a rate times a number of images, so that
// 0.07 of 100 is 7, though 0.07·100 exceeds it.
const rounding = 1e-9

func checkRate(f string, rate float64) {
	if !(rate > 0 && rate < 1) {
		panic(fmt.Sprintf("judge: %s with a rate of %v", f, rate))
	}
}

// Threshold returns the highest score below which images may be called
// outliers so that at most the fraction rate of the model's own kind is, for
// an image drawn like the held-out ones: of n held-out scores in ascending
// order, number ⌊rate·(n+1)⌋ counted from 1. That is a conformal test, whose
// rate holds for any distribution of scores (Vovk et al. 2005; Bates et al.,
// "Testing for outliers with conformal p-values", 2023). It needs 1/rate − 1
// held-out scores at least.
func Threshold(heldOut []float64, rate float64) (float64, error) {
	checkRate("Threshold", rate)
	const input = "held-out scores"
	if err := finite(input, heldOut); err != nil {
		return 0, err
	}
	n := len(heldOut)
	k := int(rate*float64(n+1) + rounding)
	if k < 1 {
		return 0, &Error{input, fmt.Sprintf("%d are too few for a false-positive rate of %v", n, rate),
			fmt.Sprintf("Score %.0f at least, or allow a higher rate.", math.Ceil(1/rate-1-rounding))}
	}
	return sorted(heldOut)[k-1], nil
}
