// Package arch has networks by name: those of an energy and of a generator, which
// settings choose from ([Config], [Energy], [GeneratorConfig], [Generator]), and a
// classifier's ([Classifier]).
//
// A new network of an energy is a function that returns its nn.Spec and a row
// in kinds.
package arch

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// kinds are the networks of an energy that have a name, the default first.
var kinds = []kind{
	{"cnn", true, CNN},
	{"mlp", false, MLP},
	{autoencoder, false, Autoencoder},
	{"autoencoder_mlp", false, AutoencoderMLP},
}

// autoencoder is the kind that asks for images of certain sizes.
const autoencoder = "autoencoder"

type kind struct {
	name string
	even bool // halves the number of hidden features
	spec func(hiddenFeatures int, input lane.Shape) nn.Spec
}

// Kinds lists the names that a network may have.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Config chooses the network of an energy.
type Config struct {
	Kind           string `yaml:"kind"` // one of Kinds; "" is the first
	HiddenFeatures int    `yaml:"hidden_features"`
	// Layers, where there are any, are the network, in place of Kind and
	// HiddenFeatures.
	Layers Layers `yaml:"layers"`
	// Code, where it is not 0, is the layer of Layers whose output is the code
	// of an autoencoder. Kinds that have a code know it.
	Code int `yaml:"code"`
}

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	return setting.List{
		{Key: "kind", Value: &c.Kind, Names: Kinds(), About: "cnn and mlp end in a linear layer; an autoencoder's energy is its error"},
		{Key: "hidden_features", Value: &c.HiddenFeatures, Lo: 2, Hi: 1024, About: "width of the network, even"},
		{Key: "layers", Value: &c.Layers, About: "in place of kind, layer by layer; docs/layers.md has all types"},
		{Key: "code", Value: &c.Code, Hi: 255, About: "layer of network.layers, from 0, with an autoencoder's code; 0: none"},
	}
}

// Validate reports, as a [*setting.Error], what is wrong whatever images the
// network is for.
func (c Config) Validate() error {
	if len(c.Layers) > 0 {
		return nil
	}
	c.Kind = cmp.Or(c.Kind, kinds[0].name)
	if err := c.Settings().Check(); err != nil {
		return err
	}
	if h := c.HiddenFeatures; c.kind().even && h%2 != 0 {
		return &setting.Error{Key: "hidden_features", Problem: fmt.Sprintf("%d is odd", h), Hint: "the first layer has half as many channels: choose an even number"}
	}
	return nil
}

// kind returns the row of c's kind, which is one.
func (c Config) kind() kind {
	return kinds[max(0, slices.Index(Kinds(), c.Kind))]
}

// Energy returns the network for images of the given shape. It gives one value
// and has weights. Where the settings do not allow that the error is a
// [*setting.Error]; where the images do not suit the network it comes from
// package nn.
func Energy(c Config, input lane.Shape) (nn.Spec, error) {
	if err := c.Validate(); err != nil {
		return nn.Spec{}, err
	}
	if len(c.Layers) > 0 {
		return c.layers(input)
	}
	if c.Kind == autoencoder {
		if err := quarters(input); err != nil {
			return nn.Spec{}, err
		}
	}
	spec := c.kind().spec(c.HiddenFeatures, input)
	return spec, spec.Validate()
}
