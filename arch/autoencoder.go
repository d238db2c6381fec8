package arch

import (
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// Autoencoder returns an energy D(x) = ‖Dec(Enc(x)) − x‖ (Zhao, Mathieu and LeCun
// 2016, arXiv:1609.03126) for images whose height and width are multiples of four:
// two convolutions of stride 2 with hiddenFeatures and 2·hiddenFeatures channels and
// a linear layer to the code, of 2·hiddenFeatures values; a linear layer and two
// transposed convolutions back. The code is its output [nn.CodeOutput].
//
// Where the paper has batch norm there is group norm: no image may depend on the
// others of its batch.
func Autoencoder(hiddenFeatures int, input lane.Shape) nn.Spec {
	h := hiddenFeatures
	layers := []nn.LayerSpec{
		nn.Conv2D(h, 4, 2, 1), nn.LeakyReLU(slope),
		nn.Conv2D(2*h, 4, 2, 1), nn.GroupNorm(groups(2 * h)), nn.LeakyReLU(slope),
		nn.Flatten(), nn.Linear(2 * h),
	}
	code := len(layers) - 1
	layers = append(layers, upwards(h, input)...)
	layers = append(layers, nn.Distance(1))
	return withCode(nn.Spec{Input: input, Prefix: "autoencoder", Layers: layers}, code)
}

// AutoencoderMLP is [Autoencoder] of linear layers alone, for images of any shape:
// one to the code, of 8·hiddenFeatures values behind a ReLU, and one back. With 128
// hidden features and 1×28×28 images it is the best of the paper's grid.
func AutoencoderMLP(hiddenFeatures int, input lane.Shape) nn.Spec {
	return withCode(nn.Spec{Input: input, Prefix: "autoencoder", Layers: []nn.LayerSpec{
		nn.Flatten(), nn.Linear(8 * hiddenFeatures), nn.ReLU(),
		nn.Linear(input.Len()), nn.Reshape(input.C, input.H, input.W), nn.Distance(1),
	}}, 2)
}

// withCode adds the outputs to an energy whose code comes from a layer.
func withCode(s nn.Spec, code int) nn.Spec {
	s.Outputs = []nn.Output{{Name: nn.EnergyOutput, Layer: len(s.Layers) - 1}, {Name: nn.CodeOutput, Layer: code}}
	return s
}

// slope is that of the paper's LeakyReLU below 0.
const slope = 0.2

// upwards returns the layers from a vector to an image without its bounds: a linear
// layer to 2·h channels of a quarter of the height and width, and two transposed
// convolutions.
func upwards(h int, image lane.Shape) []nn.LayerSpec {
	rows, columns := image.H/4, image.W/4
	return []nn.LayerSpec{
		nn.Linear(2 * h * rows * columns), nn.Reshape(2*h, rows, columns), nn.GroupNorm(groups(2 * h)), nn.ReLU(),
		nn.ConvTranspose2D(h, 4, 2, 1, 0), nn.GroupNorm(groups(h)), nn.ReLU(),
		nn.ConvTranspose2D(image.C, 4, 2, 1, 0),
	}
}

// groups is the number of groups that an even number of channels is normed in: up
// to eight, of two channels or more.
func groups(channels int) int {
	g := 8
	for g > 1 && (channels%g != 0 || channels/g < 2) {
		g /= 2
	}
	return g
}
