package optim

import (
	"math"

	"github.com/joule-ml/joule/setting"
)

// Config holds Adam's constants and the limits on gradients and weights.
type Config struct {
	LearningRate float64 `yaml:"learning_rate"`
	Beta1        float64 `yaml:"beta1"`
	Beta2        float64 `yaml:"beta2"`
	Epsilon      float64 `yaml:"epsilon"`
	GradClipNorm float64 `yaml:"grad_clip_norm"`
	SpectralNorm float64 `yaml:"spectral_norm"`
}

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	inf := math.Inf(1)
	return setting.List{
		{Key: "learning_rate", Value: &c.LearningRate, Hi: 1e3, About: "Adam's learning rate in the first epoch"},
		{Key: "beta1", Value: &c.Beta1, Hi: 0.999999, About: "decay of Adam's first moment"},
		{Key: "beta2", Value: &c.Beta2, Hi: 0.999999, About: "decay of Adam's second moment"},
		{Key: "epsilon", Value: &c.Epsilon, Lo: 1e-30, Hi: 1, About: "keeps Adam's quotient finite"},
		{Key: "grad_clip_norm", Value: &c.GradClipNorm, Lo: 1e-30, Hi: inf, About: "largest norm of the whole gradient; .inf for no clip"},
		{Key: "spectral_norm", Value: &c.SpectralNorm, Hi: 1e6, About: "largest spectral norm of a layer; 0 for no limit"},
	}
}

// Schedule multiplies the learning rate by Gamma, see [StepLR], and the share
// of restarts by RestartGamma and the margin by MarginGamma every EveryNEpochs.
type Schedule struct {
	Gamma        float64 `yaml:"gamma"`
	RestartGamma float64 `yaml:"restart_gamma"`
	MarginGamma  float64 `yaml:"margin_gamma"`
	EveryNEpochs int     `yaml:"every_n_epochs"`
}

// Settings lists the keys of s.
func (s *Schedule) Settings() setting.List {
	return setting.List{
		{Key: "gamma", Value: &s.Gamma, Hi: 10, About: "factor on the learning rate"},
		{Key: "restart_gamma", Value: &s.RestartGamma, Hi: 1, About: "factor on buffer.restart_probability"},
		{Key: "margin_gamma", Value: &s.MarginGamma, Lo: 1e-30, Hi: 10, About: "factor on objective.margin"},
		{Key: "every_n_epochs", Value: &s.EveryNEpochs, Lo: 1, Hi: 1e6, About: "epochs after which each of these is applied again"},
	}
}

// EMA says whether the model is the weights' moving average, see [Average].
type EMA struct {
	Decay float64 `yaml:"decay"`
}

// Settings lists the keys of e.
func (e *EMA) Settings() setting.List {
	return setting.List{
		{Key: "decay", Value: &e.Decay, Hi: 0.999999, About: "the model is the weights' average with this decay; 0 for none"},
	}
}
