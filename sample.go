package joule

import (
	"context"
	"errors"
	"fmt"

	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// SampleConfig says what [Model.Sample] draws.
type SampleConfig struct {
	N       int            // number of chains
	Seed    uint64         // of the starting images and the noise
	Sampler sampler.Config // Steps is the length of a chain
	Patch   float64        // share of chains that start from uniform noise in a rectangle, dark around it, not from a whole image of it
	Threads int            // cores to use; 0 takes all
	By      string         // ByGenerator or ByChains; "" takes the generator of a model that has one
	Every   int            // keep the images after every so many steps; 0 keeps none
}

// How samples are drawn.
const (
	ByGenerator = "generator"
	ByChains    = "chains"
)

// DefaultSampleConfig returns the default recipe's generation: 256 steps from
// uniform noise, here of 64 chains.
func DefaultSampleConfig() SampleConfig {
	c := SampleConfig{N: 64, Seed: 1, Sampler: sampler.DefaultConfig()}
	c.Sampler.Steps = 256
	return c
}

// MaxSamples bounds N, and maxValues the pixels of the images and of the
// frames that Every keeps: four gigabytes.
const (
	MaxSamples = 1 << 20
	maxValues  = 1 << 30
)

// Validate reports the first setting that is out of range.
func (c SampleConfig) Validate() error {
	switch {
	case c.N < 1 || c.N > MaxSamples:
		return fmt.Errorf("number of samples is %d, want 1 to %d", c.N, MaxSamples)
	case c.Every < 0:
		return fmt.Errorf("pictures every %d steps, want 0 or more", c.Every)
	case !(c.Patch >= 0 && c.Patch <= 1):
		return fmt.Errorf("a share %v of patches, want 0 to 1", c.Patch)
	case c.By != "" && c.By != ByGenerator && c.By != ByChains:
		return fmt.Errorf("samples by %.40q, want %s or %s", c.By, ByGenerator, ByChains)
	}
	return c.Sampler.Validate()
}

// Frames returns the number of pictures on the way that Sample keeps.
func (c SampleConfig) Frames() int {
	if c.Every == 0 {
		return 0
	}
	return c.Sampler.Steps / c.Every
}

// Start fills images, N of them, with the noise that the chains start from.
func (c SampleConfig) Start(images []float32, shape lane.Shape) {
	size := shape.Len()
	s := random.Stream{Seed: c.Seed, Purpose: random.SampleStart}
	for i := range c.N {
		x := images[i*size : (i+1)*size]
		if w := s.Words(uint32(i), 0, sampler.PatchWords); float64(kernel.Unit(w[3])) < c.Patch {
			sampler.Patch(x, shape, s, uint32(i), 0, c.Sampler.Min, c.Sampler.Max)
		} else {
			s.Uniform(x, uint32(i), 0, c.Sampler.Min, c.Sampler.Max)
		}
	}
}

// Samples are images drawn from a model.
type Samples struct {
	N       int
	C, H, W int
	Images  []float32   // N×C×H×W, within the sampler's bounds
	Energy  []float32   // of each image
	Frames  [][]float32 // N×C×H×W after every Every steps
}

// Sample draws images: of a model with a generator it makes them of random vectors,
// unless c.By asks for chains, and of others by Langevin dynamics from uniform noise.
// Sample i depends on the model, the seed and i alone: not on N or the cores. It stops
// with ctx's error when ctx is done, and with an [*engine.NonFiniteError] when an
// energy or gradient is not finite.
func (m *Model) Sample(ctx context.Context, c SampleConfig) (*Samples, error) {
	return draw(ctx, m.engine, m.generator, c)
}

// By returns what Sample draws with: [ByGenerator] or [ByChains].
func (m *Model) By(c SampleConfig) string { return by(m.generator, c) }

func by(g *generator, c SampleConfig) string {
	if g != nil && c.By != ByChains {
		return ByGenerator
	}
	return ByChains
}

// Sample draws what [Model.Sample] of t's model would, in the memory that the
// training has anyway. It is not to be called during a step.
func (t *Trainer) Sample(ctx context.Context, c SampleConfig) (*Samples, error) {
	return draw(ctx, t.Engine(), t.generator(), c)
}

func draw(ctx context.Context, e *engine.Engine, g *generator, c SampleConfig) (*Samples, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("joule: sample: %w", err)
	}
	shape := e.Network().Input()
	size, frames := shape.Len(), c.Frames()
	if float64(1+frames)*float64(c.N)*float64(size) > maxValues {
		return nil, fmt.Errorf("joule: sample: %d images of %d values, and %d pictures of each on the way, are too many to hold", c.N, size, frames)
	}
	s := &Samples{N: c.N, C: shape.C, H: shape.H, W: shape.W, Images: make([]float32, c.N*size), Energy: make([]float32, c.N)}
	e = e.WithThreads(c.Threads).WithContext(ctx)
	info := make([]sampler.Info, c.N) // of chains that have not begun: finite
	var err error
	switch generates := by(g, c) == ByGenerator; {
	case c.By == ByGenerator && !generates:
		err = errors.New("joule: sample: the model has no generator")
	case generates && frames > 0:
		err = fmt.Errorf("joule: sample: a generator makes no pictures on the way, and Every is %d", c.Every)
	case generates:
		g.draw(ctx, c, s.Images)
	default:
		err = chains(ctx, e, c, s, info)
	}
	if err != nil {
		return nil, err
	}
	e.Energies(s.Energy, s.Images)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, v := range s.Energy {
		if !info[i].Finite() || v-v != 0 {
			return nil, &engine.NonFiniteError{What: fmt.Sprintf("the energy or gradient of sample %d", i)}
		}
	}
	return s, nil
}

// chains draws the images of s, and those on the way, by chains from noise.
func chains(ctx context.Context, e *engine.Engine, c SampleConfig, s *Samples, info []sampler.Info) error {
	c.Start(s.Images, e.Network().Input())
	run := engine.Chains{
		X:      s.Images,
		Stream: random.Stream{Seed: c.Seed, Purpose: random.SampleNoise},
		Info:   info,
	}
	if frames := c.Frames(); frames > 0 {
		for range frames {
			s.Frames = append(s.Frames, make([]float32, len(s.Images)))
		}
		run.Frame = func(step int) []float32 {
			if step%c.Every != 0 {
				return nil
			}
			return s.Frames[step/c.Every-1]
		}
	}
	return e.Advance(ctx, c.Sampler, run)
}

// Generation returns the settings that samples are drawn with: the sampler of
// training with its burn-in and the changes of Generate, from the noise that
// chains started from in training.
func (c Config) Generation() SampleConfig {
	s := SampleConfig{N: c.Generate.Chains, Seed: c.Seed, Sampler: c.Sampler}
	s.Sampler.Steps, s.Sampler.Anneal = c.Generate.Steps, max(s.Sampler.Anneal, c.Generate.Anneal)
	if noise := c.Restart.Uniform + c.Restart.Patch; c.Restart.Patch > 0 {
		s.Patch = c.Restart.Patch / noise
	}
	return s
}
