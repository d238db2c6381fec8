package nn

import "context"

// Activations are what one block leaves in the layers on its way forward.
// They are all that the backward passes need.
type Activations struct {
	ctx    context.Context
	width  int
	values [][]float32 // the input, then each layer's output
	saved  [][]float32
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
	a, b []float32
	sums []float32 // of parameters' gradients that are under way
}

// NewScratch allocates for one worker on blocks of a width.
func (n *Network) NewScratch(width int) *Scratch {
	size := n.spec.Input.BlockLen(width)
	for _, l := range n.layers {
		if l != nil {
			size = max(size, l.Out().BlockLen(width))
		}
	}
	return &Scratch{make([]float32, size), make([]float32, size), make([]float32, n.sumsLen()*width)}
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
		l.Forward(a.ctx, a.values[i+1], a.saved[i], a.values[i])
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
		l := n.layers[i]
		if l == nil {
			continue
		}
		dy = dy[:len(a.values[i+1])]
		if i < last && cotangents != nil {
			n.takeUp(dy, spare, a, i, cotangents)
		}
		if w := n.weights[i]; w != nil && packed != nil {
			w.ParamGrad(a.ctx, n.layerGrad(packed, i), n.layerGrad(high, i), s.sums, dy, a.values[i])
		}
		if i == 0 && !input {
			break
		}
		dx := spare[:len(a.values[i])]
		l.InputGrad(a.ctx, dx, dy, a.saved[i], n.mask(a, i))
		dy, spare = dx, dy[:cap(dy)]
	}
	return dy[:len(a.values[0])] // also where the context ended it early
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
		return a.saved[k]
	}
	return nil
}
