package joule

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
)

func TestAverage(t *testing.T) {
	c := tinyRun()
	c.EMA.Decay = 0.9
	c.Epochs = 3
	tr, err := NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
	}
	model := tr.Model()
	if !slices.Equal(model.net.Params(), tr.part().Weights()) || slices.Equal(model.net.Params(), tr.part().Net.Params()) {
		t.Error("the model is not the average")
	}
	// What is validated is the average.
	info, err := tr.Validate()
	if err != nil {
		t.Fatal(err)
	}
	images, energy := make([]float32, 9*144), make([]float32, 9)
	for i := range 9 {
		tr.val.Image(images[i*144:(i+1)*144], i)
	}
	model.Energies(energy, images)
	if math.Abs(info.Real-mean(energy)) > 1e-6 {
		t.Errorf("validation gives %v, the model %v", info.Real, mean(energy))
	}

	// The model of a checkpoint is the average, and resuming is exact.
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	if m, err := LoadModel(path); err != nil || m.Hash() != model.Hash() {
		t.Fatalf("the checkpoint holds another model: %v", err)
	}
	again, err := ResumeTrainer(path, toy.Stripes(20), toy.Stripes(9), nil)
	if err != nil {
		t.Fatal(err)
	}
	fit(t, tr, Callback{})
	fit(t, again, Callback{})
	if tr.Model().Hash() != again.Model().Hash() {
		t.Error("resuming changes the average")
	}
	if _, err := ResumeTrainer(path, toy.Stripes(20), toy.Stripes(9), func(c *Config) error { c.EMA.Decay = 0; return nil }); err == nil {
		t.Error("the average can be left out on resume")
	}
	f, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Tensors = f.Tensors[:12]
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	if _, err := ResumeTrainer(path, toy.Stripes(20), toy.Stripes(9), nil); err == nil {
		t.Error("a checkpoint without the trained weights is resumed")
	}
}
