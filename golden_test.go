package joule_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/sampler"
)

// manyLayers are an autoencoder with every type of layer that computes something.
var manyLayers = arch.Layers{
	nn.Conv2D(6, 4, 2, 1), nn.GroupNorm(3), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Conv2D(6, 3, 1, 1), nn.SiLU(), nn.Residual(2),
	nn.ConvTranspose2D(5, 4, 2, 1, 0), nn.Tanh(), nn.Upsample(2), nn.AvgPool2D(3, 2), nn.Flatten(), nn.Linear(20), nn.GroupNorm(1), nn.ReLU(),
	nn.Linear(144), nn.Reshape(4, 6, 6), nn.ConvTranspose2D(1, 4, 2, 1, 0), nn.Sigmoid(), nn.Distance(1),
}

// TestGolden holds short trainings, and samples of what they trained, to the same
// bits on all processors whose kernels are in assembly, and in all versions: who
// changes one of these hashes changes what a seed gives.
func TestGolden(t *testing.T) {
	if kernel.Name() == "generic" {
		t.Skip("the kernels in Go have bits of their own")
	}
	for _, g := range []struct {
		name, model, samples string
		change               func(*joule.Config)
	}{
		{"default", "a84f89a91ba0d231", "999142301f444ef1", func(c *joule.Config) { c.Augment = dataset.Augment{Shift: 2, Flip: 0.5} }},
		{"mala", "a19c14ed6843db8a", "6c3c04431e466aee", func(c *joule.Config) { c.Sampler.Method = sampler.MALA }},
		{"score", "d5a14833b029c5fb", "9bf3be7fded83477", func(c *joule.Config) { c.Objective.Kind = objective.ScoreMatching }},
		{"layers", "49ed638ebfd02dc8", "c0c5d85d497e2e5e", func(c *joule.Config) { c.Network.Layers, c.Guard.Retries = manyLayers, 0 }},
		{"ebgan", "e1b83c08e4ebfdac", "fe44d3547aff9945", func(c *joule.Config) { *c = joule.TinyAdversarial(objective.EBGAN); c.EMA.Decay = 0.9 }},
	} {
		t.Run(g.name, func(t *testing.T) {
			c := joule.TinyConfig()
			c.Network.HiddenFeatures, c.LimitTrainBatches, c.LimitValBatches = 12, 3, 1
			g.change(&c)
			tr := joule.TinyTrainer(t, c)
			joule.FitTiny(t, tr, joule.Callback{})
			m := tr.Model()
			s := joule.DefaultSampleConfig()
			s.N, s.Patch, s.Sampler = 9, 0.5, c.Sampler
			samples, err := m.Sample(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			for _, v := range samples.Images {
				h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			}
			if got := m.Hash()[:16]; got != g.model {
				t.Errorf("the weights hash to %s, want %s", got, g.model)
			}
			if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != g.samples {
				t.Errorf("the samples hash to %s, want %s", got, g.samples)
			}
		})
	}
}
