package nn

import (
	"fmt"

	"github.com/joule-ml/joule/lane"
)

// Bounds on what a Spec may ask for: they keep a hostile model file from
// asking for more memory than any network of images needs.
const (
	maxLayers = 256
	maxSide   = 4096
	maxStride = 64
	maxLen    = 1 << 22 // values in one image and all its activations
	maxWeight = 1 << 26 // weights of a layer
	maxRate   = 0.99    // of a dropout
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
	// none, the network is an energy: its last layer gives one value. An energy
	// with further outputs, such as a code, lists its own first.
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
	EnergyOutput   = "energy"   // that of a Spec without Outputs, and the first of an energy with others
	LogitsOutput   = "logits"   // log-probabilities of the classes, up to a constant
	FeaturesOutput = "features" // what a classifier tells the classes by
	CodeOutput     = "code"     // what an autoencoder makes of an image
	ImageOutput    = "image"    // what a generator makes of a vector
)

// IsEnergy says whether the network is an energy: one value of its last layer.
func (s Spec) IsEnergy() bool { return len(s.Outputs) == 0 || s.Outputs[0].Name == EnergyOutput }

// A LayerSpec describes a layer. Each type has fields of its own; the others
// are zero. Its JSON is part of every model's file and hash: a new field comes
// last and is left out where it is zero.
type LayerSpec struct {
	Type    string
	Out     int `json:",omitempty"` // output channels or features
	Kernel  int `json:",omitempty"` // side of the square kernel
	Stride  int `json:",omitempty"`
	Padding int `json:",omitempty"` // zeros around the image

	Slope         float64 `json:",omitempty"` // of a LeakyReLU below 0
	OutputPadding int     `json:",omitempty"` // rows and columns added to what a transposed convolution gives
	Factor        int     `json:",omitempty"` // of an upsampling
	Height        int     `json:",omitempty"` // of a reshape, with Out as its channels
	Width         int     `json:",omitempty"`
	Rate          float64 `json:",omitempty"` // of a dropout
	Groups        int     `json:",omitempty"` // of a group norm
	Over          int     `json:",omitempty"` // layers that a residual goes around
	Power         int     `json:",omitempty"` // of a distance
}

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
	layers, in := make([]layer, len(s.Layers)), input{Shape: s.Input}
	total := in.Len()
	before := []input{in}
	for i, spec := range s.Layers {
		in.before = before
		l, err := spec.layer(in)
		if err != nil {
			return nil, fmt.Errorf("nn: layer %d (%s): %w", i, quote(spec.String()), err)
		}
		if layers[i] = l; l != nil {
			in.Shape = l.Out()
		}
		in.flat = (in.flat || spec.Type == FlattenType) && spec.Type != ReshapeType
		before = append(before, input{Shape: in.Shape, flat: in.flat})
		if total += in.Len(); total > maxLen {
			return nil, fmt.Errorf("nn: layer %d (%s): takes the activations of an image beyond %d values", i, quote(spec.String()), maxLen)
		}
	}
	if last := len(s.Layers) - 1; s.IsEnergy() && in.Len() != 1 {
		return nil, fmt.Errorf("nn: layer %d (%s): the last layer gives %d×%d×%d values, an energy is one", last, quote(s.Layers[last].String()), in.C, in.H, in.W)
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
		case o.Name == "" || o.Name == EnergyOutput && (i > 0 || len(s.Outputs) == 1):
			return fail("is no name for it; an energy has no outputs, or itself as the first of several")
		case o.Layer < 0 || o.Layer >= len(layers):
			return fail("there is no layer %d", o.Layer)
		case o.Name == EnergyOutput && o.Layer != len(layers)-1:
			return fail("is layer %d, an energy is the last one", o.Layer)
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
