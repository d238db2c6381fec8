package arch

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// Classifier returns a network for images of the given shape with two outputs,
// [nn.LogitsOutput] and [nn.FeaturesOutput]: three convolutions of stride 2 with
// width, 2·width and 4·width channels and a linear layer to the features, SiLU
// after each, and a linear layer to the classes. With width 32, 128 features and
// ten classes, it has 356,746 parameters on 1×28×28 images.
func Classifier(width, features, classes int, input lane.Shape) nn.Spec {
	return nn.Spec{Input: input, Prefix: "layers", Layers: []nn.LayerSpec{
		nn.Conv2D(width, 5, 2, 2), nn.SiLU(),
		nn.Conv2D(2*width, 3, 2, 1), nn.SiLU(),
		nn.Conv2D(4*width, 3, 2, 1), nn.SiLU(),
		nn.Flatten(),
		nn.Linear(features), nn.SiLU(),
		nn.Linear(classes),
	}, Outputs: []nn.Output{{Name: nn.LogitsOutput, Layer: 9}, {Name: nn.FeaturesOutput, Layer: 8}}}
}
