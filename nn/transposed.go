package nn

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// ConvTranspose2D describes PyTorch's transposed convolution with a square kernel
// and a bias, which enlarges an image about stride times: the height becomes
// (h−1)·stride − 2·padding + kernel + outputPadding, and so does the width.
func ConvTranspose2D(out, kernel, stride, padding, outputPadding int) LayerSpec {
	return LayerSpec{Type: ConvTranspose2DType, Out: out, Kernel: kernel, Stride: stride, Padding: padding, OutputPadding: outputPadding}
}

// transposed is the transpose of a convolution, with a bias:
//
//	y[oy][ox][o] = b[o] + Σ_{iy,ix,i} w[i][o][oy+p−iy·s][ox+p−ix·s] · x[iy][ix][i]
//
// That is the convolution's input gradient, and the gradient of this is the
// convolution: both run as they do there. The convolution goes from this layer's
// output to its input, and has the same weights in the same order.
type transposed struct {
	conv       *conv
	bias       []float32 // of what conv.backward takes for channels; the convolution's own stays zero
	activation apply     // see activate
}

func checkConvTranspose2D(l LayerSpec, in input) error {
	t := buildConvTranspose2D(l, in).(*transposed)
	switch out := t.Out(); {
	case in.flat:
		return fmt.Errorf("cannot follow a flatten: write a reshape between")
	case l.OutputPadding >= l.Stride:
		return fmt.Errorf("output_padding %d is not below the stride, %d", l.OutputPadding, l.Stride)
	case out.H < 1 || out.W < 1:
		return fmt.Errorf("padding %d leaves nothing of the image of %d×%d", l.Padding, in.H, in.W)
	case out.H > maxSide || out.W > maxSide:
		return fmt.Errorf("gives an image of %d×%d, a side may have %d", out.H, out.W, maxSide)
	}
	return checkWeights(t.conv)
}

func buildConvTranspose2D(l LayerSpec, in input) layer {
	side := func(v int) int { return (v-1)*l.Stride - 2*l.Padding + l.Kernel + l.OutputPadding }
	c := &conv{
		in: lane.Shape{C: l.Out, H: side(in.H), W: side(in.W)}, out: in.Shape,
		kh: l.Kernel, kw: l.Kernel, stride: l.Stride, pad: l.Padding,
	}
	c.gradRows = c.rowsOfGrad()
	return &transposed{conv: c}
}

func (t *transposed) Out() lane.Shape { return t.conv.in }

func (t *transposed) parameters() []View {
	c := t.conv
	fan := c.in.C * c.kh * c.kw // what PyTorch takes for the fan-in here
	return []View{
		{Name: "weight", Shape: []int{c.out.C, c.in.C, c.kh, c.kw}, fanIn: fan},
		{Name: "bias", Shape: []int{c.in.C}, fanIn: fan},
	}
}

func (t *transposed) flop() float64 { return t.conv.flop() }

func (t *transposed) plan() {
	t.conv.plan()
	t.bias = make([]float32, len(t.conv.zeros))
}

func (t *transposed) Pack(params []float32) {
	weights := t.conv.weights()
	t.conv.packWeights(params[:weights])
	for i := range t.bias {
		t.bias[i] = params[weights+i%t.conv.in.C]
	}
}

func (t *transposed) activate(f apply) bool {
	t.activation = f
	return true
}

func (t *transposed) activated() bool { return t.activation != nil }

func (t *transposed) savedLen() int {
	if t.activated() {
		return t.Out().Len()
	}
	return 0
}

func (t *transposed) Forward(ctx context.Context, y, saved, x []float32) {
	c := t.conv
	if c.backward.squares == nil {
		c.backward.apply(ctx, c.width(y), y, x, t.bias, nil)
	} else { // which have no bias
		c.InputGrad(ctx, y, x, nil, nil)
		kernel.Affine(c.width(y), y, y, ones[:len(t.bias)], t.bias)
	}
	if t.activated() && ctx.Err() == nil {
		t.activation(y, saved, y)
	}
}

func (t *transposed) InputGrad(ctx context.Context, dx, dy, _, mask []float32) {
	c := t.conv
	c.forward.apply(ctx, c.width(dy), dx, dy, c.bias, mask)
}

func (t *transposed) sumsLen() int { return t.conv.sumsLen() }

// gradLen has the convolution's weights, then a strip for the bias.
func (t *transposed) gradLen() int { return wholeVectors(t.conv.gradWeights() + fours(t.Out().C)) }

// ParamGrad adds ∂/∂w, in which x and dy change places, and ∂/∂b.
func (t *transposed) ParamGrad(ctx context.Context, packed, high, sums, dy, x, _ []float32) {
	c := t.conv
	c.paramGrad(ctx, packed, high, sums, x, dy, false)
	biasGrad(packed, high, dy, c.gradWeights(), c.in, c.width(dy))
}

func (t *transposed) Unpack(grad, packed []float32) {
	c := t.conv
	c.unpackWeights(grad, packed)
	copy(grad[c.weights():], packed[c.gradWeights():][:c.in.C])
}
