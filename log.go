package joule

import (
	"fmt"
	"io"
)

// A Record is what was measured at one training step.
type Record struct {
	Epoch int // counted from 1: under way after a step, done after a validation
	Step  int // optimizer steps done
	// Scalars is only valid until Log returns.
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

// A Logger keeps records. Those that [Run.Fit] adds write metrics.csv,
// metrics.jsonl, pictures and TensorBoard's event files.
type Logger interface {
	Log(Record) error
}

// AddLogger adds a logger to which callbacks' records go.
func (t *Trainer) AddLogger(l Logger) { t.loggers = append(t.loggers, l) }

// Log gives a record to all loggers.
func (t *Trainer) Log(r Record) error {
	for _, l := range t.loggers {
		if err := l.Log(r); err != nil {
			return fmt.Errorf("joule: log step %d: %w", r.Step, err)
		}
	}
	return nil
}

// The names of what is measured, beside epoch and step. The first eight have
// the document's names and signs: outputs are f = −E.
const (
	tagLoss           = "loss"
	tagRegularization = "loss_regularization"
	tagDivergence     = "loss_contrastive_divergence"
	tagReal           = "metrics_avg_real"
	tagFake           = "metrics_avg_fake"
	tagValDivergence  = "val_contrastive_divergence"
	tagValReal        = "val_real_out"
	tagValFake        = "val_fake_out"
	tagOutliers       = "rand_out"
	tagLearningRate   = "learning_rate"
	tagGradNorm       = "grad_norm"
	tagSpeed          = "image_gradients_per_second"
	tagChainGradNorm  = "samples_grad_norm" // of ∂E/∂x
	tagAtBounds       = "samples_at_bounds"
	tagBlank          = "samples_blank"
	tagDiversity      = "samples_diversity"
	tagRollbacks      = "rollbacks" // so far
)

// Monitors returns the names of the validation's metrics, which decide what
// the best checkpoint is and when to stop early.
func Monitors() []string { return []string{tagValDivergence, tagValReal, tagValFake} }

// metric returns a metric of the validation by name.
func (e EpochInfo) metric(name string) (float64, bool) {
	switch name {
	case tagValDivergence:
		return e.ValContrastiveDivergence, true
	case tagValReal:
		return e.ValReal, true
	case tagValFake:
		return e.ValFake, true
	}
	return 0, false
}

// Metrics is a callback that logs the scalars of every step, the learning rate
// among them, and of every validation.
type Metrics struct{ values map[string]float64 }

// OnStep logs a step.
func (c *Metrics) OnStep(t *Trainer, s StepInfo) error {
	c.clear()
	c.values[tagLoss] = s.Loss
	c.values[tagRegularization] = s.Regularization
	c.values[tagDivergence] = s.ContrastiveDivergence
	c.values[tagReal] = s.AvgReal
	c.values[tagFake] = s.AvgFake
	c.values[tagLearningRate] = s.LearningRate
	c.values[tagGradNorm] = s.GradNorm
	c.values[tagChainGradNorm] = s.ChainGradNorm
	c.values[tagAtBounds] = s.AtBounds
	c.values[tagBlank] = s.Blank
	c.values[tagDiversity] = s.Diversity
	c.values[tagRollbacks] = float64(t.place.Retry)
	if s.Duration > 0 {
		c.values[tagSpeed] = float64(s.ImageGradients) / s.Duration.Seconds()
	}
	return t.Log(Record{Epoch: s.Epoch + 1, Step: s.Step, Scalars: c.values})
}

// OnEpoch logs a validation.
func (c *Metrics) OnEpoch(t *Trainer, e EpochInfo) error {
	c.clear()
	for _, name := range Monitors() {
		c.values[name], _ = e.metric(name)
	}
	return t.Log(Record{Epoch: e.Epoch, Step: e.Step, Scalars: c.values})
}

func (c *Metrics) clear() {
	if c.values == nil {
		c.values = make(map[string]float64)
	}
	clear(c.values)
}
