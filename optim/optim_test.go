package optim

import (
	"math"
	"testing"
)

// adamOracle is the paper's algorithm in float64 for one parameter.
func adamOracle(p float64, grads []float64, lr, b1, b2, eps float64) float64 {
	var m, v float64
	for t, g := range grads {
		m = b1*m + (1-b1)*g
		v = b2*v + (1-b2)*g*g
		mHat := m / (1 - math.Pow(b1, float64(t+1)))
		vHat := v / (1 - math.Pow(b2, float64(t+1)))
		p -= lr * mHat / (math.Sqrt(vHat) + eps)
	}
	return p
}

func TestAdam(t *testing.T) {
	grads := []float64{0.3, -2, 1e-6, 0, 5e3, -0.01}
	for _, betas := range [][2]float64{{0, 0.999}, {0.9, 0.99}} {
		a := NewAdam(2, betas[0], betas[1], 1e-8)
		p := []float32{0.5, -1}
		for _, g := range grads {
			a.Step(p, []float32{float32(g), 0}, 1e-2)
		}
		if want := adamOracle(0.5, grads, 1e-2, betas[0], betas[1], 1e-8); math.Abs(float64(p[0])-want) > 1e-6 {
			t.Errorf("betas %v: parameter %v, want %v", betas, p[0], want)
		}
		if p[1] != -1 {
			t.Errorf("betas %v: a parameter without gradient moved to %v", betas, p[1])
		}
	}
}

// Without a gradient moments and averages decay to zero, not to subnormal
// numbers.
func TestDecay(t *testing.T) {
	const normal = 0x1p-126
	a := NewAdam(2, 0.9, 0.99, 1e-8)
	p, average := []float32{0, 1}, []float32{0, 1}
	a.Step(p, []float32{1e-30, -1e-15}, 1e-2)
	p = []float32{0, 0}
	for n := range 9000 {
		a.Step(p, []float32{0, 0}, 1e-2)
		Average(average, []float32{0, 0}, 0.99, n)
		for _, v := range append(append(a.M, a.V...), average...) {
			if v != 0 && v < normal && v > -normal {
				t.Fatalf("step %d: the subnormal number %g", n, v)
			}
		}
	}
	for _, v := range append(append(a.M, a.V...), average...) {
		if v != 0 {
			t.Errorf("%g is left in the end", v)
		}
	}
}

func TestAdamKeepsNaN(t *testing.T) {
	a := NewAdam(1, 0, 0.999, 1e-8)
	p := []float32{1}
	a.Step(p, []float32{float32(math.NaN())}, 1e-2)
	if p[0] == p[0] {
		t.Errorf("a NaN gradient gave %v", p[0])
	}
}

func TestClipNorm(t *testing.T) {
	for _, c := range []struct {
		grad  []float32
		limit float64
		want  []float64
	}{
		{[]float32{3, 4}, 0.5, []float64{0.3, 0.4}},
		{[]float32{3, 4}, 6, []float64{3, 4}},
		{[]float32{3, 4}, math.Inf(1), []float64{3, 4}},
		{[]float32{3, 4}, 0, []float64{0, 0}},
		{[]float32{0, 0}, 1, []float64{0, 0}},
	} {
		g := append([]float32(nil), c.grad...)
		if norm := ClipNorm(g, c.limit); norm != Norm(c.grad) {
			t.Errorf("ClipNorm(%v) returned %v", c.grad, norm)
		}
		for i := range g {
			if math.Abs(float64(g[i])-c.want[i]) > 1e-6 {
				t.Errorf("ClipNorm(%v, %v) left %v, want %v", c.grad, c.limit, g, c.want)
			}
		}
	}
}

func TestStepLR(t *testing.T) {
	for _, c := range []struct {
		every, epoch int
		want         float64
	}{{1, 0, 1}, {1, 1, 0.97}, {1, 3, 0.912673}, {2, 3, 0.97}, {2, 4, 0.9409}} {
		if got := StepLR(1, 0.97, c.every, c.epoch); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("every %d, epoch %d: %v, want %v", c.every, c.epoch, got, c.want)
		}
	}
}
