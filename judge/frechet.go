package judge

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// A Gaussian is a normal distribution over features.
type Gaussian struct {
	N    int       // number of points it was fitted to
	Mean []float64 // D
	Cov  *mat.SymDense
}

// Fit returns the mean and the sample covariance (divided by N−1) of at least
// two points, summed in float64. It takes N·D²/2 multiplications.
func Fit(f Features) (Gaussian, error) {
	if err := f.check("features", 2); err != nil {
		return Gaussian{}, err
	}
	g := Gaussian{N: f.N, Mean: make([]float64, f.D), Cov: mat.NewSymDense(f.D, nil)}
	for i := range f.N {
		for j, v := range f.Row(i) {
			g.Mean[j] += float64(v)
		}
	}
	for j := range g.Mean {
		g.Mean[j] /= float64(f.N)
	}
	const rows = 256
	centred := make([]float64, min(f.N, rows)*f.D)
	for lo := 0; lo < f.N; lo += rows {
		n := min(rows, f.N-lo)
		for i := range n {
			dst := centred[i*f.D : (i+1)*f.D]
			for j, v := range f.Row(lo + i) {
				dst[j] = float64(v) - g.Mean[j]
			}
		}
		x := blas64.General{Rows: n, Cols: f.D, Stride: f.D, Data: centred[:n*f.D]}
		blas64.Syrk(blas.Trans, 1/float64(f.N-1), x, 1, g.Cov.RawSymmetric())
	}
	return g, nil
}

// check panics unless the parts of g fit together, and returns an error if
// they are not all finite.
func (g Gaussian) check(input string) error {
	d := len(g.Mean)
	if d == 0 || g.Cov == nil || g.Cov.SymmetricDim() != d {
		panic("judge: a mean and a covariance that do not fit")
	}
	if err := finite(input+", mean", g.Mean); err != nil {
		return err
	}
	for i := range d {
		for j := i; j < d; j++ {
			if v := g.Cov.At(i, j); !number(v) {
				return &Error{input, fmt.Sprintf("element %d, %d of the covariance is %v", i, j, v), ""}
			}
		}
	}
	return nil
}

// root returns R, D × rank, with R·Rᵀ = Cov.
func (g Gaussian) root(input string) (*mat.Dense, error) {
	var eig mat.EigenSym
	if !eig.Factorize(g.Cov, true) {
		return nil, &Error{input, "the eigenvalues of the covariance do not converge", ""}
	}
	values := eig.Values(nil) // ascending
	d := len(values)
	// Eigenvalues are known to about ε·D of the largest. Smaller ones are
	// zeros with rounding errors, and the root of a rounding error is large.
	unsure := float64(d) * 0x1p-52 * max(values[d-1], -values[0])
	if values[0] < -1e3*unsure {
		return nil, &Error{input, fmt.Sprintf("the covariance has the negative eigenvalue %v", values[0]),
			"give the covariance of some points"}
	}
	first := 0
	for first < d && values[first] <= unsure {
		first++
	}
	if first == d {
		return nil, nil
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	root := mat.DenseCopyOf(vectors.Slice(0, d, first, d))
	root.Apply(func(_, j int, v float64) float64 { return v * math.Sqrt(values[first+j]) }, root)
	return root, nil
}

// Frechet returns the Fréchet distance of two normal distributions, which is
// the squared 2-Wasserstein distance (Dowson and Landau 1982):
//
//	|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½)
//
// The last trace is the sum of the singular values of R₁ᵀR₂ with RᵢRᵢᵀ = Σᵢ
// from the symmetric eigendecompositions. That needs no square root of a
// matrix that is not symmetric, nor one of rounding errors, so covariances may
// be singular: for equal distributions the result is 0 but for about 1e-14
// of the traces. What rounding takes below 0 is returned as 0.
func Frechet(a, b Gaussian) (float64, error) {
	if len(a.Mean) != len(b.Mean) {
		panic(fmt.Sprintf("judge: normal distributions in %d and %d dimensions", len(a.Mean), len(b.Mean)))
	}
	if err := a.check("first distribution"); err != nil {
		return 0, err
	}
	if err := b.check("second distribution"); err != nil {
		return 0, err
	}
	ra, err := a.root("first distribution")
	if err != nil {
		return 0, err
	}
	rb, err := b.root("second distribution")
	if err != nil {
		return 0, err
	}
	distance := mat.Trace(a.Cov) + mat.Trace(b.Cov)
	for j := range a.Mean {
		d := a.Mean[j] - b.Mean[j]
		distance += d * d
	}
	if ra != nil && rb != nil {
		var product mat.Dense
		product.Mul(ra.T(), rb)
		var svd mat.SVD
		if !svd.Factorize(&product, mat.SVDNone) {
			return 0, &Error{"covariances", "the singular values of their product do not converge", ""}
		}
		for _, s := range svd.Values(nil) {
			distance -= 2 * s
		}
	}
	return max(distance, 0), nil
}

// FrechetDistance returns the Fréchet distance between normal distributions
// that are fitted to real images and to samples, at least two each, in the
// same feature space (Heusel et al., "GANs trained by a two time-scale update
// rule converge to a local Nash equilibrium", NeurIPS 2017). 0 is best. In the
// feature space of their Inception network it is the FID; distances in
// different spaces cannot be compared, nor, since the estimate is biased
// upwards for few images, those of different numbers of images (Chong and
// Forsyth, "Effectively unbiased FID and Inception score", CVPR 2020).
func FrechetDistance(real, samples Features) (float64, error) {
	if err := checkPair("real images", real, "samples", samples, 2); err != nil {
		return 0, err
	}
	a, err := Fit(real)
	if err != nil {
		return 0, err
	}
	b, err := Fit(samples)
	if err != nil {
		return 0, err
	}
	return Frechet(a, b)
}
