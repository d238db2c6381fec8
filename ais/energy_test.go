package ais

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
)

// separable is E(x) = Σ_i e(x_i), with the derivative d.
type separable struct {
	e, d func(x float64) float64
	grad []float32
}

func (s *separable) EnergyGrad(x, energy []float32) []float32 {
	var sum [lane.Width]float64
	s.grad = slices.Grow(s.grad[:0], len(x))[:len(x)]
	for i, v := range x {
		sum[i%lane.Width] += s.e(float64(v))
		s.grad[i] = float32(s.d(float64(v)))
	}
	for l := range energy {
		energy[l] = float32(sum[l])
	}
	return s.grad
}

// target makes a Target of n independent coordinates.
func target(n int, e, d func(x float64) float64) Target {
	return Target{Elements: n, Energy: func() sampler.Energy { return &separable{e: e, d: d} }}
}

// gaussian is E = Σ (x−mean)²/2σ².
func gaussian(n int, mean, sigma float64) Target {
	return target(n,
		func(x float64) float64 { return (x - mean) * (x - mean) / (2 * sigma * sigma) },
		func(x float64) float64 { return (x - mean) / (sigma * sigma) })
}

// well is a double well with minima of unequal depth near ±b.
func well(depth, b, tilt float64) (e, d func(x float64) float64) {
	e = func(x float64) float64 { q := x*x/(b*b) - 1; return depth*q*q + tilt*x }
	d = func(x float64) float64 { return 4*depth*(x*x/(b*b)-1)*x/(b*b) + tilt }
	return e, d
}

// integral is Simpson's rule for ∫ exp(−e(x)) dx.
func integral(e func(x float64) float64, lo, hi float64) float64 {
	const n = 200_000
	h, sum := (hi-lo)/n, 0.0
	for i := range n + 1 {
		weight := 2.0 + 2*float64(i%2)
		if i == 0 || i == n {
			weight = 1
		}
		sum += weight * math.Exp(-e(lo+float64(i)*h))
	}
	return sum * h / 3
}

// cdfOf tabulates the distribution function of exp(−e) on [lo, hi], and
// returns it and its inverse.
func cdfOf(e func(x float64) float64, lo, hi float64) (cdf, quantile func(float64) float64) {
	const n = 20_000
	h := (hi - lo) / n
	table := make([]float64, n+1)
	for i := 1; i <= n; i++ {
		a, m, b := lo+float64(i-1)*h, lo+(float64(i)-0.5)*h, lo+float64(i)*h
		table[i] = table[i-1] + (math.Exp(-e(a))+4*math.Exp(-e(m))+math.Exp(-e(b)))*h/6
	}
	for i := range table {
		table[i] /= table[n]
	}
	cdf = func(x float64) float64 {
		at := min(max((x-lo)/h, 0), n)
		i := min(int(at), n-1)
		return table[i] + (at-float64(i))*(table[i+1]-table[i])
	}
	quantile = func(u float64) float64 {
		i, _ := slices.BinarySearch(table, u)
		i = min(max(i, 1), n)
		return lo + h*(float64(i-1)+(u-table[i-1])/(table[i]-table[i-1]))
	}
	return cdf, quantile
}

// draws returns n exact samples of a coordinate.
func draws(n int, quantile func(float64) float64, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 99))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(quantile(rng.Float64()))
	}
	return x
}

// mixture is half N(+m·1, σ²) and half N(−m·1, σ²) on ℝⁿ, times the constant
// exp(−shift), so that log Z = −shift.
type mixture struct {
	n               int
	m, sigma, shift float64
	grad            []float32
}

func (g *mixture) EnergyGrad(x, energy []float32) []float32 {
	g.grad = slices.Grow(g.grad[:0], len(x))[:len(x)]
	v := g.sigma * g.sigma
	for l := range lane.Width {
		var plus, minus float64 // of the exponents
		for i := l; i < len(x); i += lane.Width {
			d, s := float64(x[i])-g.m, float64(x[i])+g.m
			plus -= d * d / (2 * v)
			minus -= s * s / (2 * v)
		}
		top := max(plus, minus)
		sum := math.Exp(plus-top) + math.Exp(minus-top)
		logDensity := top + math.Log(sum/2) - float64(g.n)/2*math.Log(2*math.Pi*v)
		energy[l] = float32(g.shift - logDensity)
		share := math.Exp(plus-top) / sum
		for i := l; i < len(x); i += lane.Width {
			g.grad[i] = float32((float64(x[i]) - g.m*(2*share-1)) / v)
		}
	}
	return g.grad
}

func (g *mixture) sample(chains int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 5))
	x := make([]float32, chains*g.n)
	for c := range chains {
		sign := float64(2*rng.IntN(2) - 1)
		for i := range g.n {
			x[c*g.n+i] = float32(sign*g.m + g.sigma*rng.NormFloat64())
		}
	}
	return x
}
