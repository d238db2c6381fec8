package ais

import (
	"fmt"
	"math"
	"slices"

	"github.com/joule-ml/joule/random"
)

// An Estimate is what Run found of log Z, in nats.
type Estimate struct {
	N           int     // elements of x
	Temperature float64 // T
	LogZ0       float64 // of the base
	Forward     Side    // too low in expectation
	Reverse     *Side   // too high in expectation, if Exact; nil without Config.Reverse
	Exact       bool    // whether the reverse chains started from Target.Exact

	Betas, StepSizes []float64 // of each transition: β₀ … β_M

	// Warnings say what speaks against the estimate, in sentences. Empty does
	// not mean that it is right: chains that all miss a mode agree well.
	Warnings []string
}

// A Side is the estimate of one direction.
type Side struct {
	LogZ float64 // log Z₀ + log mean w; of reverse chains log Z₀ − log mean 1/w
	// Low to High is the 95 % interval of LogZ over bootstrap resamples of the
	// chains. It knows of the chains'
	// scatter alone, not of what all of them missed.
	Low, High float64
	// ESS is the effective sample size of the weights, (Σw)²/Σw², of as many
	// as there are chains.
	ESS        float64
	LogWeights []float64 // of each chain
	Acceptance []float64 // share of transitions accepted at β₁ … β_M
}

// LogZ is the forward estimate: that of Z is unbiased.
func (e *Estimate) LogZ() float64 { return e.Forward.LogZ }

// Interval spans both directions' intervals.
func (e *Estimate) Interval() (low, high float64) {
	low, high = e.Forward.Low, e.Forward.High
	if e.Reverse != nil {
		low, high = min(low, e.Reverse.Low), max(high, e.Reverse.High)
	}
	return low, high
}

// Gap is by how much the upper bound exceeds the lower; NaN without reverse
// chains.
func (e *Estimate) Gap() float64 {
	if e.Reverse == nil {
		return math.NaN()
	}
	return e.Reverse.LogZ - e.Forward.LogZ
}

// A Likelihood is the mean log-density of some images under exp(−E/T)/Z.
//
// It judges that density, not the samples of the default recipe's sampler: the noise
// σ = 0.005 with steps η = 10 is that of T = σ²/2η = 1.25·10⁻⁶, not 1. Training
// with it, and with a penalty on the energy's size, gives E no scale at which
// T = 1 means anything: a density close to the uniform one on [−1, 1]ⁿ, which
// has 1 bit a dimension, is then no fault of the estimate.
type Likelihood struct {
	Nats      float64 // mean of −E(x)/T − log Z
	Low, High float64 // Nats at the ends of the estimate's Interval
	StdErr    float64 // of Nats, for the choice of images
	// BitsPerDim is −Nats/(n·log 2), of the density over x as it is: for pixels
	// of 256 levels spread over [−1, 1] add log₂(256/2) = 7 for the usual
	// figure.
	BitsPerDim float64
}

