// Package optim turns gradients into updates. Parameters, gradients and
// moments are flat vectors of one length; everything is a single loop over
// them.
package optim

import "math"

// Adam is the optimizer of Kingma and Ba 2015 (arXiv:1412.6980, Algorithm 1),
// in the order of operations of torch.optim.Adam.
type Adam struct {
	Beta1, Beta2, Epsilon float64
	M, V                  []float32 // first and second moments
	Steps                 int       // taken so far
}

// NewAdam returns an optimizer of n parameters with zero moments.
func NewAdam(n int, beta1, beta2, epsilon float64) *Adam {
	return &Adam{Beta1: beta1, Beta2: beta2, Epsilon: epsilon, M: make([]float32, n), V: make([]float32, n)}
}

// Step updates params by the gradient:
//
//	m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  p ← p − lr·m̂/(√v̂ + ε)
//
// where m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ).
func (a *Adam) Step(params, grad []float32, lr float64) {
	if len(params) != len(a.M) || len(grad) != len(a.M) {
		panic("optim: Adam.Step on vectors of another length")
	}
	a.Steps++
	t := float64(a.Steps)
	// 1−β is rounded once, as in PyTorch: 1−float32(0.999) is off by 5e-5.
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	c1, c2 := float32(1-a.Beta1), float32(1-a.Beta2)
	size := float32(lr / (1 - math.Pow(a.Beta1, t)))
	root := float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t)))
	eps := float32(a.Epsilon)
	for i, g := range grad {
		m := b1*a.M[i] + c1*g
		v := b2*a.V[i] + c2*g*g
		a.M[i], a.V[i] = m, v
		params[i] -= size * m / (float32(math.Sqrt(float64(v)))*root + eps)
	}
}

// Norm returns the Euclidean norm of the gradient, summed in float64.
func Norm(grad []float32) float64 {
	var sum float64
	for _, g := range grad {
		sum += float64(g) * float64(g)
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
