package arch

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

var digits = lane.Shape{C: 1, H: 28, W: 28}

// Every kind of network is an energy of usual images, gray and colour, at the
// smallest and a usual width, with parameters of names of its own.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		for _, h := range []int{2, 32} {
			for _, in := range []lane.Shape{digits, {C: 3, H: 32, W: 32}, {C: 1, H: 1, W: 1}, {C: 3, H: 5, W: 9}} {
				if kind == autoencoder && in.H%4 != 0 {
					continue // TestErrors has that
				}
				spec, err := Energy(Config{Kind: kind, HiddenFeatures: h}, in)
				if err != nil {
					t.Errorf("%s of %d features on %v: %v", kind, h, in, err)
					continue
				}
				if views, _ := spec.Parameters(); !spec.IsEnergy() || spec.Input != in || len(views) == 0 || spec.Prefix == "" {
					t.Errorf("%s of %d features on %v: %+v", kind, h, in, spec)
				}
			}
		}
	}
}

func parameters(t *testing.T, spec nn.Spec) int {
	t.Helper()
	n, err := nn.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return len(n.Params())
}

func TestParameters(t *testing.T) {
	if n := parameters(t, CNN(32, digits)); n != 76993 {
		t.Errorf("the cnn has %d parameters", n)
	}
	if n := parameters(t, MLP(32, digits)); n != 267009 {
		t.Errorf("the mlp has %d parameters", n)
	}
	if err := MLP(1024, digits).Validate(); err != nil {
		t.Errorf("the widest mlp: %v", err)
	}
	if n := parameters(t, Classifier(32, 128, 10, digits)); n != 356746 {
		t.Errorf("the classifier has %d parameters", n)
	}
}

// No kind is the first, and layers stand in place of kind and width.
func TestEnergy(t *testing.T) {
	for _, kind := range []string{"", "cnn"} {
		spec, err := Energy(Config{Kind: kind, HiddenFeatures: 8}, digits)
		if err != nil || !reflect.DeepEqual(spec, CNN(8, digits)) {
			t.Errorf("kind %q: %+v, %v", kind, spec, err)
		}
	}
	var layers Layers
	if err := layers.SetTexts([]string{"conv2d 8 kernel=5 stride=2 padding=2", "silu", "flatten", "linear 1"}); err != nil {
		t.Fatal(err)
	}
	spec, err := Energy(Config{Kind: "cnn", HiddenFeatures: 7, Layers: layers}, digits)
	want := nn.Spec{Input: digits, Prefix: "layers", Layers: []nn.LayerSpec{nn.Conv2D(8, 5, 2, 2), nn.SiLU(), nn.Flatten(), nn.Linear(1)}}
	if err != nil || !reflect.DeepEqual(spec, want) {
		t.Errorf("%+v, %v, want %+v", spec, err, want)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		Config
		key, problem, hint string
	}{
		{Config{Kind: "cnm", HiddenFeatures: 8}, "kind", `"cnm" is not one of cnn, mlp, autoencoder, autoencoder_mlp`, ""},
		{Config{HiddenFeatures: 1}, "hidden_features", "1 is not within 2 to 1024", ""},
		{Config{HiddenFeatures: 1025}, "hidden_features", "1025 is not within 2 to 1024", ""},
		{Config{Kind: "cnn", HiddenFeatures: 7}, "hidden_features", "7 is odd", "choose an even number"},
		{Config{Layers: Layers{nn.Linear(1)}}, "layers", "layer 0 (`linear 1`): wants a flatten before it", "an image of 1×28×28"},
		{Config{Layers: Layers{nn.Flatten(), nn.Linear(2)}}, "layers", "layer 1 (`linear 2`): the last layer gives 2×1×1 values", "linear 1"},
		{Config{Layers: Layers{nn.SiLU()}}, "layers", "layer 0 (`silu`): the last layer gives 1×28×28 values", "linear 1"},
		{Config{Layers: Layers{nn.Conv2D(8, 40, 1, 0)}}, "layers", "layer 0 (`conv2d 8 kernel=40`): kernel 40 is larger than the padded image of 28×28", "an image of 1×28×28"},
		{Config{Kind: "autoencoder", HiddenFeatures: 4}, "kind", "images are of 28×30", "image.height"},
		{Config{Layers: Layers{nn.Flatten(), nn.Linear(1)}, Code: 1}, "code", "1 is no layer before the last of 2", "count from 0"},
		{Config{Layers: make(Layers, 257)}, "layers", "257 layers, want 1 to 256", ""},
	} {
		in := digits
		if c.Kind == autoencoder {
			in.W += 2
		}
		_, err := Energy(c.Config, in)
		var e *setting.Error
		if !errors.As(err, &e) || e.Key != c.key || !strings.HasPrefix(e.Problem, c.problem) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%+v: error %v, want %s: %s", c.Config, err, c.key, c.problem)
		}
	}
	_, err := Energy(Config{Layers: Layers{nn.SiLU()}}, lane.Shape{C: 1, H: 1, W: 1})
	var e *setting.Error
	if !errors.As(err, &e) || e.Key != "layers" || !strings.Contains(e.Problem, "nothing to train") {
		t.Errorf("an energy without weights: error %v", err)
	}
}

var _ setting.Texts = new(Layers)

func TestTexts(t *testing.T) {
	items := []string{"conv2d 16 kernel=5 stride=2 padding=4", "silu", "flatten", "linear 1"}
	var l Layers
	if err := l.SetTexts(items); err != nil {
		t.Fatal(err)
	}
	if got := l.Texts(); !slices.Equal(got, items) {
		t.Errorf("%q became %q", items, got)
	}
	err := l.SetTexts([]string{"silu", "conv2d x"})
	var e *setting.Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Problem, "layer 1 (`conv2d x`): out `x` is not a whole number") || !strings.HasPrefix(e.Hint, "write conv2d OUT") {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(l.Texts(), items) {
		t.Error("an error changed the layers")
	}
	if err := l.SetTexts(nil); err != nil || len(l) != 0 {
		t.Errorf("no layers: %v, %v", l, err)
	}
}
