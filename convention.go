package joule

import (
	"fmt"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

// A Convention says what the output of a network in a file is. In Joule it is
// the energy; the network of the report that the default recipe follows outputs
// f = −E. A network is
// taken from one convention to the other, without any rounding, by negating
// the weights and the bias of its last layer.
type Convention string

const (
	OutputEnergy Convention = "energy" // E
	OutputF      Convention = "f"      // f = −E
)

// Validate reports a value that is neither of the two.
func (c Convention) Validate() error {
	if c != OutputEnergy && c != OutputF {
		return fmt.Errorf("output is %.20q, want %q or %q", string(c), OutputEnergy, OutputF)
	}
	return nil
}

// File returns the model as it stands in a safetensors file: the weights under
// PyTorch's names and shapes, of a network that outputs what c says, and in
// the metadata "output", the spec and the card. [LoadModel] reads either
// convention. Tensors may be the model's own and are not to be changed.
func (m *Model) File(c Convention) (*checkpoint.File, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("joule: %w", err)
	}
	f := m.file()
	if c == OutputF {
		if err := endsLinear(m.Spec()); err != nil {
			return nil, err
		}
		last := len(m.net.Views()) // a generator's come after the energy's
		for i := range f.Tensors[last-2 : last] {
			t := &f.Tensors[last-2+i]
			t.Data = negated(t.Data.([]float32))
		}
	}
	f.Metadata[weights.MetaOutput] = string(c)
	return f, nil
}

// toEnergy makes a network that outputs f one that outputs E. Call Pack after
// it.
func toEnergy(net *nn.Network) error {
	if err := endsLinear(net.Spec()); err != nil {
		return err
	}
	views := net.Views()
	for _, v := range views[len(views)-2:] {
		copy(v.Data, negated(v.Data))
	}
	return nil
}

// endsLinear reports a network whose output cannot be negated by its weights.
func endsLinear(spec nn.Spec) error {
	for i := len(spec.Layers) - 1; i >= 0; i-- {
		switch spec.Layers[i].Type {
		case nn.FlattenType:
			continue
		case nn.Conv2DType, nn.LinearType, nn.ConvTranspose2DType:
			return nil
		}
		return &checkpoint.Error{Fault: "the network ends in a " + spec.Layers[i].Type + ", whose sign is fixed", Hint: "keep its output the energy"}
	}
	return &checkpoint.Error{Fault: "the network has no weights to negate", Hint: "keep its output the energy"}
}

func negated(v []float32) []float32 {
	n := make([]float32, len(v))
	for i, x := range v {
		n[i] = -x
	}
	return n
}
