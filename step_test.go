package joule

import (
	"testing"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/sampler"
)

// TestStepAllocations: after the first few, a step of a training with a guard
// takes no memory, but for callbacks.
func TestStepAllocations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		objective.ContrastiveDivergence: func(*Config) {},
		sampler.MALA:                    func(c *Config) { c.Sampler.Method = sampler.MALA },
		objective.ScoreMatching:         func(c *Config) { c.Objective.Kind, c.Objective.Sigma = objective.ScoreMatching, 0.3 },
		objective.EBGAN:                 func(c *Config) { *c = tinyAdversarial(objective.EBGAN) },
	} {
		for _, threads := range []int{1, 2} {
			c := TinyConfig()
			change(&c)
			c.Guard.Retries, c.Guard.Window, c.Guard.EveryNSteps = 3, 3, 1000
			c.Guard.MaxGap = max(c.Guard.MaxGap, 100)
			tr := TinyTrainer(t, c)
			tr.SetThreads(threads)
			tr.history.begin(tr)
			step := func() {
				tr.place.Epoch, tr.place.Batch = 1-tr.place.Epoch, 0
				if err := tr.batch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for range 10 {
				step()
			}
			if allocs := testing.AllocsPerRun(10, step); allocs != 0 || tr.Steps() != 21 {
				t.Errorf("%s on %d cores: a step allocates %v times, after %d", name, threads, allocs, tr.Steps())
			}
		}
	}
}

// BenchmarkStep takes training steps of the default recipe.
func BenchmarkStep(b *testing.B) {
	c := DefaultConfig()
	pixels := make([]byte, 64*784)
	for i := range pixels {
		pixels[i] = byte(i * i >> 8)
	}
	set := &dataset.Set{N: 64, C: 1, H: 28, W: 28, Pixels: pixels}
	tr, err := NewTrainer(c, set, set)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	gradients := 0
	for b.Loop() {
		tr.place.Batch = 0
		info, err := tr.Step()
		if err != nil {
			b.Fatal(err)
		}
		gradients += info.ImageGradients
	}
	b.ReportMetric(float64(gradients)/b.Elapsed().Seconds(), "image-gradients/s")
}
