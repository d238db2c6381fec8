// Package sampler draws from an energy by Markov chains. It works on anything
// that has an energy with a gradient. Start with NewState and Advance; Config
// says which method moves the chains, and how.
package sampler

import (
	"context"
	"fmt"
	"strings"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

// An Energy has a gradient with respect to its input. One call gives both:
// EnergyGrad sets energy[l] = E(x_l) and returns ∂E/∂x, laid out as x, valid
// until the next call. x is a block, [elements][len(energy)].
type Energy interface {
	EnergyGrad(x, energy []float32) []float32
}

// Config says how chains move. With the method Langevin, each step does
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
//
// MALA takes the same settings for the same temperature, but accepts or rejects
// each step, so that chains draw from that density without the error of steps.
type Config struct {
	Method      string  `yaml:"method"` // one of Methods; "" is Langevin
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

// DefaultConfig returns the settings of the default recipe's training.
func DefaultConfig() Config {
	return Config{Method: Langevin, Steps: 60, StepSize: 10, Noise: 0.005, BurnInScale: 1, GradClip: 0.03, Min: -1, Max: 1}
}

// noise is the standard deviation at step k.
func (c Config) noise(k int) float32 {
	if c.Anneal > 0 && c.Steps > 1 {
		return c.Noise * (1 - c.Anneal*float32(k)/float32(c.Steps-1))
	}
	return c.Noise
}

// State is all that a block of chains carries from step to step.
type State struct {
	X []float32 // [elements][width], one chain a lane
	// Each lane draws its noise from a Philox counter of its own: seed,
	// purpose, chain, and the count of steps taken, which Advance raises.
	counter   kernel.Counter
	width     int
	steps     steps       // of Langevin
	proposals Hamiltonian // of methods that accept or reject; no memory until then
}

// NewState makes x a block of chains of a width, [elements][width], at most
// lane.Max: lane l is chain chains[l] of the random stream s, with the given
// number of steps already taken. Fewer chains than lanes leave the others dead:
// they repeat the last.
func NewState(x []float32, width int, s random.Stream, chains []uint32, step uint32) State {
	var st State
	st.Reset(x, width, s, chains, step)
	return st
}

// Reset makes st what NewState returns for the same arguments, but keeps the
// memory of its method.
func (st *State) Reset(x []float32, width int, s random.Stream, chains []uint32, step uint32) {
	if width < 1 || width > lane.Max || len(x)%width != 0 {
		panic("sampler: State of values that are no block")
	}
	st.X, st.width = x, width
	for l := range width {
		st.counter.Key0[l], st.counter.Key1[l] = s.Key()[0], s.Key()[1]
		st.counter.Stream[l] = s.Word()
		st.counter.Chain[l] = chains[min(l, len(chains)-1)]
		st.counter.Step[l] = step
	}
}

// Info describes a chain's last step, and what all steps of the last Advance
// were like.
type Info struct {
	Energy   float32 // E where the step began, after the noise
	GradNorm float32 // Euclidean norm of ∇E, unclipped
	Clamped  float32 // share of the gradient's elements that were clipped
	Accepted float32 // share of the Advance's steps that were accepted; 1 for Langevin
}

// Finite reports whether energy and gradient are finite.
func (i *Info) Finite() bool {
	// The difference of a number that is not finite to itself is NaN.
	v := i.Energy + i.GradNorm
	return v-v == 0
}

// A method moves the chains of a block by c.Steps steps, as Advance has it.
type method struct {
	name    string
	advance func(ctx context.Context, c Config, e Energy, s *State, info []Info, each func(step int)) error
	// validate reports a setting that makes no sense with this method, though
	// it is within its range; nil where all do.
	validate func(c Config) error
}

// methods lists the methods, the first of which an empty name stands for.
var methods = []method{
	{name: Langevin, advance: langevin},
	{name: MALA, advance: mala, validate: validateMALA},
}

// Methods returns the names that Config.Method may have.
func Methods() []string {
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

func (c Config) method() (method, error) {
	for i, m := range methods {
		if m.name == c.Method || i == 0 && c.Method == "" {
			return m, nil
		}
	}
	return method{}, &setting.Error{Key: "method", Problem: fmt.Sprintf("%.100q is not one of %s", c.Method, strings.Join(Methods(), ", ")), Hint: "docs/energy.md describes them"}
}

// Other returns the method's name if it is not Langevin, and "" if it is, for
// records that named no method while there was only one.
func (c Config) Other() string {
	if c.Method == Langevin {
		return ""
	}
	return c.Method
}

// Advance takes c.Steps steps of c.Method, changing s and describing the last
// one of each lane in info, as far as that goes. If each is not nil it is called after every step with the number
// of steps taken. It allocates nothing, but for the memory that a method keeps
// in s, the first time. When ctx is done it stops, with ctx's error: an energy
// may end early then, so s is worthless.
func Advance(ctx context.Context, c Config, e Energy, s *State, info []Info, each func(step int)) error {
	m, err := c.method()
	if err != nil {
		return fmt.Errorf("sampler: %w", err)
	}
	return m.advance(ctx, c, e, s, info, each)
}

// Perturb adds N(0, noise²) to s.X and clamps it to [lo, hi].
func Perturb(s *State, noise, lo, hi float32) {
	scale := spread(noise)
	kernel.Noise(s.X, &s.counter, scale[:s.width], lo, hi)
}

func spread(v float32) (lanes [lane.Max]float32) {
	for l := range lanes {
		lanes[l] = v
	}
	return lanes
}
