package objective

import (
	"math"
	"testing"

	"github.com/joule-ml/joule/internal/toy"
)

// slowPullingAway is the formula of f_PT: squared cosines of all pairs i ≠ j.
func slowPullingAway(s []float32, n int) (f float64) {
	size := len(s) / n
	product := func(i, j int) (sum float64) {
		for k := range size {
			sum += float64(s[i*size+k]) * float64(s[j*size+k])
		}
		return sum
	}
	for i := range n {
		for j := range n {
			if i != j {
				f += math.Pow(product(i, j), 2) / (product(i, i) * product(j, j))
			}
		}
	}
	return f / float64(n*(n-1))
}

func TestPullingAway(t *testing.T) {
	const weight, h = 0.1, 1e-3
	for _, c := range []struct{ n, size int }{{2, 2}, {3, 1}, {5, 4}, {10, 7}, {4, 64}} {
		codes := toy.Images(c.n, c.size, uint64(c.n))
		var p pullingAway
		measure := func(x []float32) (float64, []float32) {
			copy(p.codes(c.n, c.size), x)
			return p.measure(2, weight)
		}
		f, grad := measure(codes)
		if want := slowPullingAway(codes, c.n); math.Abs(f-want) > 1e-6 {
			t.Errorf("%+v: f_PT = %v, want %v", c, f, want)
		}
		grad = append([]float32(nil), grad...)
		for k, at := range codes {
			codes[k] = at + h
			up := slowPullingAway(codes, c.n)
			codes[k] = at - h
			want := weight * (up - slowPullingAway(codes, c.n)) / (2 * h)
			codes[k] = at
			if math.Abs(float64(grad[k])-want) > 1e-4 {
				t.Errorf("%+v: ∂f/∂s[%d] = %v, want %v", c, k, grad[k], want)
			}
		}
	}
}

// TestPullingAwayEnds: codes that are the same have f_PT = 1, at right angles 0, and
// so have a code of zeros and one alone.
func TestPullingAwayEnds(t *testing.T) {
	for _, c := range []struct {
		codes []float32
		n     int
		want  float64
	}{
		{[]float32{1, 2, 1, 2, -2, -4}, 3, 1},
		{[]float32{1, 0, 0, 3}, 2, 0},
		{[]float32{1, 2, 0, 0}, 2, 0},
		{[]float32{1, 2}, 1, 0},
	} {
		var p pullingAway
		copy(p.codes(c.n, 2), c.codes)
		f, grad := p.measure(1, 1)
		if math.Abs(f-c.want) > 1e-6 {
			t.Errorf("%v: %v, want %v", c.codes, f, c.want)
		}
		for _, g := range grad {
			if math.Abs(float64(g)) > 1e-6 {
				t.Errorf("%v: gradient %v", c.codes, grad)
			}
		}
	}
}
