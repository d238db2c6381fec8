package nn

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// A layer maps blocks to blocks. It keeps nothing between calls but its
// packed parameters, so that many workers can share it. What takes long ends
// early when ctx is done, and its result is then worthless.
type layer interface {
	Out() lane.Shape
	// savedLen is how much Forward leaves of each image in saved for the way
	// back.
	savedLen() int
	// Forward sets y from x.
	Forward(ctx context.Context, y, saved, x []float32)
	// InputGrad sets dx = ∂L/∂x from dy = ∂L/∂y. A layer with weights
	// multiplies it by mask, where that is not nil: the derivative of the
	// activation below it.
	InputGrad(ctx context.Context, dx, dy, saved, mask []float32)
}

// A weighted layer has parameters.
type weighted interface {
	layer
	// parameters describes them in the order in which they stand in a
	// network's: their names within the layer, shapes and fan-in.
	parameters() []View
	// plan allots what New leaves to be packed.
	plan()
	// Pack lays params, which begin with the layer's, out for the kernels.
	Pack(params []float32)
	// gradLen is the length of the parameters' gradient as ParamGrad lays
	// it out, ParamGrad adds ∂L/∂parameters from dy = ∂L/∂y and x to it, see
	// Network.ParamGrad, with sumsLen vectors of memory for sums, and Unpack
	// puts it into the order of the parameters.
	gradLen() int
	sumsLen() int
	ParamGrad(ctx context.Context, packed, high, sums, dy, x, saved []float32)
	Unpack(grad, packed []float32)
	// activate makes the activation behind the layer a part of it: Forward
	// applies it and leaves its derivative, as long as y, first in saved. It
	// returns false where the layer cannot.
	activate(apply) bool
	activated() bool
	// flop is the nominal work of one image on its way forward.
	flop() float64
}

// withWeights finds the layers with parameters: each in its place, nil in
// those of others.
func withWeights(layers []layer) []weighted {
	list := make([]weighted, len(layers))
	for i, l := range layers {
		list[i], _ = l.(weighted)
	}
	return list
}

// A Network is a Spec with parameters. After New they are zero: call Init, or
// fill Params and call Pack.
type Network struct {
	spec    Spec
	layers  []layer    // nil for a Flatten and for an activation that is fused
	weights []weighted // of each layer, nil where it has no parameters
	below   []int      // the layer whose fused activation a layer's input gradient passes, or −1
	offset  []int      // of each layer's parameters
	packed  []int      // of each layer's parameters in a packed gradient
	places  []place    // of each output
	joins   []join     // of each joining layer
	params  []float32
	views   []View
}

// A View is one named tensor within the flat parameters.
type View struct {
	Name    string
	Shape   []int
	Data    []float32
	fanIn   int     // of the numbers that Init draws, or
	initial float32 // what Init fills it with, where fanIn is 0
}

// New builds a network.
func New(spec Spec) (*Network, error) {
	n, err := outline(spec)
	if err != nil {
		return nil, err
	}
	for _, w := range n.weights {
		if w != nil {
			w.plan()
		}
	}
	n.params = make([]float32, n.offset[len(n.layers)])
	n.views = n.Named(n.params)
	return n, nil
}

// outline builds a network without what takes memory.
func outline(spec Spec) (*Network, error) {
	layers, err := spec.build()
	if err != nil {
		return nil, err
	}
	n := &Network{
		spec: spec, layers: layers, weights: withWeights(layers), below: make([]int, len(layers)),
		offset: make([]int, len(layers)+1), packed: make([]int, len(layers)+1),
	}
	for i, w := range n.weights {
		n.offset[i+1], n.packed[i+1] = n.offset[i], n.packed[i]
		if w == nil {
			continue
		}
		for _, v := range w.parameters() {
			n.offset[i+1] += v.size()
		}
		n.packed[i+1] += w.gradLen()
	}
	n.placeOutputs()
	n.placeJoins()
	n.fuse()
	return n, nil
}

