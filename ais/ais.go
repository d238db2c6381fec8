// Package ais estimates the partition function of an energy
//
//	Z = ∫_D exp(−E(x)/T) dx
//
// by annealed importance sampling, and with it likelihoods of images: see Run
// and Estimate.Likelihood. It works on whatever the sampler package works on.
//
// The integral is over the box D = [Min, Max]ⁿ of Config, or over ℝⁿ where
// these are infinite: two different numbers. Over ℝⁿ, Z need not exist at all:
// the energy of a network may well fall without bound far from its data, and
// no estimate shows that. Over a box it always does.
//
// The base is a density of known integral: the normal one of standard deviation
// Scale restricted to D, f₀(x) = exp(−U₀(x)), U₀ = ‖x‖²/2Scale², so that with
// Scale = ∞ it is uniform on the box and log Z₀ = n·log(Max − Min). Between it
// and the energy stand, for 0 = β₀ < … < β_M = 1,
//
//	f_β(x) = exp(−(1−β)·U₀(x) − β·E(x)/T)
//
// A forward chain (Neal 2001) starts from the base, moves at each β_k by
// transitions that keep f_βk invariant (Hamiltonian Monte Carlo), and gathers
//
//	log w = Σ_k (β_k − β_{k−1})·(U₀(x_{k−1}) − E(x_{k−1})/T),    𝔼 w = Z/Z₀
//
// So the estimate of Z is unbiased, and that of log Z by the mean of w is too
// low in expectation (Jensen); it exceeds log Z + b with a probability below
// e⁻ᵇ (Markov). A reverse chain (Grosse, Ghahramani, Adams 2015) takes the same
// way from a sample of the energy down to the base; there 𝔼 1/w = Z₀/Z, so that
// its estimate is too high in expectation. Both meet as M grows. The upper
// bound is one only if reverse chains start from exact samples, which a trained
// energy does not offer: see Target.Exact.
//
// # Sources
//
//   - R. Neal 2001, Annealed importance sampling. Statistics and Computing 11.
//   - R. Grosse, Z. Ghahramani, R. Adams 2015, Sandwiching the marginal
//     likelihood using bidirectional Monte Carlo. arXiv:1511.02543.
//   - G. Roberts, R. Tweedie 1996, Exponential convergence of Langevin
//     distributions and their discrete approximations. Bernoulli 2.
//   - R. Neal 2011, MCMC using Hamiltonian dynamics. arXiv:1206.1901.
package ais

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/sampler"
)

// A Target is what to integrate.
type Target struct {
	Elements int                   // n, the length of x
	Energy   func() sampler.Energy // called once for each worker
	// Exact holds samples of exp(−E/T) in D for the reverse chains to start
	// from, one each: any number × Elements. Without them, reverse chains start
	// from the forward chains' ends, resampled by their weights and moved
	// Config.Burn times, and their estimate is an upper bound only in so far
	// as these are samples of the energy.
	Exact []float32
}

// A Schedule spaces the values β_k.
type Schedule string

const (
	// Sigmoid is Grosse et al.'s: β_k ∝ σ(4(2k/M − 1)), dense at both ends.
	Sigmoid Schedule = "sigmoid"
	// Geometric goes from Config.FirstBeta to 1 by equal factors: for energies
	// far larger than the base's, as at a low temperature.
	Geometric Schedule = "geometric"
)

// Config says how to estimate.
type Config struct {
	Chains    int      `yaml:"chains"` // of each direction; but those from Exact are as many as it has
	Betas     int      `yaml:"betas"`  // M, with a transition at each
	Schedule  Schedule `yaml:"schedule"`
	FirstBeta float64  `yaml:"first_beta"` // β₁ of the geometric schedule
	Leapfrog  int      `yaml:"leapfrog"`   // steps of a transition; 1 is the Metropolis-adjusted Langevin algorithm

	// Pilot blocks of eight chains go ahead, on random numbers of their own,
	// to find for each β_k the step size with which the probability of
	// acceptance is Acceptance, starting from StepSize. It is fixed when the
	// estimate begins, as it has to be. Without pilots it is always StepSize.
	Pilot      int     `yaml:"pilot"`
	Acceptance float64 `yaml:"acceptance"`
	StepSize   float64 `yaml:"step_size"`

	Reverse bool `yaml:"reverse"` // run the reverse chains as well
	Burn    int  `yaml:"burn"`    // transitions at β = 1 of reverse chains without Exact, before they count

	Temperature float64 `yaml:"temperature"` // T
	Min         float32 `yaml:"min"`         // of the box; −.inf for ℝⁿ
	Max         float32 `yaml:"max"`         // of the box; .inf for ℝⁿ
	Scale       float64 `yaml:"scale"`       // of the base; .inf for uniform

	Seed    uint64 `yaml:"seed"`
	Threads int    `yaml:"threads"` // cores to use; 0 takes all
}

