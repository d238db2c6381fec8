package run_test

import (
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// tinyConfig returns settings for a run of moments.
func tinyConfig() joule.Config {
	c := joule.DefaultConfig()
	c.Data = "stripes"
	c.Network.HiddenFeatures = 2
	c.BatchSize, c.Epochs = 8, 2
	c.Sampler.Steps = 2
	c.Buffer.Size = 50
	c.Generate.Chains, c.Generate.Steps = 3, 2
	return c
}

// fitted returns a run that was trained.
func fitted(t *testing.T, c joule.Config, list ...joule.Callback) *run.Run {
	t.Helper()
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Fit(t.Context(), r, trainer, list...); err != nil {
		t.Fatal(err)
	}
	return r
}

// resume returns a trainer that goes on from the last checkpoint of a fitted
// run; change, where not nil, changes the settings.
func resume(t *testing.T, r *run.Run, change func(*joule.Config) error) *joule.Trainer {
	t.Helper()
	tr, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), change)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// freshModel returns a model of images of so many channels that has learned
// nothing.
func freshModel(t *testing.T, channels int) *joule.Model {
	t.Helper()
	spec := arch.CNN(2, lane.Shape{C: channels, H: 9, W: 7})
	parameters, err := spec.Parameters()
	if err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Tensor
	for _, p := range parameters {
		size := 1
		for _, n := range p.Shape {
			size *= n
		}
		tensors = append(tensors, checkpoint.Tensor{Name: p.Name, Shape: p.Shape, Data: make([]float32, size)})
	}
	m, err := joule.NewModel(spec, tensors)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
