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
	if !slices.Equal(plain.images[1], moved.images[1]) {
		t.Error("the first samples depend on the real images")
	}
}
