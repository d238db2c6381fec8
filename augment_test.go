package joule_test

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/metric"
)

// TestTrainerAugments: the real images are others than those of the file, and
// the samples do not depend on them.
func TestTrainerAugments(t *testing.T) {
	// step returns the energy of real images in a first step, and the samples,
	// newest first.
	step := func(a dataset.Augment) (energy float64, samples []float32) {
		c := joule.TinyConfig()
		c.Augment = a
		tr := joule.TinyTrainer(t, c)
		info, err := tr.Step()
		if err != nil {
			t.Fatal(err)
		}
		energy, _ = info.Value(metric.EnergyReal)
		x := make([]float32, 12*12)
		for i := range tr.Buffer().Len() {
			tr.Buffer().Image(x, i)
			samples = append(samples, x...)
		}
		return energy, samples
	}
	plain, samples := step(dataset.Augment{})
	moved, others := step(dataset.Augment{Shift: 2, Flip: 0.5})
	if plain == moved {
		t.Error("training takes the images as they are")
	}
	if !slices.Equal(samples, others) {
		t.Error("the first samples depend on the real images")
	}
}
