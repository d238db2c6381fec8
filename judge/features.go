package judge

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/dataset"
)

// Features are N points in a space of D dimensions, a row each: the
// activations of a classifier for N images, or their pixels.
type Features struct {
	N, D int
	X    []float32 // N×D
}

// Row returns the features of image i, which share f's memory.
func (f Features) Row(i int) []float32 { return f.X[i*f.D : (i+1)*f.D] }

// farthest bounds the size of features. Differences of up to twice as much,
// squared and summed over a chunk, stay below float32's largest, 3.4e38.
const farthest = 1e18

// check panics unless the parts of f fit together, and returns an error if
// there are fewer than least points or one that is no number.
func (f Features) check(input string, least int) error {
	if f.N < 0 || f.D <= 0 || len(f.X) != f.N*f.D {
		panic(fmt.Sprintf("judge: %d values for %d points in %d dimensions", len(f.X), f.N, f.D))
	}
	if f.N < least {
		return &Error{input, fmt.Sprintf("%d given where at least %d are needed", f.N, least), "Give more images."}
	}
	for i, v := range f.X {
		// The comparison is false for NaN.
		if !(math.Abs(float64(v)) <= farthest) {
			return &Error{input, fmt.Sprintf("feature %d of image %d is %v", i%f.D, i/f.D, v),
				"Features must be finite numbers, 1e18 at most in size."}
		}
	}
	return nil
}

// checkPair checks two sets of features that are to be compared.
func checkPair(inputA string, a Features, inputB string, b Features, least int) error {
	if a.D != b.D {
		panic(fmt.Sprintf("judge: features of %d and of %d dimensions", a.D, b.D))
	}
	if err := a.check(inputA, least); err != nil {
		return err
	}
	return b.check(inputB, least)
}

// rows are points that are read a block at a time, so that a data set need
// not be held in memory as numbers.
type rows struct {
	n, d int
	// read returns points lo … hi−1, in buf if they are not at hand. It is
	// called by several goroutines at once.
	read func(buf []float32, lo, hi int) []float32
}

func (f Features) rows() rows {
	return rows{f.N, f.D, func(_ []float32, lo, hi int) []float32 { return f.X[lo*f.D : hi*f.D] }}
}

func setRows(s *dataset.Set) rows {
	d := s.Size()
	return rows{s.N, d, func(buf []float32, lo, hi int) []float32 {
		for i := lo; i < hi; i++ {
			s.Image(buf[(i-lo)*d:(i-lo+1)*d], i)
		}
		return buf[:(hi-lo)*d]
	}}
}
