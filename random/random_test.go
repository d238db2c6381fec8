package random

import (
	"slices"
	"testing"
)

func TestPermutation(t *testing.T) {
	s := Stream{Seed: 42, Purpose: Shuffle}
	const n = 1000
	p := s.Permutation(n, 3)
	sorted := slices.Clone(p)
	slices.Sort(sorted)
	for i, v := range sorted {
		if int(v) != i {
			t.Fatalf("not a permutation: %d where %d belongs", v, i)
		}
	}
	if !slices.Equal(p, s.Permutation(n, 3)) {
		t.Error("the same step gave another order")
	}
	if slices.Equal(p, s.Permutation(n, 4)) {
		t.Error("another step gave the same order")
	}
	// Every element is equally likely to come first: with 2,000 draws of
	// four, each count has mean 500 and deviation 19.4.
	var first [4]int
	for step := range uint32(2000) {
		first[s.Permutation(4, step)[0]]++
	}
	for v, count := range first {
		if count < 420 || count > 580 {
			t.Errorf("%d came first %d times in 2000", v, count)
		}
	}
}

func TestUniform(t *testing.T) {
	s := Stream{Seed: 7, Purpose: Restart}
	a, b := make([]float32, 4099), make([]float32, 100)
	s.Uniform(a, 5, 9, -1, 1)
	s.Uniform(b, 5, 9, -1, 1)
	if !slices.Equal(a[:100], b) {
		t.Error("a value depends on how many are drawn")
	}
	var sum float64
	for _, v := range a {
		if v < -1 || v >= 1 {
			t.Fatalf("%v lies outside [-1, 1)", v)
		}
		sum += float64(v)
	}
	if mean := sum / float64(len(a)); mean < -0.04 || mean > 0.04 { // 4.4 standard errors
		t.Errorf("mean %v of %d values", mean, len(a))
	}
	c := make([]float32, 100)
	for _, other := range []Stream{{Seed: 8, Purpose: Restart}, {Seed: 7, Purpose: Draw}, {Seed: 7, Purpose: Restart, Retry: 1}, {Seed: 7 + 1<<32, Purpose: Restart}} {
		other.Uniform(c, 5, 9, -1, 1)
		if slices.Equal(b, c) {
			t.Errorf("%+v repeats %+v", other, s)
		}
	}
}
