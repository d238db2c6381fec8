package arch

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// MLP returns a multilayer perceptron for images of the given shape: two linear
// layers of 8·hiddenFeatures units with SiLU behind them and a linear layer to
// the energy. It knows nothing of neighbours in the image, which makes it a
// measure of what convolutions are worth. With 32 features and 1×28×28 images
// it has 267,009 parameters.
func MLP(hiddenFeatures int, input lane.Shape) nn.Spec {
	units := 8 * hiddenFeatures
	return nn.Spec{Input: input, Prefix: "layers", Layers: []nn.LayerSpec{
		nn.Flatten(),
		nn.Linear(units), nn.SiLU(),
		nn.Linear(units), nn.SiLU(),
		nn.Linear(1),
	}}
}
