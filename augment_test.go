package joule

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/dataset"
)

// TestTrainerAugments: the real images are others than those of the file, and
// the samples do not depend on them.
func TestTrainerAugments(t *testing.T) {
	c := tinyConfig()
	plain := tinyTrainer(t, c)
	c.Augment = dataset.Augment{Shift: 2, Flip: 0.5}
	moved := tinyTrainer(t, c)
	for _, tr := range []*Trainer{plain, moved} {
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Equal(plain.images[0], moved.images[0]) {
		t.Error("training takes the images as they are")
	}
	if !slices.Equal(samplesOf(plain), samplesOf(moved)) {
		t.Error("the first samples depend on the real images")
	}
}

// samplesOf returns the images of the replay buffer, newest first.
func samplesOf(t *Trainer) (x []float32) {
	for i := range t.Buffer().Len() {
		x = append(x, t.Buffer().Image(i)...)
	}
	return x
}
