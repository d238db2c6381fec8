package joule

import (
	"io"
	"slices"
	"time"

	"github.com/joule-ml/joule/metric"
)

// StepInfo describes a training step.
type StepInfo struct {
	Epoch, Batch, Batches int // Batch counts from 0 within the epoch
	Step                  int // optimizer steps done, this one included

	Loss         float64
	GradNorm     float64 // of the weights, before clipping
	LearningRate float64

	ImageGradients int // gradients of the energy with respect to an image
	Duration       time.Duration

	// Figures is all that was measured, and Values has a value for each, of
	// the energy E. Both are only valid until the next step.
	Figures []metric.Figure
	Values  []float64
}

// Value returns the value of a figure of package metric; ok is false where the
// step has not measured it.
func (s StepInfo) Value(name string) (v float64, ok bool) {
	i := slices.IndexFunc(s.Figures, func(f metric.Figure) bool { return f.Name == name })
	if i < 0 {
		return 0, false
	}
	return s.Values[i], true
}

// EpochInfo describes a validation: held-out images against uniform noise.
type EpochInfo struct {
	Epoch int // epochs done, this one included
	Step  int

	Divergence  float64 // Real − Noise: low where the energy tells images from noise
	Real, Noise float64 // mean E of held-out images, and of noise
}

// Value returns the value of a figure of package metric; ok is false where a
// validation does not measure it.
func (e EpochInfo) Value(name string) (v float64, ok bool) {
	switch name {
	case metric.ValDivergence:
		return e.Divergence, true
	case metric.ValReal:
		return e.Real, true
	case metric.ValNoise:
		return e.Noise, true
	}
	return 0, false
}

// Column returns what a column of [metric.Monitors] has for the validation.
func (e EpochInfo) Column(column string) (v float64, ok bool) {
	for _, f := range metric.Figures() {
		if f.Monitor && f.Column == column {
			v, _ := e.Value(f.Name)
			return f.In(v), true
		}
	}
	return 0, false
}

// A Record is what was measured at one training step, as it is kept.
type Record struct {
	Epoch int // counted from 1: under way after a step, done after a validation
	Step  int // optimizer steps done
	// Scalars has the columns of [metric.Figures]. It is only valid until Log
	// returns.
	Scalars    map[string]float64
	Figures    []Figure
	Histograms []Histogram
}

// A Figure is a picture of the training.
type Figure struct {
	Tag    string                  // its name among a run's curves, the same from step to step; "" for none
	File   string                  // its file in the run's folder; "" for none
	Encode func(w io.Writer) error // writes it as PNG
}

// A Histogram is a set of values whose distribution is of interest.
type Histogram struct {
	Tag    string
	Values []float32
}
