package joule

import (
	"testing"

	"github.com/joule-ml/joule/dataset"
)

// TestStepAllocations: after the first few, a step of a training with a guard
// takes no memory, but for callbacks.
func TestStepAllocations(t *testing.T) {
	for _, threads := range []int{1, 2} {
		c := TinyConfig()
		c.Guard.Retries, c.Guard.Window, c.Guard.EveryNSteps = 3, 3, 1000
		tr := TinyTrainer(t, c)
		tr.SetThreads(threads)
		tr.history.begin(tr)
		step := func() {
			tr.place.Batch = 0
			if err := tr.batch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			step()
		}
		if allocs := testing.AllocsPerRun(20, step); allocs != 0 {
			t.Errorf("%d cores: a step allocates %v times", threads, allocs)
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
