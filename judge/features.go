package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"

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
		return &Error{input, fmt.Sprintf("%d given where at least %d are needed", f.N, least), "give more images"}
	}
	for i, v := range f.X {
		// The comparison is false for NaN.
		if !(math.Abs(float64(v)) <= farthest) {
			return &Error{input, fmt.Sprintf("feature %d of image %d is %v", i%f.D, i/f.D, v),
				"features must be finite numbers, 1e18 at most in size"}
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

// rows returns the points with their values in the given order, or as they
// are if it is nil.
func (f Features) rows(order []int) rows {
	return rows{f.N, f.D, func(buf []float32, lo, hi int) []float32 {
		x := f.X[lo*f.D : hi*f.D]
		if order == nil {
			return x
		}
		return arrange(buf, x, order)
	}}
}

func setRows(s *dataset.Set, order []int) rows {
	d := s.Size()
	return rows{s.N, d, func(buf []float32, lo, hi int) []float32 {
		x := make([]float32, d)
		for i := lo; i < hi; i++ {
			s.Image(x, i)
			arrange(buf[(i-lo)*d:(i-lo+1)*d], x, order)
		}
		return buf[:(hi-lo)*d]
	}}
}

// arrange writes points with their values in another order to dst.
func arrange(dst, x []float32, order []int) []float32 {
	d := len(order)
	for lo := 0; lo < len(x); lo += d {
		from, to := x[lo:lo+d], dst[lo:lo+d]
		for j, k := range order {
			to[j] = from[k]
		}
	}
	return dst[:len(x)]
}

// telling returns the dimensions in the order of their variance over some
// thousand of the points that at writes, the largest first: summed in that
// order, distances soon show that they are too large.
func telling(n, d int, at func(dst []float32, i int)) []int {
	sum, square := make([]float64, d), make([]float64, d)
	x := make([]float32, d)
	some := min(n, 1000)
	for i := range some {
		at(x, i*n/some)
		for j, v := range x {
			sum[j] += float64(v)
			square[j] += float64(v) * float64(v)
		}
	}
	order := make([]int, d)
	for j := range order {
		order[j] = j
		square[j] -= sum[j] * sum[j] / float64(some)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(square[b], square[a]) })
	return order
}
