package judge

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// squared is the oracle.
func squared(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum
}

func TestSquares(t *testing.T) {
	const guard = -7
	for d := 1; d <= 200; d++ {
		na, nb := 1+d%5, 1+d%9
		a, b := normal(1, na, d), normal(2, nb, d)
		copy(b.Row(nb-1), a.Row(0))
		dst := slices.Repeat([]float64{guard}, na*nb+2)
		infinite := slices.Repeat([]float64{math.Inf(1)}, max(na, nb))
		squares(dst[1:1+na*nb], a.X, b.X, d, infinite)
		back := make([]float64, na*nb)
		squares(back, b.X, a.X, d, infinite)
		for i := range na {
			for j := range nb {
				got, want := dst[1+i*nb+j], squared(a.Row(i), b.Row(j))
				if math.Abs(got-want) > 4e-6*want {
					t.Fatalf("%d dimensions, %d and %d of %d×%d: %v, want %v", d, i, j, na, nb, got, want)
				}
				if got != back[j*na+i] {
					t.Fatalf("%d dimensions: %v one way and %v the other", d, got, back[j*na+i])
				}
			}
		}
		if dst[nb] != 0 {
			t.Fatalf("%d dimensions: %v between equal points", d, dst[nb])
		}
		if dst[0] != guard || dst[len(dst)-1] != guard {
			t.Fatal("written out of bounds")
		}
		// Above the limit anything above the limit will do.
		limit := slices.Repeat([]float64{float64(d)}, na)
		limited := make([]float64, na*nb)
		squares(limited, a.X, b.X, d, limit)
		for i, v := range dst[1 : 1+na*nb] {
			if v <= float64(d) && limited[i] != v || v > float64(d) && limited[i] <= float64(d) {
				t.Fatalf("%d dimensions: %v with a limit, %v without", d, limited[i], v)
			}
		}
	}
}

// Points that are close and far from zero: what |a|² + |b|² − 2a·b would lose.
func TestSquaresDoNotCancel(t *testing.T) {
	a, b := []float32{10000, 10000, 10000}, []float32{10000, 10000.001, 10000}
	var dst [1]float64
	squares(dst[:], a, b, 3, []float64{math.Inf(1)})
	if want := squared(a, b); want == 0 || math.Abs(dst[0]-want) > 1e-6*want {
		t.Errorf("%v, want %v", dst[0], want)
	}
}

func TestSweepVisitsEveryPairInOrder(t *testing.T) {
	for _, size := range [][3]int{{1, 1, 1}, {33, 100, 3000}, {70, 45, 784}, {64, 2050, 2}} {
		a, b := normal(1, size[0], size[2]), normal(2, size[1], size[2])
		for workers := 0; workers < 4; workers++ {
			next := make([]int, a.N)
			err := sweep(t.Context(), lane.Pool{Workers: workers}, a.rows(nil), b.rows(nil), nil, func(bl block) {
				for i := range len(bl.d) / bl.nb {
					if next[bl.i0+i] != bl.j0 {
						t.Errorf("point %d meets %d, want %d", bl.i0+i, bl.j0, next[bl.i0+i])
					}
					next[bl.i0+i] += bl.nb
					at := bl.d[i*bl.nb]
					if want := squared(a.Row(bl.i0+i), b.Row(bl.j0)); math.Abs(at-want) > 4e-6*want {
						t.Errorf("distance %v, want %v", at, want)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, n := range next {
				if n != b.N {
					t.Fatalf("point %d has met %d of %d", i, n, b.N)
				}
			}
		}
	}
}

// What is computed over all pairs has the same bits for any number of workers.
func TestWorkersAgree(t *testing.T) {
	x, y := normal(1, 150, 700), normal(2, 90, 700)
	labels := make([]int, x.N)
	for i := range labels {
		labels[i] = i % 3
	}
	type result struct {
		m Manifold
		n []Neighbour
		d Diversity
	}
	run := func(workers int) (r result) {
		p := lane.Pool{Workers: workers}
		r.m = must[Manifold](t)(NewManifold(t.Context(), p, x, y, 3))
		r.n = must[[]Neighbour](t)(Nearest(t.Context(), p, x, y))
		r.d = must[Diversity](t)(NewDiversity(t.Context(), p, x, labels, 3))
		return r
	}
	want := run(1)
	for _, workers := range []int{0, 2, 3, 8} {
		got := run(workers)
		if got.m != want.m || !slices.Equal(got.n, want.n) || got.d.Mean != want.d.Mean || !slices.Equal(got.d.Class, want.d.Class) {
			t.Errorf("%d workers: %v, want %v", workers, got, want)
		}
	}
}

func TestSweepsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x := normal(1, 100, 5)
	_, err := NewManifold(ctx, pool, x, x, 3)
	_, err2 := Nearest(ctx, pool, x, x)
	_, err3 := NewDiversity(ctx, pool, x, nil, 0)
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
}