// Likelihood returns that of images of the given energies.
func (e *Estimate) Likelihood(energies []float32) (Likelihood, error) {
	if len(energies) == 0 {
		return Likelihood{}, fmt.Errorf("ais: likelihood of no images")
	}
	n := float64(len(energies))
	var mean, squares float64
	for i, v := range energies {
		if !finite(float64(v)) {
			return Likelihood{}, fmt.Errorf("ais: likelihood: the energy of image %d is %v", i, v)
		}
		mean += float64(v) / n
	}
	for _, v := range energies {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	low, high := e.Interval()
	l := Likelihood{
		Nats: -mean/e.Temperature - e.LogZ(), Low: -mean/e.Temperature - high, High: -mean/e.Temperature - low,
		StdErr: math.Sqrt(squares/max(n-1, 1)/n) / e.Temperature,
	}
	l.BitsPerDim = -l.Nats / (float64(e.N) * math.Ln2)
	return l, nil
}

// resamples is how many an interval comes from.
const resamples = 1000

// side makes the estimate of a direction, sign 1 forward and −1 in reverse.
func (r *run) side(logWeights []float64, sign, logZ0 float64) Side {
	n := len(logWeights)
	signed := make([]float64, n)
	for i, w := range logWeights {
		signed[i] = sign * w
	}
	sum, squares, shift := sumExp(signed)
	logZ := func(sum, shift float64) float64 { return logZ0 + sign*(shift+math.Log(sum/float64(n))) }
	s := Side{LogZ: logZ(sum, shift), ESS: sum * sum / squares, LogWeights: logWeights}

	again, drawn := make([]float64, resamples), make([]float64, n)
	stream := random.Stream{Seed: r.Seed, Purpose: random.AnnealBootstrap}
	for i := range again {
		var words [4]uint32
		for j := range drawn {
			if j%4 == 0 {
				words = stream.Words(uint32(1-sign), uint32(i), uint32(j/4))
			}
			drawn[j] = signed[uint64(words[j%4])*uint64(n)>>32]
		}
		sum, _, shift := sumExp(drawn)
		again[i] = logZ(sum, shift)
	}
	slices.Sort(again)
	s.Low, s.High = again[resamples/40], again[resamples-1-resamples/40]
	for k := 1; k < len(r.accepted); k++ {
		s.Acceptance = append(s.Acceptance, float64(r.accepted[k].Load())/float64(n))
	}
	return s
}

// sumExp returns Σ exp(v−shift) and the sum of their squares, where shift is
// the largest v: the sums are at least 1, so that no logarithm of them is
// infinite.
func sumExp(v []float64) (sum, squares, shift float64) {
	shift = slices.Max(v)
	for _, x := range v {
		w := math.Exp(x - shift)
		sum += w
		squares += w * w
	}
	return sum, squares, shift
}

// resample draws as many of the samples as there are, by their weights:
// systematic resampling, sample i at the quantile (i+u)/n.
func resample(samples []float32, logWeights []float64, s random.Stream) []float32 {
	n := len(logWeights)
	size := len(samples) / n
	sum, _, shift := sumExp(logWeights)
	u := random.Unit(s.Words(0, 0, 0)[0])
	chosen := make([]float32, 0, len(samples))
	reached := 0.0
	for i, w := range logWeights {
		reached += math.Exp(w-shift) / sum * float64(n)
		for float64(len(chosen)/size)+u < reached && len(chosen) < len(samples) {
			chosen = append(chosen, samples[i*size:(i+1)*size]...)
		}
	}
	for len(chosen) < len(samples) { // rounding may leave the last one out
		chosen = append(chosen, samples[len(samples)-size:]...)
	}
	return chosen
}

// What is worth a warning.
const (
	fewEffective  = 5   // chains
	wideGap       = 1.0 // nats
	lowAcceptance = 0.1 // over a tenth of the way
	coarse        = 0.1 // nats
)

// warn sets the warnings.
func (e *Estimate) warn() {
	warn := func(format string, a ...any) { e.Warnings = append(e.Warnings, fmt.Sprintf(format, a...)) }
	largest := 0.0
	check := func(name string, s *Side) {
		for _, w := range s.LogWeights {
			largest = max(largest, math.Abs(w))
		}
		if n := float64(len(s.LogWeights)); s.ESS < min(fewEffective, n/2) || s.ESS < n/20 {
			warn("the %s weights are degenerate: %v chains count for %.1f, and the interval is too narrow; more betas help", name, n, s.ESS)
		}
		size := (len(s.Acceptance) + 9) / 10
		for part := range slices.Chunk(s.Acceptance, size) {
			mean := 0.0
			for _, a := range part {
				mean += a / float64(len(part))
			}
			if mean < lowAcceptance {
				warn("only %.2g %% of the %s transitions of a tenth of the way are accepted; a smaller step_size, or pilots, help", 100*mean, name)
				break
			}
		}
	}
	check("forward", &e.Forward)
	if r := e.Reverse; r != nil {
		check("reverse", r)
		if e.Gap() > wideGap {
			warn("the bounds are %.3g nats apart: log Z is anywhere in between; more betas help", e.Gap())
		}
		if r.High < e.Forward.Low {
			warn("the upper bound lies %.3g nats below the lower: the reverse chains did not start from samples of the energy, or the intervals are too narrow", -e.Gap())
		}
	}
	// Weights are averages of −E/T; float32 knows E to half a unit in its last
	// place.
	if nats := largest / (1 << 24); nats > coarse {
		warn("at this temperature the energies are known to %.2g nats alone, in float32", nats)
	}
}
