package ais

import (
	"math"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// schedule returns β₀ = 0 … β_M = 1.
func (c Config) schedule() []float64 {
	const sharpness = 4
	betas := make([]float64, c.Betas+1)
	sigmoid := func(k int) float64 {
		return 1 / (1 + math.Exp(-sharpness*(2*float64(k)/float64(c.Betas)-1)))
	}
	for k := 1; k < c.Betas; k++ {
		if c.Schedule == Geometric {
			betas[k] = math.Pow(c.FirstBeta, float64(c.Betas-k)/float64(c.Betas-1))
		} else {
			betas[k] = (sigmoid(k) - sigmoid(0)) / (sigmoid(c.Betas) - sigmoid(0))
		}
	}
	betas[c.Betas] = 1
	return betas
}

// maxStep bounds step sizes: in a box, where a step of its width forgets where
// it came from, and far beyond the base elsewhere.
func (c Config) maxStep() float64 {
	if w := float64(c.Max) - float64(c.Min); !math.IsInf(w, 0) {
		return w
	}
	return 100 * c.Scale
}

// base is the normal density of the given scale restricted to the box.
type base struct {
	precision float64 // 1/Scale²
	logZ      float64 // of one coordinate
	quantile  func(u float64) float64
}

func newBase(c Config) base {
	lo, hi := float64(c.Min), float64(c.Max)
	if math.IsInf(c.Scale, 1) {
		return base{logZ: math.Log(hi - lo), quantile: func(u float64) float64 { return lo + (hi-lo)*u }}
	}
	s := c.Scale * math.Sqrt2
	a, b := math.Erf(lo/s), math.Erf(hi/s)
	return base{
		precision: 1 / (c.Scale * c.Scale),
		logZ:      math.Log(s * math.Sqrt(math.Pi) / 2 * (b - a)),
		quantile:  func(u float64) float64 { return min(max(s*math.Erfinv(a+(b-a)*u), lo), hi) },
	}
}

// draw fills lane l of x with the base's sample of a chain.
func (b *base) draw(x []float32, l int, s random.Stream, chain uint32) {
	var w [4]uint32
	for i := 0; i*lane.Width < len(x); i++ {
		if i%4 == 0 {
			w = s.Words(chain, 0, uint32(i/4))
		}
		x[i*lane.Width+l] = float32(b.quantile(random.Unit(w[i%4])))
	}
}
