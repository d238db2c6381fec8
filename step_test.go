package joule

import (
	"testing"

	"github.com/joule-ml/joule/dataset"
)

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
