package arch

import (
	"errors"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// Every kind of generator makes images, gray and colour, at the smallest and a usual
// width, of short and long codes.
func TestGeneratorKinds(t *testing.T) {
	for _, kind := range GeneratorKinds() {
		for _, c := range []GeneratorConfig{{Kind: kind, HiddenFeatures: 2, Code: 1}, {Kind: kind, HiddenFeatures: 32, Code: 100}} {
			for _, image := range []lane.Shape{digits, {C: 3, H: 32, W: 32}, {C: 1, H: 4, W: 8}} {
				spec, err := Generator(c, image)
				if err != nil {
					t.Errorf("%+v of %v: %v", c, image, err)
					continue
				}
				if shapes, _ := spec.OutputShapes(); spec.Input.Len() != c.Code || shapes[0] != image || spec.IsEnergy() {
					t.Errorf("%+v of %v: %+v", c, image, spec)
				}
			}
		}
	}
	if n := parameters(t, must(Generator(GeneratorConfig{Kind: MLPGenerator, HiddenFeatures: 100, Code: 100}, digits))); n != 100*800+3*800*800+800*784+4*3*800+784 {
		t.Errorf("the paper's has %d parameters", n)
	}
}

func must(s nn.Spec, err error) nn.Spec {
	if err != nil {
		panic(err)
	}
	return s
}

func TestCodes(t *testing.T) {
	for kind, want := range map[string]lane.Shape{"autoencoder": {C: 64, H: 1, W: 1}, "autoencoder_mlp": {C: 256, H: 1, W: 1}} {
		shapes, err := must(Energy(Config{Kind: kind, HiddenFeatures: 32}, digits)).OutputShapes()
		if err != nil || len(shapes) != 2 || shapes[1] != want {
			t.Errorf("%s has outputs of %v, %v", kind, shapes, err)
		}
	}
	spec := must(Energy(Config{Layers: Layers{nn.Flatten(), nn.Linear(3), nn.Linear(1)}, Code: 1}, digits))
	if shapes, err := spec.OutputShapes(); err != nil || !spec.IsEnergy() || len(shapes) != 2 || shapes[1].Len() != 3 {
		t.Errorf("a code of a network that is written out: %v, %v", shapes, err)
	}
}

func TestGeneratorErrors(t *testing.T) {
	for _, c := range []struct {
		GeneratorConfig
		image              lane.Shape
		key, problem, hint string
	}{
		{GeneratorConfig{Kind: "gnn", HiddenFeatures: 8, Code: 3}, digits, "kind", `"gnn" is not one of cnn, mlp`, ""},
		{GeneratorConfig{Kind: "cnn", HiddenFeatures: 8}, digits, "code", "0 is not within 1 to 4096", ""},
		{GeneratorConfig{Kind: "cnn", HiddenFeatures: 8, Code: 3}, lane.Shape{C: 1, H: 28, W: 30}, "kind", "images are of 28×30", "image.height"},
		{GeneratorConfig{Kind: "cnn", HiddenFeatures: 8, Code: 3, Layers: Layers{nn.Flatten(), nn.Linear(784)}}, digits, "layers", "makes images of 784×1×1, and those of the data are 1×28×28", "reshape 1 height=28 width=28"},
		{GeneratorConfig{Kind: "cnn", HiddenFeatures: 8, Code: 3, Layers: Layers{nn.Conv2D(1, 40, 1, 0)}}, digits, "layers", "layer 0 (`conv2d 1 kernel=40`)", "generator.code = 3"},
		{GeneratorConfig{Kind: "cnn", HiddenFeatures: 8, Code: 784, Layers: Layers{nn.Reshape(1, 28, 28)}}, digits, "layers", "no layer has weights", "linear 64"},
	} {
		_, err := Generator(c.GeneratorConfig, c.image)
		var e *setting.Error
		if !errors.As(err, &e) || e.Key != c.key || !strings.HasPrefix(e.Problem, c.problem) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%+v: error %v, want %s: %s", c.GeneratorConfig, err, c.key, c.problem)
		}
	}
}
