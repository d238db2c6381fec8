// Package guard notices that a training diverges, by rules on what it measures,
// and says what to change then. It does not know the trainer: New takes the
// figures that are measured, Step and Epoch their values, and a Trouble names
// its cures as settings and factors. The trainer goes back and applies them.
package guard

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/setting"
)

// Config says what a training that diverges looks like and what to do
// about it. The guard keeps the state of the training every so many steps. A
// number that is not finite is trouble at once; otherwise, after every step,
// each rule looks at the median of a value over the last Window steps, or a
// quarter of them at an epoch's end:
//
//	energy     the larger of |mean E| of real images and of samples, above MaxEnergy
//	gap above  mean E of samples − mean E of real images, above MaxGap
//	gap below  the same, below MinGap, after a fifth of the time to learn
//	gradient   the norm of the gradient of the weights, above MaxGradNorm
//	flat       the mean norm of ∂E/∂x at the chains' last step, below MinChainGradNorm
//	bounds     the share of the samples' pixels at their bounds, above MaxAtBounds
//	blank      the share of the samples that are of one colour, above MaxBlank
//	diversity  the distance between samples beside that between real images, below MinDiversity
//	contrast   mean E of noise − mean E of real images, below MinContrast, after the time to learn
//	inverted   the same, below −MinContrast, after a fifth of that time
//	lag        (E of samples − E of real images) / (E of noise − E of real images), above MaxLag, after a fifth
//	validation E of noise − E of held-out images after an epoch, below MinGap, or MinContrast where contrast is judged
//
// Time to learn is until the learning rate times the steps since the weights
// were drawn is 0.05.
//
// In trouble the training goes back by EveryNSteps to twice as many steps, or
// to the beginning of the epoch, and goes on from there with other noise and
// something changed, see [Trouble.Cure]. When no epoch has passed in Retries
// tries, the training ends. Zero Retries switch the guard off.
//
// All of it depends on the settings alone, not on time or threads, and is part
// of a checkpoint.
type Config struct {
	Retries     int `yaml:"retries"`
	EveryNSteps int `yaml:"every_n_steps"`
	Window      int `yaml:"window"`

	MaxEnergy        float64 `yaml:"max_energy"`
	MinGap           float64 `yaml:"min_gap"`
	MaxGap           float64 `yaml:"max_gap"`
	MaxGradNorm      float64 `yaml:"max_grad_norm"`
	MinChainGradNorm float64 `yaml:"min_chain_grad_norm"`
	MaxAtBounds      float64 `yaml:"max_at_bounds"`
	MaxBlank         float64 `yaml:"max_blank"`
	MinDiversity     float64 `yaml:"min_diversity"`
	MinContrast      float64 `yaml:"min_contrast"`
	MaxLag           float64 `yaml:"max_lag"`
}

// Default returns the settings of a guard that stays far from what the
// default recipe does; docs/guard.md has the measurements.
func Default() Config {
	return Config{
		Retries: 3, EveryNSteps: 50, Window: 20,
		MaxEnergy: 100, MinGap: -0.3, MaxGap: 1, MaxGradNorm: 100,
		MinChainGradNorm: 1e-5, MaxAtBounds: 0.98, MaxBlank: 0.5, MinDiversity: 0.2, MinContrast: 0.05, MaxLag: 0.7,
	}
}

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	inf := math.Inf(1)
	return setting.List{
		{Key: "retries", Value: &c.Retries, Hi: 1000, About: "times to go back when training diverges; 0 for no guard"},
		{Key: "every_n_steps", Value: &c.EveryNSteps, Lo: 1, Hi: 1e6, About: "training steps between states to go back to"},
		{Key: "window", Value: &c.Window, Lo: 1, Hi: 1e4, About: "training steps whose median the rules judge"},
		{Key: "max_energy", Value: &c.MaxEnergy, Hi: inf, About: "trouble: mean energies beyond ± this; .inf for no such rule"},
		{Key: "min_gap", Value: &c.MinGap, Lo: -inf, About: "trouble: E(fake) − E(real) below this; -.inf for no such rule"},
		{Key: "max_gap", Value: &c.MaxGap, Hi: inf, About: "trouble: E(fake) − E(real) above this"},
		{Key: "max_grad_norm", Value: &c.MaxGradNorm, Hi: inf, About: "trouble: norm of the weights' gradient above this"},
		{Key: "min_chain_grad_norm", Value: &c.MinChainGradNorm, Hi: inf, About: "trouble: norm of ∂E/∂x at samples below this"},
		{Key: "max_at_bounds", Value: &c.MaxAtBounds, Hi: 1, About: "trouble: share of samples' pixels at bounds above this"},
		{Key: "max_blank", Value: &c.MaxBlank, Hi: 1, About: "trouble: share of blank samples above this"},
		{Key: "min_diversity", Value: &c.MinDiversity, Hi: 1, About: "trouble: spread of samples over that of data below this"},
		{Key: "min_contrast", Value: &c.MinContrast, Lo: -inf, Hi: inf, About: "trouble: E(noise) − E(real) below this; -.inf for no such rule"},
		{Key: "max_lag", Value: &c.MaxLag, Hi: inf, About: "trouble: energy of samples, from 0 for real images to 1 for noise, above this"},
	}
}

// Validate reports settings that are out of range, or contradict each other, as
// a [*setting.Error].
func (c Config) Validate() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	if c.Window > c.EveryNSteps {
		return &setting.Error{Key: "window", Problem: fmt.Sprintf("%d is more than guard.every_n_steps = %d", c.Window, c.EveryNSteps), Hint: "the guard goes back by at least guard.every_n_steps, to before what the window shows"}
	}
	return nil
}