// DefaultConfig integrates over the box [−1, 1]ⁿ at T = 1 from the uniform
// base. The acceptance lies between the optima of the Langevin algorithm,
// 0.574 (Roberts and Rosenthal 1998), and of Hamiltonian Monte Carlo, 0.651
// (Beskos et al. 2013).
func DefaultConfig() Config {
	return Config{
		Chains: 64, Betas: 2000, Schedule: Sigmoid, FirstBeta: 1e-6, Leapfrog: 1,
		Pilot: 2, Acceptance: 0.6, StepSize: 0.1, Reverse: true, Burn: 500,
		Temperature: 1, Min: -1, Max: 1, Scale: math.Inf(1), Seed: 1,
	}
}

// Bounds that keep transitions within the random streams' counters, and memory
// small.
const (
	maxChains = 1 << 20
	maxBetas  = 1 << 24
	maxValues = 1 << 30 // of all chains
)

// Validate reports the first setting that is out of range, or that leaves Z or
// Z₀ undefined.
func (c Config) Validate() error {
	within := func(v, lo, hi int) bool { return v >= lo && v <= hi }
	share := func(v float64) bool { return v > 0 && v < 1 }
	box := finite(float64(c.Min)) && finite(float64(c.Max-c.Min)) && c.Min < c.Max
	real := c.Min == -inf && c.Max == inf
	for _, s := range []struct {
		ok    bool
		name  string
		value any
		want  string
	}{
		{within(c.Chains, 2, maxChains), "chains", c.Chains, "2 to 1048576"},
		{within(c.Betas, 1, maxBetas), "betas", c.Betas, "1 to 16777216"},
		{c.Schedule == Sigmoid || c.Schedule == Geometric, "schedule", c.Schedule, "sigmoid or geometric"},
		{c.Schedule == Sigmoid || share(c.FirstBeta), "first_beta", c.FirstBeta, "a number between 0 and 1"},
		{within(c.Leapfrog, 1, 1000), "leapfrog", c.Leapfrog, "1 to 1000"},
		{within(c.Pilot, 0, 1000), "pilot", c.Pilot, "0 to 1000"},
		{share(c.Acceptance), "acceptance", c.Acceptance, "a number between 0 and 1"},
		{within(c.Burn, 0, maxBetas), "burn", c.Burn, "0 to 16777216"},
		{c.Temperature > 0 && finite(c.Temperature), "temperature", c.Temperature, "a number above 0"},
		{box || real, "max", c.Max, fmt.Sprintf("more than min, %v, or both infinite", c.Min)},
		{c.Scale > 0 && (box || finite(c.Scale)), "scale", c.Scale, "a number above 0; .inf needs a box"},
		{finite(newBase(c).logZ), "scale", c.Scale, "one that leaves the base some mass in the box"},
		{c.StepSize > 0 && c.StepSize <= c.maxStep(), "step_size", c.StepSize, fmt.Sprintf("a number above 0, to %v", c.maxStep())},
		{c.Threads >= 0, "threads", c.Threads, "0 or more"},
	} {
		if !s.ok {
			return fmt.Errorf("%s is %v, want %s", s.name, s.value, s.want)
		}
	}
	return nil
}

// A NonFiniteError ends an estimate that met an energy or gradient that is not
// finite.
type NonFiniteError struct {
	Chain  int
	Beta   float64
	Energy float32 // finite where the gradient is not
	Hint   string
}

func (e *NonFiniteError) Error() string {
	what := fmt.Sprintf("energy is %v", e.Energy)
	if finite(float64(e.Energy)) {
		what = "gradient or position is not finite"
	}
	return fmt.Sprintf("ais: at β = %.4g the %s (chain %d)", e.Beta, what, e.Chain)
}

// Remedy says what the user can do; it may be empty.
func (e *NonFiniteError) Remedy() string { return e.Hint }

// finite reports whether the difference of v to itself is a number.
func finite(v float64) bool { return v-v == 0 }