// fuse makes each activation between two layers with weights a part of both: the
// one below applies it in place, the one above multiplies its input gradient
// by the derivative, as a convolution does before that leaves the registers.
func (n *Network) fuse() {
	previous := func(i int) int { // the layer that runs before i, or −1
		for i--; i >= 0 && n.layers[i] == nil; i-- {
		}
		return i
	}
	for i := range n.layers {
		n.below[i] = -1
		if n.weights[i] == nil {
			continue
		}
		j := previous(i)
		if j < 0 {
			continue
		}
		act, ok := n.layers[j].(activation)
		if !ok {
			continue
		}
		if k := previous(j); k >= 0 && n.weights[k] != nil && !n.isRead(k) && n.weights[k].activate(act.apply) {
			n.layers[j] = nil
			n.below[i] = k
			n.moveHome(j, k)
		}
	}
}

// Spec returns the network's description.
func (n *Network) Spec() Spec { return n.spec }

// Input returns the shape of an image.
func (n *Network) Input() lane.Shape { return n.spec.Input }

// Params returns all parameters as one vector: for each layer the weight,
// then the bias, in PyTorch's order. After a change call Pack.
func (n *Network) Params() []float32 { return n.params }

// Views returns the parameters by name.
func (n *Network) Views() []View { return n.views }

// Named gives the parts of a vector as long as Params their names and shapes:
// the parameters' own, their gradients' or their moments'.
func (n *Network) Named(flat []float32) []View {
	if len(flat) != len(n.params) {
		panic("nn: Named of a vector that is not as long as the parameters")
	}
	views := parameters(n.spec.Prefix, n.weights)
	for i := range views {
		v := &views[i]
		size := v.size()
		v.Data, flat = flat[:size:size], flat[size:]
	}
	return views
}

// Parameters lists the names and shapes of the parameters without building
// the network; Data is nil.
func (s Spec) Parameters() ([]View, error) {
	layers, err := s.build()
	if err != nil {
		return nil, err
	}
	return parameters(s.Prefix, withWeights(layers)), nil
}

func parameters(prefix string, layers []weighted) []View {
	var views []View
	for i, w := range layers {
		if w == nil {
			continue
		}
		for _, v := range w.parameters() {
			v.Name = fmt.Sprintf("%s.%d.%s", prefix, i, v.Name)
			views = append(views, v)
		}
	}
	return views
}

func (v *View) size() int {
	size := 1
	for _, d := range v.Shape {
		size *= d
	}
	return size
}

// Init draws weights and biases uniformly from ±1/√fan-in, PyTorch's default
// for convolutions and linear layers, as a function of the seed, and packs
// them.
func (n *Network) Init(seed uint64) { n.Redraw(random.Stream{Seed: seed, Purpose: random.Weights}) }

// Redraw is Init from a stream of random numbers.
func (n *Network) Redraw(s random.Stream) {
	for i, v := range n.views {
		if v.fanIn == 0 {
			for j := range v.Data {
				v.Data[j] = v.initial
			}
			continue
		}
		bound := float32(1 / math.Sqrt(float64(v.fanIn)))
		s.Uniform(v.Data, uint32(i), 0, -bound, bound)
	}
	n.Pack()
}

// Pack lays the parameters out for the kernels. No other method may run
// meanwhile.
func (n *Network) Pack() {
	for i := range n.layers {
		n.PackLayer(i)
	}
}

// PackLayer is Pack for one layer. It may run for others at the same time.
func (n *Network) PackLayer(i int) {
	if w := n.weights[i]; w != nil {
		w.Pack(n.params[n.offset[i]:])
	}
}

// Span returns where layer i has its parameters: from first to before end. Both
// are the same where it has none.
func (n *Network) Span(i int) (first, end int) { return n.offset[i], n.offset[i+1] }

// Unpack sets grad, as long as Params and in its order, from a packed
// gradient.
func (n *Network) Unpack(grad, packed []float32) {
	for i := range n.layers {
		n.UnpackLayer(grad, packed, i)
	}
}

// UnpackLayer is Unpack for one layer. It may run for others at the same time.
func (n *Network) UnpackLayer(grad, packed []float32, i int) {
	if w := n.weights[i]; w != nil {
		w.Unpack(grad[n.offset[i]:], packed[n.packed[i]:])
	}
}

// GradSpan is Span in a packed gradient.
func (n *Network) GradSpan(i int) (first, end int) { return n.packed[i], n.packed[i+1] }
