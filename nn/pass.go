package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
)

// Activations are what one block leaves in the layers on its way forward.
// They are all that the backward passes need.
type Activations struct {
	ctx    context.Context
	width  int
	values [][]float32 // the input, then each layer's output
	saved  [][]float32
	// Whether dropout layers drop values, and the lanes' random words for that.
	dropping bool
	counter  kernel.Counter
}

// Until has passes with a end early when ctx is done, also within a layer.
// What they give is worthless then: the caller has to ask ctx after each.
func (a *Activations) Until(ctx context.Context) { a.ctx = ctx }

// NewActivations allocates for one block of a width, lane.Width or lane.Max.
func (n *Network) NewActivations(width int) *Activations {
	a := &Activations{ctx: context.Background(), width: width, values: make([][]float32, len(n.layers)+1), saved: make([][]float32, len(n.layers))}
	a.values[0] = make([]float32, n.spec.Input.BlockLen(width))
	for i, l := range n.layers {
		if l == nil {
			a.values[i+1] = a.values[i]
			continue
		}
		a.values[i+1] = make([]float32, l.Out().BlockLen(width))
		a.saved[i] = make([]float32, l.savedLen()*width)
	}
	return a
}

// Input returns the block of images, to be filled before Forward.
func (a *Activations) Input() []float32 { return a.values[0] }

// Scratch is a worker's memory for gradients on their way back.
type Scratch struct {
	a, b    []float32
	sums    []float32   // of parameters' gradients that are under way
	sources [][]float32 // of each join
}

// NewScratch allocates for one worker on blocks of a width.
func (n *Network) NewScratch(width int) *Scratch {
	size := n.spec.Input.BlockLen(width)
	for _, l := range n.layers {
		if l != nil {
			size = max(size, l.Out().BlockLen(width))
		}
	}
	return &Scratch{make([]float32, size), make([]float32, size), make([]float32, n.sumsLen()*width), n.sources(width)}
}

// sumsLen is the number of vectors that the layers need for sums.
func (n *Network) sumsLen() (longest int) {
	for _, w := range n.weights {
		if w != nil {
			longest = max(longest, w.sumsLen())
		}
	}
	return longest
}

// Forward computes the energies of the block x, one for each lane.
func (n *Network) Forward(a *Activations, x, energy []float32) {
	n.Run(a, x)
	copy(energy, a.values[len(n.layers)])
}

// Run takes the block x through all layers. Value then has the outputs.
func (n *Network) Run(a *Activations, x []float32) {
	a.values[0] = x
	for i, l := range n.layers {
		if l == nil {
			a.values[i+1] = a.values[i]
			continue
		}
		if a.ctx.Err() != nil {
			return
		}
		n.forward(a, i)
	}
}

// forward runs layer i.
func (n *Network) forward(a *Activations, i int) {
	y, saved, x := a.values[i+1], a.saved[i], a.values[i]
	switch l := n.layers[i].(type) {
	case nil:
	case joining:
		l.Join(y, saved, x, a.values[l.source()+1])
	case dropout:
		if a.dropping {
			l.Drop(y, saved, x, &a.counter)
		} else {
			l.Forward(a.ctx, y, saved, x)
		}
	default:
		l.Forward(a.ctx, y, saved, x)
	}
}

// inputGrad takes dy back to the input of layer i. Where the layer joins another
// value, it leaves that one's gradient in s, which is not needed for the image
// unless input says so.
func (n *Network) inputGrad(dx, dy []float32, s *Scratch, a *Activations, i int, input bool) {
	l, ok := n.layers[i].(joining)
	if !ok {
		n.layers[i].InputGrad(a.ctx, dx, dy, a.saved[i], n.mask(a, i))
		return
	}
	for k, j := range n.joins {
		if j.layer == i && (j.home >= 0 || input) {
			l.JoinGrad(dx, s.sources[k], dy, a.saved[i])
		} else if j.layer == i {
			l.JoinGrad(dx, nil, dy, a.saved[i])
		}
	}
}

// InputGrad returns the gradient of Σ cotangent[l]·E(x_l) with respect to the
// block last given to Forward. The result is valid until s is used again.
func (n *Network) InputGrad(s *Scratch, a *Activations, cotangent []float32) []float32 {
	copy(s.a, cotangent)
	return n.backward(s, a, len(n.layers)-1, nil, nil, nil, true)
}

// GradLen is the length of a packed gradient.
func (n *Network) GradLen() int { return n.packed[len(n.layers)] }

// ParamGrad adds the gradient of Σ cotangent[l]·E(x_l) with respect to the
// parameters to packed, which is GradLen long and laid out for the kernels. Of a
// block of lane.Max the lanes from lane.Width on are added to high instead, which
// may be the same vector: the bits are those of two blocks one after the other.
// Otherwise high is nil. Packed gradients can be added to one another; Unpack
// gives them the order of Params.
func (n *Network) ParamGrad(packed, high []float32, s *Scratch, a *Activations, cotangent []float32) {
	copy(s.a, cotangent)
	n.backward(s, a, len(n.layers)-1, nil, packed, high, false)
}

// backward goes down from ∂L/∂y of layer last, which the first of s's vectors
// holds, and takes up the cotangents of outputs below it on its way.
func (n *Network) backward(s *Scratch, a *Activations, last int, cotangents [][]float32, packed, high []float32, input bool) []float32 {
	dy, spare := s.a, s.b
	for i := last; i >= 0 && a.ctx.Err() == nil; i-- {
		if n.layers[i] == nil {
			continue
		}
		dy = dy[:len(a.values[i+1])]
		if i < last {
			n.takeUp(dy, spare, a, i, cotangents)
			n.takeJoins(dy, s, spare, a, i, last)
		}
		if w := n.weights[i]; w != nil && packed != nil {
			w.ParamGrad(a.ctx, n.layerGrad(packed, i), n.layerGrad(high, i), s.sums, dy, a.values[i], a.saved[i])
		}
		if i == 0 && !input {
			break
		}
		dx := spare[:len(a.values[i])]
		n.inputGrad(dx, dy, s, a, i, input)
		dy, spare = dx, dy[:cap(dy)]
	}
	dx := dy[:len(a.values[0])] // also where the context ended it early
	if input {
		n.takeJoins(dx, s, spare, a, -1, last)
	}
	return dx
}

// layerGrad returns layer i's part of a packed gradient, nil for nil.
func (n *Network) layerGrad(packed []float32, i int) []float32 {
	if packed == nil {
		return nil
	}
	return packed[n.packed[i]:n.packed[i+1]]
}

// mask returns the derivative of the activation below layer i, or nil.
func (n *Network) mask(a *Activations, i int) []float32 {
	if k := n.below[i]; k >= 0 {
		return a.saved[k][:len(a.values[k+1])]
	}
	return nil
}
