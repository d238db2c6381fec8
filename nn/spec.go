package nn

import (
	"fmt"

	"github.com/joule-ml/joule/lane"
)

// The types of layers.
const (
	Conv2DType  = "conv2d"
	LinearType  = "linear"
	SiLUType    = "silu"
	FlattenType = "flatten"
)

// Bounds on what a Spec may ask for: they keep a hostile model file from
// asking for more memory than any network of images needs.
const (
	maxLayers = 256
	maxSide   = 4096
	maxStride = 64
	maxLen    = 1 << 22 // values in one image and all its activations
	maxWeight = 1 << 26 // weights of a layer
)

// A Spec describes a network: layers applied one after another to images of
// shape Input. It holds no weights. Sizes in between follow from Input.
type Spec struct {
	Input lane.Shape
	// Prefix begins the parameters' names: layer i of a PyTorch Sequential
	// called p has p.i.weight and p.i.bias.
	Prefix string
	Layers []LayerSpec
	// Outputs names the layers whose outputs are asked for. Where there are
	// none, the network is an energy: its last layer gives one value.
	Outputs []Output `json:",omitempty"`
}

// An Output is the value of a layer under a name, such as a classifier's
// logits and its features.
type Output struct {
	Name  string
	Layer int // its index in Layers
}

// The names of outputs.
const (
	EnergyOutput   = "energy"   // that of a Spec without Outputs
	LogitsOutput   = "logits"   // log-probabilities of the classes, up to a constant
	FeaturesOutput = "features" // what a classifier tells the classes by
)

// IsEnergy says whether the network is an energy: one value of its last layer.
func (s Spec) IsEnergy() bool { return len(s.Outputs) == 0 }

// A LayerSpec describes a layer. Conv2D has all fields, Linear has Out alone,
// SiLU and Flatten have none.
type LayerSpec struct {
	Type    string
	Out     int `json:",omitempty"` // output channels or features
	Kernel  int `json:",omitempty"` // side of the square kernel
	Stride  int `json:",omitempty"`
	Padding int `json:",omitempty"` // zeros around the image
}

// Conv2D describes a convolution with a square kernel and a bias.
func Conv2D(out, kernel, stride, padding int) LayerSpec {
	return LayerSpec{Type: Conv2DType, Out: out, Kernel: kernel, Stride: stride, Padding: padding}
}

// Linear describes a fully connected layer with a bias.
func Linear(out int) LayerSpec { return LayerSpec{Type: LinearType, Out: out} }

// SiLU describes the activation x·σ(x).
func SiLU() LayerSpec { return LayerSpec{Type: SiLUType} }

// Flatten describes the step from an image to a vector, channel by channel.
func Flatten() LayerSpec { return LayerSpec{Type: FlattenType} }

// Validate reports whether the network can be built, naming the first layer
// that cannot.
func (s Spec) Validate() error {
	_, err := s.build()
	return err
}

// build makes the layers, without memory for parameters.
func (s Spec) build() ([]layer, error) {
	if s.Input.C < 1 || s.Input.H < 1 || s.Input.W < 1 || s.Input.C > maxSide || s.Input.H > maxSide || s.Input.W > maxSide || s.Input.Len() > maxLen {
		return nil, fmt.Errorf("nn: input shape %d×%d×%d is out of range", s.Input.C, s.Input.H, s.Input.W)
	}
	if len(s.Layers) == 0 || len(s.Layers) > maxLayers {
		return nil, fmt.Errorf("nn: %d layers, want 1 to %d", len(s.Layers), maxLayers)
	}
	layers := make([]layer, len(s.Layers))
	shape, flat := s.Input, false
	total := shape.Len()
	for i, l := range s.Layers {
		fail := func(format string, a ...any) error {
			return fmt.Errorf("nn: layer %d (%s): %s", i, l.Type, fmt.Sprintf(format, a...))
		}
		switch l.Type {
		case Conv2DType:
			if flat {
				return nil, fail("cannot follow a flatten")
			}
			if l.Out < 1 || l.Out > maxSide || l.Kernel < 1 || l.Kernel > maxSide || l.Stride < 1 || l.Stride > maxStride || l.Padding < 0 || l.Padding > maxSide {
				return nil, fail("out %d, kernel %d, stride %d or padding %d is out of range", l.Out, l.Kernel, l.Stride, l.Padding)
			}
			if l.Kernel > shape.H+2*l.Padding || l.Kernel > shape.W+2*l.Padding {
				return nil, fail("kernel %d is larger than the padded image of %d×%d", l.Kernel, shape.H+2*l.Padding, shape.W+2*l.Padding)
			}
			c := newConv(shape, l.Out, l.Kernel, l.Kernel, l.Stride, l.Padding)
			if c.weights() > maxWeight {
				return nil, fail("%d weights are out of range", c.weights())
			}
			layers[i], shape = c, c.out
		case LinearType:
			if shape.H*shape.W > 1 && !flat {
				return nil, fail("wants a flatten before it, the input is %d×%d×%d", shape.C, shape.H, shape.W)
			}
			if l.Out < 1 || l.Out > maxSide*16 || l.Out*shape.Len() > maxWeight {
				return nil, fail("out %d is out of range", l.Out)
			}
			// A fully connected layer is a convolution whose kernel is
			// the whole image: the same weights in the same order.
			c := newConv(shape, l.Out, shape.H, shape.W, 1, 0)
			c.flat = true
			layers[i], shape = c, c.out
		case SiLUType:
			layers[i] = silu{shape}
		case FlattenType:
			// The block stays as it is: Linear reads it in its own order.
			flat = true
		default:
			return nil, fail("unknown type; the types are %s, %s, %s and %s", Conv2DType, LinearType, SiLUType, FlattenType)
		}
		if total += shape.Len(); total > maxLen {
			return nil, fail("takes the activations of an image beyond %d values", maxLen)
		}
	}
	if s.IsEnergy() && shape.Len() != 1 {
		return nil, fmt.Errorf("nn: the last layer gives %d×%d×%d values, an energy is one", shape.C, shape.H, shape.W)
	}
	return layers, s.checkOutputs(layers)
}

// checkOutputs reports outputs that cannot be told apart or are none.
func (s Spec) checkOutputs(layers []layer) error {
	if len(s.Outputs) > len(layers) {
		return fmt.Errorf("nn: %d outputs of %d layers", len(s.Outputs), len(layers))
	}
	for i, o := range s.Outputs {
		fail := func(format string, a ...any) error {
			return fmt.Errorf("nn: output %d (%.40q): %s", i, o.Name, fmt.Sprintf(format, a...))
		}
		switch {
		case o.Name == "" || o.Name == EnergyOutput:
			return fail("is no name for it; an energy is a network without outputs")
		case o.Layer < 0 || o.Layer >= len(layers):
			return fail("there is no layer %d", o.Layer)
		case home(layers, o.Layer) < 0:
			return fail("layer %d gives the image as it is", o.Layer)
		}
		for _, other := range s.Outputs[:i] {
			if other.Name == o.Name {
				return fail("another has this name")
			}
		}
	}
	return nil
}
