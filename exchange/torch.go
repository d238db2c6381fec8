package exchange

import (
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
// layers of Joule that go from features to pixels or back without a flatten,
// and types that are not known here.
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
		case nn.SiLUType:
			lines = append(lines, "nn.SiLU()")
		case nn.ReLUType:
			lines = append(lines, "nn.ReLU()")
		case nn.FlattenType:
			lines = append(lines, "nn.Flatten()")
			flat = true
		default:
			return nil
		}
	}
	if !flat {
		return nil
	}
	return lines
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
