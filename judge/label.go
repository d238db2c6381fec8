package judge

import (
	"fmt"
	"math"
)

// sloppy is how far from 1 the probabilities of an image may sum: float32's
// rounding over many classes, but nothing that was not normalised.
const sloppy = 1e-3

// probabilities checks class probabilities, N×D with D classes, and returns a
// function that gives those of an image, normalised, in memory it owns.
func probabilities(p Features, least int) (func(i int) []float64, error) {
	if err := p.check("probabilities", least); err != nil {
		return nil, err
	}
	for i := range p.N {
		sum := 0.0
		for j, v := range p.Row(i) {
			if v < 0 {
				return nil, &Error{"probabilities", fmt.Sprintf("that of class %d for image %d is %v", j, i, v),
					"give the classifier's softmax, not its logits"}
			}
			sum += float64(v)
		}
		if math.Abs(sum-1) > sloppy {
			return nil, &Error{"probabilities", fmt.Sprintf("those for image %d sum to %v", i, sum),
				"give the classifier's softmax, not its logits"}
		}
	}
	row := make([]float64, p.D)
	return func(i int) []float64 {
		sum := 0.0
		for j, v := range p.Row(i) {
			row[j] = float64(v)
			sum += row[j]
		}
		for j := range row {
			row[j] /= sum
		}
		return row
	}, nil
}

// Inception is an inception score.
type Inception struct {
	// Score is that of all samples.
	Score float64
	// Mean and SD are over the scores of Splits equal parts, which is how
	// papers give it. SD is divided by Splits, as in the authors' code.
	Mean, SD float64
	Splits   int
}

// InceptionScore returns
//
//	exp( mean over x of KL( p(y|x) ‖ p(y) ) ),  p(y) = mean over x of p(y|x)
//
// for the class probabilities of N samples, N×classes, as a classifier gives
// them (Salimans et al., "Improved techniques for training GANs", NeurIPS
// 2016). It is between 1, where all samples look alike to the classifier, and
// the number of classes, where each is certain and all are equally frequent.
// Part i of the splits, from 0, is of the samples i·N/splits … (i+1)·N/splits
// in their order; small parts have lower scores, so Mean is at most Score
// in expectation.
func InceptionScore(p Features, splits int) (Inception, error) {
	if splits < 1 {
		panic("judge: InceptionScore with no splits")
	}
	at, err := probabilities(p, splits)
	if err != nil {
		return Inception{}, err
	}
	score := func(lo, hi int) float64 {
		// mean KL = H(mean p) − mean H(p)
		marginal, certain := make([]float64, p.D), 0.0
		for i := lo; i < hi; i++ {
			row := at(i)
			for j, v := range row {
				marginal[j] += v
			}
			certain += entropy(row)
		}
		n := float64(hi - lo)
		for j := range marginal {
			marginal[j] /= n
		}
		// Rounding may take an information of 0 below it.
		return math.Exp(max(entropy(marginal)-certain/n, 0))
	}
	parts := make([]float64, splits)
	for s := range parts {
		parts[s] = score(s*p.N/splits, (s+1)*p.N/splits)
	}
	out := Inception{Score: score(0, p.N), Mean: mean(parts), Splits: splits}
	for _, v := range parts {
		out.SD += (v - out.Mean) * (v - out.Mean)
	}
	out.SD = math.Sqrt(out.SD / float64(splits))
	return out, nil
}

// Labels is what a classifier takes samples for.
type Labels struct {
	Label []int // N: the most probable class of each sample, of equal ones the first
	Count []int // of samples in each class
	// Entropy is that of Count/N in nats: ln(classes) where all are equally
	// frequent, 0 where there is only one.
	Entropy float64
	// Doubt is the mean entropy of p(y|x) of the samples in each class, in
	// nats: 0 where the classifier is certain. NaN for an empty class.
	Doubt []float64
}

// NewLabels counts samples by the class probabilities that a classifier gives
// them, N×classes.
func NewLabels(p Features) (Labels, error) {
	at, err := probabilities(p, 1)
	if err != nil {
		return Labels{}, err
	}
	l := Labels{Label: make([]int, p.N), Count: make([]int, p.D), Doubt: make([]float64, p.D)}
	for i := range p.N {
		row, best := at(i), 0
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		l.Label[i] = best
		l.Count[best]++
		l.Doubt[best] += entropy(row)
	}
	frequency := make([]float64, p.D)
	for c, n := range l.Count {
		frequency[c] = float64(n) / float64(p.N)
		l.Doubt[c] /= float64(n) // 0/0 is NaN
	}
	l.Entropy = entropy(frequency)
	return l, nil
}
