package nn

import "fmt"

// Linear describes a fully connected layer with a bias.
func Linear(out int) LayerSpec { return LayerSpec{Type: LinearType, Out: out} }

func checkLinear(l LayerSpec, in input) error {
	if in.H*in.W > 1 && !in.flat {
		return fmt.Errorf("wants a flatten before it, the input is %d×%d×%d", in.C, in.H, in.W)
	}
	return checkWeights(buildLinear(l, in).(*conv))
}

// buildLinear makes a fully connected layer of a convolution whose kernel is
// the whole image: the same weights in the same order.
func buildLinear(l LayerSpec, in input) layer {
	c := newConv(in.Shape, l.Out, in.H, in.W, 1, 0)
	c.flat = true
	return c
}
