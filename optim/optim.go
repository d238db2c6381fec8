// Package optim turns gradients into updates. Parameters, gradients and
// moments are flat vectors of one length; everything is a single loop over
// them.
package optim

import (
	"math"

	"github.com/joule-ml/joule/internal/kernel"
)

// Adam is the optimizer of Kingma and Ba 2015 (arXiv:1412.6980, Algorithm 1),
// in the order of operations of torch.optim.Adam.
type Adam struct {
	Beta1, Beta2, Epsilon float64
	M, V                  []float32 // first and second moments
	Steps                 int       // taken so far

	size, root float32 // lr/(1−β₁ᵗ) and 1/√(1−β₂ᵗ) of the step under way
}

// NewAdam returns an optimizer of n parameters with zero moments.
func NewAdam(n int, beta1, beta2, epsilon float64) *Adam {
	return &Adam{Beta1: beta1, Beta2: beta2, Epsilon: epsilon, M: make([]float32, n), V: make([]float32, n)}
}

// Step updates params by the gradient:
//
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − lr·m̂/(√v̂ + ε)
//
// where m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). Moments below 2⁻¹²⁶ become zero: without
// a gradient they would fall to subnormal numbers, which are slow, and stay there.
func (a *Adam) Step(params, grad []float32, lr float64) {
	a.Begin(lr)
	a.Update(params, grad, 0, len(a.M))
}

// Begin begins a step, which Update then takes, for each parameter once.
func (a *Adam) Begin(lr float64) {
	a.Steps++
	t := float64(a.Steps)
	a.size = float32(lr / (1 - math.Pow(a.Beta1, t)))
	a.root = float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t)))
}

// Update takes the step that Begin began for the parameters first … end−1. It may
// run for others at the same time.
func (a *Adam) Update(params, grad []float32, first, end int) {
	if len(params) != len(a.M) || len(grad) != len(a.M) {
		panic("optim: Adam on vectors of another length")
	}
	// 1−β is rounded once, as in PyTorch: 1−float32(0.999) is off by 5e-5.
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	c1, c2 := float32(1-a.Beta1), float32(1-a.Beta2)
	size, root, eps := a.size, a.root, float32(a.Epsilon)
	grad = grad[first:end]
	ms, vs, ps := a.M[first:end][:len(grad)], a.V[first:end][:len(grad)], params[first:end][:len(grad)]
	for i, g := range grad {
		// A conversion keeps products from being fused with sums, which would
		// give other bits on some processors.
		m := kernel.Flush(float32(b1*ms[i]) + float32(c1*g))
		v := kernel.Flush(float32(b2*vs[i]) + float32(float32(c2*g)*g))
		ms[i], vs[i] = m, v
		ps[i] -= size * m / (float32(float32(math.Sqrt(float64(v)))*root) + eps)
	}
}

// Norm returns the Euclidean norm of the gradient, summed in float64.
func Norm(grad []float32) float64 {
	var sum float64
	for _, g := range grad {
		sum += float64(float64(g) * float64(g))
	}
	return math.Sqrt(sum)
}

// ClipNorm scales the gradient so that its norm does not exceed limit, as
// torch.nn.utils.clip_grad_norm_ does, and returns the norm before. An
// infinite limit clips nothing.
func ClipNorm(grad []float32, limit float64) float64 {
	norm := Norm(grad)
	// PyTorch's 1e-6 keeps a zero gradient from dividing by zero.
	if scale := limit / (norm + 1e-6); scale < 1 {
		for i := range grad {
			grad[i] *= float32(scale)
		}
	}
	return norm
}

// StepLR is the learning rate of an epoch, counted from 0: base·γ^⌊epoch/every⌋.
func StepLR(base, gamma float64, every, epoch int) float64 {
	return base * math.Pow(gamma, float64(epoch/every))
}

// Average moves the exponential moving average of the parameters:
//
//	a ← d·a + (1−d)·p,    d = min(decay, (1+n)/(10+n))
//
// after n earlier steps. The first steps forget faster, as in TensorFlow's
// ExponentialMovingAverage, so that the start does not linger.
func Average(average, params []float32, decay float64, n int) {
	if len(average) != len(params) {
		panic("optim: Average of vectors of another length")
	}
	d := float32(min(decay, float64(1+n)/float64(10+n)))
	for i, p := range params {
		average[i] = kernel.Flush(average[i] + float32((1-d)*(p-average[i])))
	}
}

// SpectralClip scales a matrix of so many rows down to a spectral norm of at
// most limit, and returns the norm before as it estimates it: by power
// iterations from a fixed start, which come from below (Yoshida and Miyato
// 2017, arXiv:1705.10941).
func SpectralClip(matrix []float32, rows int, limit float64) float64 {
	const iterations = 5
	columns := len(matrix) / rows
	u, v := make([]float64, rows), make([]float64, columns)
	for j := range v {
		v[j] = 1 + float64(j%7)/7 // not at right angles to anything likely
	}
	norm := 0.0
	for range iterations {
		unit(v)
		for i := range u {
			u[i] = 0
			for j, w := range matrix[i*columns : (i+1)*columns] {
				u[i] += float64(float64(w) * v[j])
			}
		}
		norm = unit(u)
		clear(v)
		for i := range u {
			for j, w := range matrix[i*columns : (i+1)*columns] {
				v[j] += float64(float64(w) * u[i])
			}
		}
	}
	if norm > limit {
		scale := float32(limit / norm)
		for i := range matrix {
			matrix[i] *= scale
		}
	}
	return norm
}

// unit scales v to length 1, unless it is zero, and returns the length.
func unit(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x * x)
	}
	norm := math.Sqrt(sum)
	if norm > 0 {
		for i := range v {
			v[i] /= norm
		}
	}
	return norm
}
