package joule

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
)

// tinyConfig trains strokes within moments, also with the generic kernels.
func tinyConfig() Config {
	c := DefaultConfig()
	c.Epochs, c.BatchSize = 2, 10
	c.Network.HiddenFeatures = 4
	c.Sampler.Steps = 5
	c.Buffer.Size = 25 // less than three batches: the ring wraps
	c.Optimizer.LearningRate = 1e-2
	return c
}

// tinyRun returns settings for a training of moments, on stripes.
func tinyRun() Config {
	c := DefaultConfig()
	c.Network.HiddenFeatures = 2
	c.BatchSize, c.Epochs = 8, 2
	c.Sampler.Steps = 2
	c.Buffer.Size = 50
	c.Generate.Chains, c.Generate.Steps = 3, 2
	return c
}

func tinyTrainer(t *testing.T, c Config) *Trainer {
	t.Helper()
	tr, err := NewTrainer(c, toy.Strokes(47), toy.Strokes(23)) // the last batch has 7 images
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// saved returns the bytes of a checkpoint of tr: every bit of its state.
func saved(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fit(t *testing.T, tr *Trainer, callback Callback) {
	t.Helper()
	if err := tr.Fit(context.Background(), callback); err != nil {
		t.Fatal(err)
	}
}

// What tests of the public API use, too.
var (
	TinyConfig  = tinyConfig
	TinyRun     = tinyRun
	TinyTrainer = tinyTrainer
	FitTiny     = fit
	ModelOf     = newModel
)

func ModelWithCard(net *nn.Network, c *Card) *Model {
	m := newModel(net)
	m.card = c
	return m
}
