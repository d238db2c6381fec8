package nn

import "github.com/joule-ml/joule/internal/kernel"

// A joining layer reads a second value z besides what the layer below it gives.
type joining interface {
	layer
	// source is the layer that gives z, −1 for the image.
	source() int
	// Join sets y from x and z.
	Join(y, saved, x, z []float32)
	// JoinGrad sets dx and, where it is not nil, dz from dy.
	JoinGrad(dx, dz, dy, saved []float32)
}

// A join is where a network has a joining layer.
type join struct {
	layer, source int
	home          int // the layer that computes the source, see place
}

// placeJoins finds the joining layers while no layer is fused yet.
func (n *Network) placeJoins() {
	for i, l := range n.layers {
		if j, ok := l.(joining); ok {
			n.joins = append(n.joins, join{i, j.source(), home(n.layers, j.source())})
		}
	}
}

// sources allots memory for the gradients of what joining layers read, which wait
// until the way back has come down to the layer that gives it.
func (n *Network) sources(width int) [][]float32 {
	var list [][]float32
	for _, j := range n.joins {
		list = append(list, make([]float32, n.shapeOf(j.source).BlockLen(width)))
	}
	return list
}

// takeJoins adds to dy what joining layers up to last have found for the output of
// layer i, −1 for the image. dy is as in takeUp.
func (n *Network) takeJoins(dy []float32, s *Scratch, spare []float32, a *Activations, i, last int) {
	for k, j := range n.joins {
		if j.home == i && j.layer <= last {
			n.add(dy, s.sources[k], spare, a, i)
		}
	}
}

// add adds a gradient with respect to layer i's output to dy. Where the layer
// applies an activation, dy is the gradient with respect to what goes in there.
func (n *Network) add(dy, gradient, spare []float32, a *Activations, i int) {
	if i >= 0 && n.weights[i] != nil && n.weights[i].activated() {
		kernel.Mul(spare[:len(dy)], gradient, a.saved[i][:len(dy)])
		gradient = spare[:len(dy)]
	}
	kernel.Add(dy, dy, gradient)
}
