package sampler

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/setting"
)

// MaxSteps bounds the steps of a chain, of training and of generation.
const MaxSteps = 1e6

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	inf := math.Inf(1)
	return setting.List{
		{Key: "method", Value: &c.Method, Names: Methods(), About: "how chains move; docs/energy.md describes the methods"},
		{Key: "steps", Value: &c.Steps, Hi: MaxSteps, About: "Langevin steps a training step"},
		{Key: "step_size", Value: &c.StepSize, Hi: 1e6, About: "pixels move by this times the energy's gradient"},
		{Key: "noise", Value: &c.Noise, Hi: 1e3, About: "standard deviation of the noise a step"},
		{Key: "anneal", Value: &c.Anneal, Hi: 1, About: "share of the noise that is gone at a chain's last step"},
		{Key: "burn_in", Value: &c.BurnIn, Hi: MaxSteps, About: "first steps of generation that are larger; training has none"},
		{Key: "burn_in_scale", Value: &c.BurnInScale, Hi: 1e6, About: "factor on the step size in these"},
		{Key: "grad_clip", Value: &c.GradClip, Hi: inf, About: "each gradient value is held within ± this; .inf for no clip"},
		{Key: "min", Value: &c.Min, Lo: -1e6, Hi: 1e6, About: "smallest pixel value"},
		{Key: "max", Value: &c.Max, Lo: -1e6, Hi: 1e6, About: "largest pixel value"},
	}
}

// Validate reports the first setting that is out of range, as a
// [*setting.Error].
func (c Config) Validate() error {
	if c.Method == "" {
		c.Method = Langevin
	}
	if err := c.Settings().Check(); err != nil {
		return err
	}
	if c.Min >= c.Max {
		return &setting.Error{Key: "min", Problem: fmt.Sprintf("%g is not below sampler.max = %g", c.Min, c.Max), Hint: "pixels lie between sampler.min and sampler.max"}
	}
	m, err := c.method()
	if err != nil || m.validate == nil {
		return err
	}
	return m.validate(c)
}
