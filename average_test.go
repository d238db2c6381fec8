package joule_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/weights"
)

// averaged returns a trainer whose model is an average, after three steps of
// stripes.
func averaged(t *testing.T) *joule.Trainer {
	t.Helper()
	c := joule.TinyRun()
	c.EMA.Decay = 0.9
	c.Epochs = 3
	return stepped(t, c)
}

// stepped returns a trainer of stripes after three steps. It calls each, where
// there is one, before them and after every one.
func stepped(t *testing.T, c joule.Config, each ...func(*joule.Trainer)) *joule.Trainer {
	t.Helper()
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	for step := range 4 {
		if step > 0 {
			if _, err := tr.Step(); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range each {
			f(tr)
		}
	}
	return tr
}

// TestAverage: the model is the average of the weights that are trained, and so
// is what is validated.
func TestAverage(t *testing.T) {
	tr := averaged(t)
	model := tr.Model()

	// The average does not change what is trained.
	c := tr.Config()
	c.EMA.Decay = 0
	var want []float32
	stepped(t, c, func(plain *joule.Trainer) {
		params := plain.Engine().Network().Params()
		if plain.Steps() == 0 {
			want = slices.Clone(params)
		} else {
			optim.Average(want, params, 0.9, plain.Steps()-1)
		}
	})
	if !slices.Equal(model.Engine().Network().Params(), want) {
		t.Error("the model is not the average")
	}

	info, err := tr.Validate()
	if err != nil {
		t.Fatal(err)
	}
	set, sum := toy.Stripes(9), 0.0
	images, energy := make([]float32, set.N*set.Size()), make([]float32, set.N)
	for i := range set.N {
		set.Image(images[i*set.Size():(i+1)*set.Size()], i)
	}
	model.Energies(energy, images)
	for _, e := range energy {
		sum += float64(e)
	}
	if mean := sum / float64(set.N); math.Abs(info.Real-mean) > 1e-6 {
		t.Errorf("validation gives %v, the model %v", info.Real, mean)
	}
}

// TestAverageResumes: the model of a checkpoint is the average, and a resumed
// training has the same one; without the trained weights there is none.
func TestAverageResumes(t *testing.T) {
	tr := averaged(t)
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	if m, err := joule.LoadModel(path); err != nil || m.Hash() != tr.Model().Hash() {
		t.Fatalf("the checkpoint holds another model: %v", err)
	}
	resume := func(change func(*joule.Config) error) (*joule.Trainer, error) {
		return joule.ResumeTrainer(path, toy.Stripes(20), toy.Stripes(9), change)
	}
	again, err := resume(nil)
	if err != nil {
		t.Fatal(err)
	}
	joule.FitTiny(t, tr, joule.Callback{})
	joule.FitTiny(t, again, joule.Callback{})
	if tr.Model().Hash() != again.Model().Hash() {
		t.Error("resuming changes the average")
	}
	if _, err := resume(func(c *joule.Config) error { c.EMA.Decay = 0; return nil }); err == nil {
		t.Error("the average can be left out on resume")
	}

	f, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Tensors = slices.DeleteFunc(f.Tensors, func(x checkpoint.Tensor) bool { return strings.HasPrefix(x.Name, weights.Raw) })
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	if _, err := resume(nil); err == nil {
		t.Error("a checkpoint without the trained weights is resumed")
	}
}
