// Package sampler draws from an energy by Langevin dynamics. It works on
// anything that has an energy with a gradient: see Energy, Config and State.
package sampler

import (
	"context"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// An Energy has a gradient with respect to its input. Both methods' work is
// one: EnergyGrad sets energy[l] = E(x_l) and returns ∂E/∂x, laid out as x,
// valid until the next call. x is a block, [elements][lane.Width].
type Energy interface {
	EnergyGrad(x []float32, energy *[lane.Width]float32) []float32
}

// Config is Algorithm 1, the document's generate_samples. Each step does
//
//	x ← clamp(x + N(0, Noise²))
//	x ← clamp(x − StepSize · clip(∇E(x), ±GradClip))
//
// with both clamps to [Min, Max]. With StepSize η and standard deviation σ,
// the noise is that of a temperature of σ²/(2η) (Welling and Teh 2011): at
// the defaults 1.25e-6, which is close to plain descent of the energy. With
// Anneal a, step k of K has the noise Noise·(1 − a·k/(K−1)), k from 0.
//
// The first BurnIn steps have StepSize·BurnInScale: far from the data an
// energy's slope is low, and steps that keep to the temperature near it take
// long to get there (Welling and Teh, too, let step sizes fall).
type Config struct {
	Steps       int     `yaml:"steps"`
	StepSize    float32 `yaml:"step_size"`
	Noise       float32 `yaml:"noise"`         // standard deviation, per step
	Anneal      float32 `yaml:"anneal"`        // the share of it that is gone at the last step
	BurnIn      int     `yaml:"burn_in"`       // first steps with another step size
	BurnInScale float32 `yaml:"burn_in_scale"` // by which that is larger
	GradClip    float32 `yaml:"grad_clip"`     // bound on each element of the gradient
	Min         float32 `yaml:"min"`
	Max         float32 `yaml:"max"`
}

// DefaultConfig returns the document's settings in training.
func DefaultConfig() Config {
	return Config{Steps: 60, StepSize: 10, Noise: 0.005, BurnInScale: 1, GradClip: 0.03, Min: -1, Max: 1}
}

// State is all that a block of chains carries from step to step.
type State struct {
	X []float32 // [elements][lane.Width]
	// Each lane draws its noise from a Philox counter of its own: seed,
	// purpose, chain, and the count of steps taken, which Advance raises.
	counter kernel.Counter
}

// NewState puts lane l on chain chains[l] of the random stream s, with the
// given number of steps already taken. Fewer than lane.Width chains leave the
// other lanes dead: they repeat the last.
func NewState(x []float32, s random.Stream, chains []uint32, step uint32) State {
	st := State{X: x}
	for l := range lane.Width {
		st.counter.Key0[l], st.counter.Key1[l] = s.Key()[0], s.Key()[1]
		st.counter.Stream[l] = s.Word()
		st.counter.Chain[l] = chains[min(l, len(chains)-1)]
		st.counter.Step[l] = step
	}
	return st
}

// Info describes a block's last step, lane by lane.
type Info struct {
	Energy   [lane.Width]float32 // E where the step began, after the noise
	GradNorm [lane.Width]float32 // Euclidean norm of ∇E, unclipped
	Clamped  [lane.Width]float32 // share of the gradient's elements that were clipped
}

// Finite reports whether the first n lanes' energies and gradients are finite.
func (i *Info) Finite(n int) bool {
	for l := range n {
		// The difference of a number that is not finite to itself is NaN.
		if v := i.Energy[l] + i.GradNorm[l]; v-v != 0 {
			return false
		}
	}
	return true
}

// Advance takes c.Steps steps, changing s and describing the last one in info.
// If each is not nil it is called after every step with the number of steps
// taken. It allocates nothing. When ctx is done it stops between steps, with
// ctx's error.
func Advance(ctx context.Context, c Config, e Energy, s *State, info *Info, each func(step int)) error {
	noise, eta := spread(c.Noise), spread(c.StepSize)
	elements := float32(len(s.X) / lane.Width)
	if c.BurnIn > 0 {
		eta = spread(c.StepSize * c.BurnInScale)
	}
	for k := range c.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if k == c.BurnIn {
			eta = spread(c.StepSize)
		}
		if c.Anneal > 0 && c.Steps > 1 {
			noise = spread(c.Noise * (1 - c.Anneal*float32(k)/float32(c.Steps-1)))
		}
		kernel.Noise(s.X, &s.counter, &noise, c.Min, c.Max)
		g := e.EnergyGrad(s.X, &info.Energy)
		info.GradNorm, info.Clamped = [lane.Width]float32{}, [lane.Width]float32{}
		kernel.Descend(s.X, g, &eta, c.GradClip, c.Min, c.Max, &info.GradNorm, &info.Clamped)
		for l := range lane.Width {
			info.GradNorm[l] = float32(math.Sqrt(float64(info.GradNorm[l])))
			info.Clamped[l] /= elements
			s.counter.Step[l]++
		}
		if each != nil {
			each(k + 1)
		}
	}
	return nil
}

// Perturb adds N(0, noise²) to s.X and clamps it to [lo, hi].
func Perturb(s *State, noise, lo, hi float32) {
	scale := spread(noise)
	kernel.Noise(s.X, &s.counter, &scale, lo, hi)
}

func spread(v float32) (lanes [lane.Width]float32) {
	for l := range lanes {
		lanes[l] = v
	}
	return lanes
}
