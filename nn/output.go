package nn

import (
	"slices"

	"github.com/joule-ml/joule/lane"
)

// place is where an output stands.
type place struct {
	Output
	home  int // the layer that computes it: −1 for the image, a fused activation's is the one below
	shape lane.Shape
}

// home returns the layer that computes the output of layer i: i itself or,
// where nothing runs there, the nearest below it. −1 stands for the image.
func home(layers []layer, i int) int {
	for ; i >= 0 && layers[i] == nil; i-- {
	}
	return i
}

// placeOutputs finds the outputs while no layer is fused yet.
func (n *Network) placeOutputs() {
	outputs := n.spec.Outputs
	if len(outputs) == 0 {
		outputs = []Output{{EnergyOutput, len(n.layers) - 1}}
	}
	for _, o := range outputs {
		n.places = append(n.places, place{Output: o, home: home(n.layers, o.Layer), shape: n.shapeOf(o.Layer)})
	}
}

// isRead says whether what layer k computes, before an activation above it, is an
// output or goes into a joining layer.
func (n *Network) isRead(k int) bool {
	return slices.ContainsFunc(n.places, func(p place) bool { return p.home == k }) ||
		slices.ContainsFunc(n.joins, func(j join) bool { return j.home == k })
}

// moveHome tells outputs and joining layers that read activation j that layer k
// applies it.
func (n *Network) moveHome(j, k int) {
	for o := range n.places {
		if n.places[o].home == j {
			n.places[o].home = k
		}
	}
	for o := range n.joins {
		if n.joins[o].home == j {
			n.joins[o].home = k
		}
	}
}

// shapeOf returns the shape of what layer i gives, −1 for the image.
func (n *Network) shapeOf(i int) lane.Shape {
	if i = home(n.layers, i); i >= 0 {
		return n.layers[i].Out()
	}
	return n.spec.Input
}

// Outputs returns the number of outputs, at least 1.
func (n *Network) Outputs() int { return len(n.places) }

// Output returns the index of the named output, −1 where the network has none
// of that name. That of an energy is EnergyOutput.
func (n *Network) Output(name string) int {
	return slices.IndexFunc(n.places, func(p place) bool { return p.Name == name })
}

// OutputShape returns the shape of an output for one image.
func (n *Network) OutputShape(output int) lane.Shape { return n.places[output].shape }

// OutputShapes returns the shapes of the outputs for one image, without building
// the network.
func (s Spec) OutputShapes() ([]lane.Shape, error) {
	n, err := outline(s)
	if err != nil {
		return nil, err
	}
	var shapes []lane.Shape
	for _, p := range n.places {
		shapes = append(shapes, p.shape)
	}
	return shapes, nil
}

// Value returns the block of an output that Run, or Forward, left in a. It is
// valid until a is used again.
func (n *Network) Value(a *Activations, output int) []float32 {
	return a.values[n.places[output].Layer+1]
}

// OutputInputGrad returns the gradient of Σ cotangents[o]·y_o, over all
// outputs y_o and their values, with respect to the block last given to Run.
// A cotangent is a block as Value's, or nil for zeros. The result is valid
// until s is used again.
func (n *Network) OutputInputGrad(s *Scratch, a *Activations, cotangents [][]float32) []float32 {
	last := n.start(s, a, cotangents)
	if last < 0 {
		dx := s.a[:len(a.values[0])]
		clear(dx)
		n.takeUp(dx, s.b, a, last, cotangents) // of an energy that is the image itself
		return dx
	}
	return n.backward(s, a, last, cotangents, nil, nil, true)
}

// OutputParamGrad adds the gradient of the same sum as OutputInputGrad, but
// with respect to the parameters, to packed and high, as ParamGrad does.
func (n *Network) OutputParamGrad(packed, high []float32, s *Scratch, a *Activations, cotangents [][]float32) {
	if last := n.start(s, a, cotangents); last >= 0 {
		n.backward(s, a, last, cotangents, packed, high, false)
	}
}

// start returns the uppermost layer with a cotangent, −1 if there is none,
// and leaves ∂L/∂y of that layer in s.
func (n *Network) start(s *Scratch, a *Activations, cotangents [][]float32) int {
	if len(cotangents) != len(n.places) {
		panic("nn: cotangents of another number of outputs")
	}
	last := -1
	for o, p := range n.places {
		if c := cotangents[o]; c != nil {
			if len(c) != p.shape.BlockLen(a.width) {
				panic("nn: a cotangent of another shape than its output")
			}
			last = max(last, p.home)
		}
	}
	if last >= 0 {
		dy := s.a[:len(a.values[last+1])]
		clear(dy)
		n.takeUp(dy, s.b, a, last, cotangents)
	}
	return last
}

// takeUp adds the cotangents of what layer i computes to its dy, see add.
func (n *Network) takeUp(dy, spare []float32, a *Activations, i int, cotangents [][]float32) {
	for o, c := range cotangents {
		if c != nil && n.places[o].home == i {
			n.add(dy, c, spare, a, i)
		}
	}
}
