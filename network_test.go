package joule_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// A network written out is trained like one with a name.
func TestTrainLayers(t *testing.T) {
	c := joule.TinyConfig()
	c.Network.Layers = arch.Layers{nn.Conv2D(3, 5, 2, 2), nn.SiLU(), nn.Flatten(), nn.Linear(1)}
	c.Guard.Retries = 0 // a network so small is no good energy
	tr := joule.TinyTrainer(t, c)
	before := append([]float32(nil), tr.Engine().Network().Params()...)
	joule.FitTiny(t, tr, joule.Callback{})
	if reflect.DeepEqual(before, tr.Engine().Network().Params()) {
		t.Error("the weights did not change")
	}
	if spec := tr.Model().Spec(); spec.Prefix != "layers" || !reflect.DeepEqual(spec.Layers, []nn.LayerSpec(c.Network.Layers)) {
		t.Errorf("the model is %+v", spec)
	}

	path := filepath.Join(t.TempDir(), "last")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	resumed, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil)
	if err != nil || resumed.Model().Hash() != tr.Model().Hash() || !reflect.DeepEqual(resumed.Config(), c) {
		t.Errorf("resumed: %v", err)
	}
	_, err = joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { return c.Set("network.layers=flatten, linear 1") })
	if err == nil || !strings.Contains(err.Error(), "network.layers: cannot become [flatten, linear 1]: the checkpoint was trained with [conv2d 3 kernel=5 stride=2 padding=2, silu, flatten, linear 1]") {
		t.Errorf("resumed with other layers: error %v", err)
	}

	c.Network.Layers = arch.Layers{nn.Flatten(), nn.Linear(2)}
	_, err = joule.NewTrainer(c, toy.Strokes(47), toy.Strokes(23))
	var e *setting.Error
	if !errors.As(err, &e) || e.Key != "network.layers" || e.Hint == "" {
		t.Errorf("two values: error %v", err)
	}
}

// Every kind of network is trained, saved and resumed.
func TestTrainKinds(t *testing.T) {
	for _, kind := range arch.Kinds() {
		t.Run(kind, func(t *testing.T) {
			c := joule.TinyConfig()
			c.Network.Kind, c.Epochs, c.LimitTrainBatches, c.Guard.Retries = kind, 1, 2, 0
			tr := joule.TinyTrainer(t, c)
			joule.FitTiny(t, tr, joule.Callback{})
			path := filepath.Join(t.TempDir(), "last")
			if err := tr.Save(path); err != nil {
				t.Fatal(err)
			}
			more := func(c *joule.Config) error { c.Epochs = 2; return nil }
			resumed, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), more)
			if err != nil {
				t.Fatal(err)
			}
			if got := resumed.Model(); got.Hash() != tr.Model().Hash() || resumed.Config().Network.Kind != kind {
				t.Errorf("resumed as %+v", got.Spec())
			}
		})
	}
}
