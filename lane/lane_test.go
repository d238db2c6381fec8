package lane

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

func TestPackUnpack(t *testing.T) {
	s := Shape{C: 2, H: 3, W: 5}
	for n := 1; n <= Width; n++ {
		images := make([]float32, n*s.Len())
		for i := range images {
			images[i] = float32(i)
		}
		block := make([]float32, s.BlockLen())
		Pack(block, images, s)
		for l := range Width {
			c, y, x := 1, 2, 3
			want := images[min(l, n-1)*s.Len()+(c*s.H+y)*s.W+x]
			if got := block[((y*s.W+x)*s.C+c)*Width+l]; got != want {
				t.Fatalf("%d images: lane %d holds %v, want %v", n, l, got, want)
			}
		}
		back := make([]float32, len(images))
		Unpack(back, block, s)
		if !slices.Equal(back, images) {
			t.Fatalf("%d images do not come back", n)
		}
	}
}

func TestPoolVisitsEveryBlockOnce(t *testing.T) {
	for workers := range 6 {
		for n := range 20 {
			visits := make([]atomic.Int32, n)
			Pool{Workers: workers}.Each(n, func(worker, block int) {
				if worker < 0 || worker >= max(workers, 1) {
					panic(fmt.Sprint("worker ", worker))
				}
				visits[block].Add(1)
			})
			for b := range visits {
				if visits[b].Load() != 1 {
					t.Fatalf("%d workers: block %d of %d visited %d times", workers, b, n, visits[b].Load())
				}
			}
		}
	}
}

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
