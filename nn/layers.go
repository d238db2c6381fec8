package nn

import (
	"context"

	"github.com/joule-ml/joule/lane"
)

// LayerInfo describes one layer of a network.
type LayerInfo struct {
	Type    string // as in LayerSpec
	In, Out lane.Shape
	// Idle says that nothing runs here: a Flatten is only a way to read its
	// input, and an activation between two layers with weights is done by them. The
	// one below, which is Activated, applies it, the one above multiplies
	// its input gradient by the derivative.
	Idle, Activated bool
	// FLOP is the nominal work of one image on its way forward: two for
	// each multiply-add of a convolution, those on the padding counted.
	// The gradient with respect to the input takes as much again, and so
	// does that with respect to the parameters. 0 where there are none.
	FLOP float64
}

// Layers describes the layers, in the order of the Spec.
func (n *Network) Layers() []LayerInfo {
	infos, shape := make([]LayerInfo, len(n.layers)), n.spec.Input
	for i, l := range n.layers {
		infos[i] = LayerInfo{Type: n.spec.Layers[i].Type, In: shape, Idle: l == nil}
		if l != nil {
			shape = l.Out()
		}
		if w := n.weights[i]; w != nil {
			infos[i].FLOP, infos[i].Activated = w.flop(), w.activated()
		}
		infos[i].Out = shape
	}
	return infos
}

// A Probe runs a network's layers one at a time on one block, so that each
// can be timed. Every layer reads what a pass through the whole network left.
type Probe struct {
	net     *Network
	acts    *Activations
	scratch *Scratch
	dy      [][]float32 // ∂E/∂y of each layer's output y, before its activation, along the layers alone
	grad    []float32   // packed
	high    []float32   // of the upper lanes, nil in a narrow block
}

// NewProbe takes the block x through n, forward and back.
func (n *Network) NewProbe(x []float32) *Probe {
	width := len(x) / n.Input().Len()
	p := &Probe{
		net: n, acts: n.NewActivations(width), dy: make([][]float32, len(n.layers)),
		scratch: n.NewScratch(width), grad: make([]float32, n.GradLen()),
	}
	if width > lane.Width {
		p.high = p.grad
	}
	n.Run(p.acts, x)
	dy := ones[:width]
	for i := len(n.layers) - 1; i >= 0; i-- {
		p.dy[i] = dy
		p.InputGrad(i)
		if n.layers[i] != nil {
			dy = append([]float32(nil), p.scratch.a[:len(p.acts.values[i])]...)
		}
	}
	return p
}

// Forward runs layer i on its input.
func (p *Probe) Forward(i int) {
	p.net.forward(p.acts, i)
}

// InputGrad computes the gradient with respect to the input of layer i.
func (p *Probe) InputGrad(i int) {
	if p.net.layers[i] != nil {
		p.net.inputGrad(p.scratch.a[:len(p.acts.values[i])], p.dy[i], p.scratch, p.acts, i, true)
	}
}

// ParamGrad computes the gradient with respect to the parameters of layer i.
func (p *Probe) ParamGrad(i int) {
	if w := p.net.weights[i]; w != nil {
		w.ParamGrad(context.Background(), p.net.layerGrad(p.grad, i), p.net.layerGrad(p.high, i), p.scratch.sums, p.dy[i], p.acts.values[i], p.acts.saved[i])
	}
}
