package exchange

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/nn"
)

// identifier matches names of attributes in Python.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// torchLayers writes a network as the arguments of PyTorch's Sequential. It
// returns nil for one that a Sequential of the spec's name does not compute:
// layers of Joule that go from features to pixels or back without a flatten or
// a reshape, those that read more than the layer before them, and types that are not
// known here.
func torchLayers(spec nn.Spec) []string {
	parameters, err := spec.Parameters()
	if err != nil || !identifier.MatchString(spec.Prefix) {
		return nil
	}
	var lines []string
	flat := false
	for _, l := range spec.Layers {
		switch l.Type {
		case nn.Conv2DType:
			if flat {
				return nil
			}
			lines = append(lines, fmt.Sprintf("nn.Conv2d(%d, %d, kernel_size=%d, stride=%d, padding=%d)", parameters[0].Shape[1], l.Out, l.Kernel, l.Stride, l.Padding))
			parameters = parameters[2:]
		case nn.LinearType:
			if !flat {
				return nil
			}
			lines = append(lines, fmt.Sprintf("nn.Linear(%d, %d)", parameters[0].Shape[1], l.Out))
			parameters = parameters[2:]
		case nn.ConvTranspose2DType:
			if flat {
				return nil
			}
			lines = append(lines, fmt.Sprintf("nn.ConvTranspose2d(%d, %d, kernel_size=%d, stride=%d, padding=%d, output_padding=%d)", parameters[0].Shape[0], l.Out, l.Kernel, l.Stride, l.Padding, l.OutputPadding))
			parameters = parameters[2:]
		case nn.GroupNormType:
			lines = append(lines, fmt.Sprintf("nn.GroupNorm(%d, %d)", l.Groups, parameters[0].Shape[0]))
			parameters = parameters[2:]
		case nn.FlattenType:
			lines = append(lines, "nn.Flatten()")
			flat = true
		case nn.ReshapeType:
			if !flat {
				return nil
			}
			lines = append(lines, fmt.Sprintf("nn.Unflatten(1, (%d, %d, %d))", l.Out, l.Height, l.Width))
			flat = false
		default:
			line := torchLayer(l)
			if line == "" {
				return nil
			}
			lines = append(lines, line)
		}
	}
	if !flat {
		return nil
	}
	return lines
}

// torchLayer writes a layer without weights that does not care for shapes, "" for
// another one.
func torchLayer(l nn.LayerSpec) string {
	switch l.Type {
	case nn.SiLUType:
		return "nn.SiLU()"
	case nn.ReLUType:
		return "nn.ReLU()"
	case nn.LeakyReLUType:
		return fmt.Sprintf("nn.LeakyReLU(%v)", l.Slope)
	case nn.TanhType:
		return "nn.Tanh()"
	case nn.SigmoidType:
		return "nn.Sigmoid()"
	case nn.DropoutType:
		return fmt.Sprintf("nn.Dropout(%v)", l.Rate)
	case nn.UpsampleType:
		return fmt.Sprintf("nn.Upsample(scale_factor=%d)", l.Factor)
	case nn.AvgPool2DType:
		return fmt.Sprintf("nn.AvgPool2d(%d, stride=%d)", l.Kernel, cmp.Or(l.Stride, l.Kernel))
	}
	return ""
}

// hiddenFeatures returns the width of a cnn, 0 for another network.
func hiddenFeatures(spec nn.Spec) int {
	if len(spec.Layers) < 3 {
		return 0
	}
	if h := spec.Layers[2].Out; reflect.DeepEqual(spec, arch.CNN(h, spec.Input)) {
		return h
	}
	return 0
}
