package arch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// Layers is a network written out.
type Layers []nn.LayerSpec

// Texts returns each layer as [nn.ParseLayer] reads it.
func (l Layers) Texts() []string {
	texts := make([]string, len(l))
	for i, layer := range l {
		texts[i] = layer.String()
	}
	return texts
}

// String returns the layers in one line, as the settings are printed.
func (l Layers) String() string { return "[" + strings.Join(l.Texts(), ", ") + "]" }

// SetTexts reads the layers. Where a text is not a layer, the error is a
// [*setting.Error] that names the first such text and its number, counted from
// 0 as in the names of weights, and l stays as it was.
func (l *Layers) SetTexts(items []string) error {
	var next Layers
	for i, text := range items {
		layer, err := nn.ParseLayer(text)
		var e *nn.LayerError
		if errors.As(err, &e) {
			return &setting.Error{Problem: fmt.Sprintf("layer %d (`%s`): %s", i, e.Text, e.Problem), Hint: e.Want}
		}
		next = append(next, layer)
	}
	*l = next
	return nil
}

// layers returns the energy that c.Layers are for images of a shape.
func (c Config) layers(input lane.Shape) (nn.Spec, error) {
	spec := nn.Spec{Input: input, Prefix: "layers", Layers: c.Layers}
	if c.Code >= len(c.Layers)-1 && c.Code > 0 {
		return spec, &setting.Error{Key: "code", Problem: fmt.Sprintf("%d is no layer before the last of %d", c.Code, len(c.Layers)), Hint: "layers count from 0, and the last one gives the energy"}
	}
	if c.Code > 0 {
		spec = withCode(spec, c.Code)
	}
	weights, err := spec.Parameters()
	if err != nil {
		hint := fmt.Sprintf("the layers have to turn an image of %d×%d×%d into one value, for example by flatten and linear 1 at the end", input.C, input.H, input.W)
		return spec, &setting.Error{Key: "layers", Problem: strings.TrimPrefix(err.Error(), "nn: "), Hint: hint}
	}
	if len(weights) == 0 {
		return spec, &setting.Error{Key: "layers", Problem: "no layer has weights, so there is nothing to train", Hint: "add one, such as linear 1 behind a flatten"}
	}
	return spec, nil
}
