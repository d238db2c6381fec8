package joule

// contrastiveDivergence is the document's loss over N real images x⁺ and N
// samples x⁻ (Du and Mordatch 2019, arXiv:1903.08689, Algorithm 1):
//
//	L = mean E(x⁺) − mean E(x⁻) + α·mean(E(x⁺)² + E(x⁻)²)
//
// It sets the cotangents ∂L/∂E of both and returns the two terms.
func contrastiveDivergence(dReal, dFake, real, fake []float32, alpha float64) (divergence, regularization float64) {
	n := float64(len(real))
	for i := range real {
		r, f := float64(real[i]), float64(fake[i])
		divergence += (r - f) / n
		regularization += alpha * (r*r + f*f) / n
		dReal[i] = float32((1 + 2*alpha*r) / n)
		dFake[i] = float32((-1 + 2*alpha*f) / n)
	}
	return divergence, regularization
}

func mean(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x)
	}
	return sum / float64(len(v))
}
