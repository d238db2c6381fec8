package arch

import (
	"fmt"
	"strings"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// GeneratorConfig chooses the network of a generator, which makes images of vectors
// z.
type GeneratorConfig struct {
	Kind           string `yaml:"kind"` // one of GeneratorKinds
	HiddenFeatures int    `yaml:"hidden_features"`
	Code           int    `yaml:"code"` // the length of z
	// Layers, where there are any, are the network, in place of Kind and
	// HiddenFeatures.
	Layers Layers `yaml:"layers"`
}

// The kinds of generators.
const (
	ConvGenerator = "cnn"
	MLPGenerator  = "mlp"
)

// GeneratorKinds lists the names that a generator's network may have.
func GeneratorKinds() []string { return []string{ConvGenerator, MLPGenerator} }

// Settings lists the keys of c.
func (c *GeneratorConfig) Settings() setting.List {
	return setting.List{
		{Key: "kind", Value: &c.Kind, Names: GeneratorKinds(), About: "cnn is a linear layer and two transposed convolutions; mlp is five linear layers"},
		{Key: "hidden_features", Value: &c.HiddenFeatures, Lo: 2, Hi: 1024, About: "width of the generator"},
		{Key: "code", Value: &c.Code, Lo: 1, Hi: 4096, About: "length of z, which the generator makes an image of"},
		{Key: "layers", Value: &c.Layers, About: "in place of kind, layer by layer, from z to an image"},
	}
}

// Validate reports, as a [*setting.Error], what is wrong whatever images the
// network makes.
func (c GeneratorConfig) Validate() error {
	return c.Settings().Check()
}

// Generator returns the network that makes images of a shape, with the one output
// [nn.ImageOutput]. Its input is z, as code channels of one pixel. What does not suit
// is a [*setting.Error].
func Generator(c GeneratorConfig, image lane.Shape) (nn.Spec, error) {
	if err := c.Validate(); err != nil {
		return nn.Spec{}, err
	}
	s := nn.Spec{Input: lane.Shape{C: c.Code, H: 1, W: 1}, Prefix: "generator"}
	key := "layers"
	switch {
	case len(c.Layers) > 0:
		s.Layers = c.Layers
	case c.Kind == MLPGenerator:
		key, s.Layers = "kind", mlpGenerator(c.HiddenFeatures, image)
	default:
		key, s.Layers = "kind", convGenerator(c.HiddenFeatures, image)
		if err := quarters(image); err != nil {
			return s, err
		}
	}
	s.Outputs = []nn.Output{{Name: nn.ImageOutput, Layer: len(s.Layers) - 1}}
	shapes, err := s.OutputShapes()
	if err != nil {
		return s, &setting.Error{Key: key, Problem: strings.TrimPrefix(err.Error(), "nn: "), Hint: fmt.Sprintf("z comes in as generator.code = %d channels of one pixel, and an image of %s has to come out", c.Code, size(image))}
	}
	if out := shapes[0]; out != image {
		return s, &setting.Error{Key: key, Problem: fmt.Sprintf("makes images of %s, and those of the data are %s", size(out), size(image)),
			Hint: fmt.Sprintf("end in layers that give %s, such as linear %d and reshape %d height=%d width=%d", size(image), image.Len(), image.C, image.H, image.W)}
	}
	if weights, _ := s.Parameters(); len(weights) == 0 {
		return s, &setting.Error{Key: key, Problem: "no layer has weights, so there is nothing to train", Hint: "add one, such as linear 64"}
	}
	return s, nil
}

func size(s lane.Shape) string { return fmt.Sprintf("%d×%d×%d", s.C, s.H, s.W) }

// quarters reports images that layers which halve twice do not suit.
func quarters(image lane.Shape) error {
	if image.H%4 != 0 || image.W%4 != 0 {
		return &setting.Error{Key: "kind", Problem: fmt.Sprintf("images are of %d×%d, and height and width have to be multiples of 4", image.H, image.W),
			Hint: "take the kind of linear layers, or images of another size by image.height and image.width"}
	}
	return nil
}

// convGenerator is [upwards] behind z, with a tanh for pixels from −1 to 1. Where the
// paper has batch norm, it has group norm.
func convGenerator(h int, image lane.Shape) []nn.LayerSpec {
	return append(upwards(h, image), nn.Tanh())
}

// mlpGenerator has four linear layers of 8·h units with group norm and ReLU, and one
// to the pixels. With 100 hidden features it is the best of the paper's grid, which has
// batch norm.
func mlpGenerator(h int, image lane.Shape) []nn.LayerSpec {
	var layers []nn.LayerSpec
	for range 4 {
		layers = append(layers, nn.Linear(8*h), nn.GroupNorm(1), nn.ReLU())
	}
	return append(layers, nn.Linear(image.Len()), nn.Tanh(), nn.Reshape(image.C, image.H, image.W))
}
