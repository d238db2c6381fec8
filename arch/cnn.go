package arch

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// CNN returns the network of the default recipe for images of the given shape:
// four convolutions with hiddenFeatures/2, ·1, ·2 and ·2 channels and two linear
// layers, SiLU between. With 32 features and 1×28×28 images it has 76,993
// parameters.
func CNN(hiddenFeatures int, input lane.Shape) nn.Spec {
	h := hiddenFeatures
	return nn.Spec{Input: input, Prefix: "cnn_layers", Layers: []nn.LayerSpec{
		nn.Conv2D(h/2, 5, 2, 4), nn.SiLU(),
		nn.Conv2D(h, 3, 2, 1), nn.SiLU(),
		nn.Conv2D(2*h, 3, 2, 1), nn.SiLU(),
		nn.Conv2D(2*h, 3, 2, 1), nn.SiLU(),
		nn.Flatten(),
		nn.Linear(2 * h), nn.SiLU(),
		nn.Linear(1),
	}}
}
