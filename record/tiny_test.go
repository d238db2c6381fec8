package record

import (
	"math"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
)

// tinyTrainer trains on strokes.
func tinyTrainer(t *testing.T, c joule.Config) *joule.Trainer {
	t.Helper()
	tr, err := joule.NewTrainer(c, toy.Strokes(47), toy.Strokes(23))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// lateConfig diverges in its later epochs, in which the learning rate rises,
// and comes through with the help of the guard.
func lateConfig() joule.Config {
	c := joule.DefaultConfig()
	c.Epochs, c.BatchSize = 4, 4
	c.Network.HiddenFeatures, c.Sampler.Steps, c.Buffer.Size = 4, 5, 25
	c.Optimizer.LearningRate, c.Schedule.Gamma = 0.05, 2
	c.Optimizer.GradClipNorm = math.Inf(1)
	c.Guard.EveryNSteps, c.Guard.Window, c.Guard.Retries = 4, 2, 9
	c.Guard.MinGap, c.Guard.MaxGap, c.Guard.MaxGradNorm, c.Guard.MinDiversity = -3, 3, math.Inf(1), 0.35
	return c
}

func mean(v []float32) (m float64) {
	for _, x := range v {
		m += float64(x) / float64(len(v))
	}
	return m
}
