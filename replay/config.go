// Package replay keeps the samples that chains go on from: the replay buffer of
// Du and Mordatch 2019 (arXiv:1903.08689, section 3.1). Start with New; a training
// step draws the starts of its chains with Draw and puts their ends back with
// Add.
package replay

import (
	"math"

	"github.com/joule-ml/joule/setting"
)

// Config describes the buffer.
type Config struct {
	Size               int     `yaml:"size"`
	Precision          string  `yaml:"precision"` // what pixels are kept in
	Policy             string  `yaml:"policy"`
	RestartProbability float64 `yaml:"restart_probability"`
	// Chains that have been through OldAfter training steps restart with a
	// probability of their own; 0 makes no difference between chains.
	OldAfter              int     `yaml:"old_after"`
	OldRestartProbability float64 `yaml:"old_restart_probability"`
}

// The policies of a full buffer: what makes room in it.
const (
	FIFO      = "fifo"      // age
	Reservoir = "reservoir" // chance
)

// Restart says, in shares, what chains start from that do not go on from the
// buffer.
type Restart struct {
	Uniform   float64 `yaml:"uniform"`
	Patch     float64 `yaml:"patch"`
	Data      float64 `yaml:"data"`
	DataNoise float32 `yaml:"data_noise"`
	Gray      float64 `yaml:"gray"`
	Blank     float64 `yaml:"blank"`
	Shifted   float64 `yaml:"shifted"`
}

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	return setting.List{
		{Key: "size", Value: &c.Size, Lo: 1, Hi: 1 << 20, About: "samples kept to start new chains from"},
		{Key: "precision", Value: &c.Precision, Names: []string{Float32, Float16, Uint8}, About: "what a pixel is kept in: 4, 2 or 1 bytes"},
		{Key: "policy", Value: &c.Policy, Names: []string{FIFO, Reservoir}, About: "what makes room in a full buffer: age or chance"},
		{Key: "restart_probability", Value: &c.RestartProbability, Hi: 1, About: "share of chains that do not start from the buffer"},
		{Key: "old_after", Value: &c.OldAfter, Hi: math.MaxUint16, About: "training steps after which a chain is old; 0 for never"},
		{Key: "old_restart_probability", Value: &c.OldRestartProbability, Hi: 1, About: "share of old chains that begin again"},
	}
}

// Validate reports settings that are out of range, or exclude each other, as a
// [*setting.Error].
func (c Config) Validate() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	if c.OldAfter > 0 && c.Policy != FIFO {
		return &setting.Error{Key: "old_after", Problem: "a " + c.Policy + " keeps no ages", Hint: "set buffer.policy=fifo, or buffer.old_after=0"}
	}
	return nil
}

// Settings lists the keys of r.
func (r *Restart) Settings() setting.List {
	return setting.List{
		{Key: "uniform", Value: &r.Uniform, Hi: 1, About: "share of these that start from uniform noise"},
		{Key: "patch", Value: &r.Patch, Hi: 1, About: "share that starts from uniform noise in a rectangle, dark around it"},
		{Key: "data", Value: &r.Data, Hi: 1, About: "share that starts from real images with noise"},
		{Key: "data_noise", Value: &r.DataNoise, Hi: 1e3, About: "standard deviation of that noise"},
		{Key: "gray", Value: &r.Gray, Hi: 1, About: "share that starts from a constant gray"},
		{Key: "blank", Value: &r.Blank, Hi: 1, About: "share that starts from the darkest image"},
		{Key: "shifted", Value: &r.Shifted, Hi: 1, About: "share that starts from samples moved by a few pixels"},
	}
}
