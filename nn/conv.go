package nn

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// Conv2D describes a convolution with a square kernel and a bias.
func Conv2D(out, kernel, stride, padding int) LayerSpec {
	return LayerSpec{Type: Conv2DType, Out: out, Kernel: kernel, Stride: stride, Padding: padding}
}

// conv is a two-dimensional convolution with a bias (in truth a
// cross-correlation, as everywhere in deep learning):
//
//	y[oy][ox][o] = b[o] + Σ_{ky,kx,i} w[o][i][ky][kx] · x[oy·s−p+ky][ox·s−p+kx][i]
//
// Taps that fall on the padding are skipped. A fully connected layer is the
// case where the kernel is as large as the input.
type conv struct {
	in, out             lane.Shape
	kh, kw, stride, pad int
	flat                bool  // a Linear: weights are shown as a matrix
	activation          apply // behind the layer, see activate
	gradRows            int   // of the output, in a band of ParamGrad

	forward  direction
	backward direction
	bias     []float32
	zeros    []float32 // the bias of the backward direction
}

func checkConv2D(l LayerSpec, in input) error {
	h, w := in.H+2*l.Padding, in.W+2*l.Padding
	switch {
	case in.flat:
		return fmt.Errorf("cannot follow a flatten: write a reshape between")
	case l.Kernel > h || l.Kernel > w:
		return fmt.Errorf("kernel %d is larger than the padded image of %d×%d", l.Kernel, h, w)
	}
	return checkWeights(buildConv2D(l, in).(*conv))
}

func checkWeights(c *conv) error {
	if c.weights() > maxWeight {
		return fmt.Errorf("%d weights are out of range", c.weights())
	}
	return nil
}

func buildConv2D(l LayerSpec, in input) layer {
	return newConv(in.Shape, l.Out, l.Kernel, l.Kernel, l.Stride, l.Padding)
}

func newConv(in lane.Shape, out, kh, kw, stride, pad int) *conv {
	c := &conv{in: in, kh: kh, kw: kw, stride: stride, pad: pad}
	c.out = lane.Shape{C: out, H: (in.H+2*pad-kh)/stride + 1, W: (in.W+2*pad-kw)/stride + 1}
	c.gradRows = c.rowsOfGrad()
	return c
}

func (c *conv) Out() lane.Shape { return c.out }

func (c *conv) weights() int { return c.out.C * c.in.C * c.kh * c.kw }

func (c *conv) parameters() []View {
	shape := []int{c.out.C, c.in.C, c.kh, c.kw}
	if c.flat {
		shape = []int{c.out.C, c.in.Len()}
	}
	return []View{
		{Name: "weight", Shape: shape, fanIn: c.fanIn()},
		{Name: "bias", Shape: []int{c.out.C}, fanIn: c.fanIn()},
	}
}

// fanIn is the number of inputs of one output.
func (c *conv) fanIn() int { return c.in.C * c.kh * c.kw }

func (c *conv) flop() float64 { return 2 * float64(c.out.Len()) * float64(c.fanIn()) }

// weightIndex is the place of a weight in PyTorch's order.
func (c *conv) weightIndex(o, i, ky, kx int) int {
	return ((o*c.in.C+i)*c.kh+ky)*c.kw + kx
}

// plan groups the pixels of both directions and allots the packed weights.
func (c *conv) plan() {
	c.planForward()
	c.planBackward()
	c.bias = make([]float32, c.out.C)
	c.zeros = make([]float32, c.backward.phases[0].packed.Out)
}

func (c *conv) planForward() {
	p := newPhase(c.out.C, c.kh*c.kw*c.in.C)
	for o := range c.out.C {
		for ky := range c.kh {
			for kx := range c.kw {
				for i := range c.in.C {
					p.set(o, (ky*c.kw+kx)*c.in.C+i, c.weightIndex(o, i, ky, kx))
				}
			}
		}
	}
	c.forward.phases = []phase{p}
	row := c.in.W * c.in.C
	for oy := range c.out.H {
		ky0, ky1 := max(0, c.pad-oy*c.stride), min(c.kh, c.in.H+c.pad-oy*c.stride)
		for ox := range c.out.W {
			kx0, kx1 := max(0, c.pad-ox*c.stride), min(c.kw, c.in.W+c.pad-ox*c.stride)
			y := (oy*c.out.W + ox) * c.out.C
			if ky0 >= ky1 || kx0 >= kx1 {
				c.forward.add(0, kernel.Taps{}, 0, y)
				continue
			}
			c.forward.add(0, kernel.Taps{
				Rows: ky1 - ky0, Run: (kx1 - kx0) * c.in.C, XStride: row,
				W: (ky0*c.kw + kx0) * c.in.C, WStride: c.kw * c.in.C,
			}, ((oy*c.stride-c.pad+ky0)*c.in.W+ox*c.stride-c.pad+kx0)*c.in.C, y)
		}
	}
	c.forward.finish()
}

// planBackward lays out
//
//	dx[iy][ix][i] = Σ_{oy,ox,o} w[o][i][iy+p−oy·s][ix+p−ox·s] · dy[oy][ox][o]
//
// Input row iy meets the kernel rows ky ≡ iy+p (mod s). As oy ascends they
// descend, and in this order they are packed.
func (c *conv) planBackward() {
	if c.kh == c.in.H && c.kw == c.in.W && c.pad == 0 {
		c.planWhole()
		return
	}
	s := c.stride
	for py := range s {
		for px := range s {
			c.backward.phases = append(c.backward.phases, c.backwardPhase(py, px))
		}
	}
	// span gives the outputs first … last that read input v, and the place
	// of the first one's tap among the n of its phase.
	span := func(v, k, outputs int) (first, last, at, n int) {
		last = min((v+c.pad)/s, outputs-1)
		first = max(0, (v+c.pad-k+s)/s)
		phase := (v + c.pad) % s
		if phase < k {
			n = (k-phase-1)/s + 1
		}
		at = n - 1 - (v+c.pad-first*s-phase)/s
		return first, last, at, n
	}
	c.backward.divide(c.in.H, c.in.W*c.in.C, c.in.W*c.in.C+c.out.W*c.out.C/s)
	c.planQuads()
	for iy := range c.in.H {
		oy0, oy1, a, _ := span(iy, c.kh, c.out.H)
		for ix := range c.in.W {
			if c.backward.squares.has(iy, ix) {
				continue
			}
			ox0, ox1, b, nkx := span(ix, c.kw, c.out.W)
			phase := (iy+c.pad)%s*s + (ix+c.pad)%s
			y := (iy*c.in.W + ix) * c.in.C
			if oy0 > oy1 || ox0 > ox1 {
				c.backward.add(phase, kernel.Taps{}, 0, y)
				continue
			}
			c.backward.add(phase, kernel.Taps{
				Rows: oy1 - oy0 + 1, Run: (ox1 - ox0 + 1) * c.out.C, XStride: c.out.W * c.out.C,
				W: (a*nkx + b) * c.out.C, WStride: nkx * c.out.C,
			}, (oy0*c.out.W+ox0)*c.out.C, y)
		}
	}
	c.backward.finish()
}

// backwardPhase is the part of the kernel that rows ≡ py and columns ≡ px (mod s)
// meet.
func (c *conv) backwardPhase(py, px int) phase {
	// taps lists the kernel rows (or columns) of a phase in descending order.
	taps := func(k, phase int) (ks []int) {
		for v := phase; v < k; v += c.stride {
			ks = append([]int{v}, ks...)
		}
		return ks
	}
	kys, kxs := taps(c.kh, py), taps(c.kw, px)
	p := newPhase(c.in.C, len(kys)*len(kxs)*c.out.C)
	for i := range c.in.C {
		for a, ky := range kys {
			for b, kx := range kxs {
				for o := range c.out.C {
					p.set(i, (a*len(kxs)+b)*c.out.C+o, c.weightIndex(o, i, ky, kx))
				}
			}
		}
	}
	return p
}

// planWhole is planBackward where the kernel is the whole image and the output one
// pixel. Every input has taps of its own then: all are channels of one pixel.
func (c *conv) planWhole() {
	p := newPhase(c.in.Len(), c.out.C)
	for i := range c.in.C {
		for ky := range c.kh {
			for kx := range c.kw {
				for o := range c.out.C {
					p.set((ky*c.kw+kx)*c.in.C+i, o, c.weightIndex(o, i, ky, kx))
				}
			}
		}
	}
	c.backward.phases = []phase{p}
	c.backward.divide(1, c.in.Len(), 0)
	c.backward.add(0, kernel.Taps{Rows: 1, Run: c.out.C, WStride: c.out.C}, 0, 0)
	c.backward.finish()
}

func (c *conv) Pack(params []float32) {
	c.packWeights(params[:c.weights()])
	copy(c.bias, params[c.weights():])
}

func (c *conv) packWeights(weight []float32) {
	c.forward.pack(weight)
	c.backward.pack(weight)
}

// activate makes the activation behind this layer a part of it: Forward applies
// it in place and saves the derivative.
func (c *conv) activate(f apply) bool {
	c.activation = f
	return true
}

func (c *conv) activated() bool { return c.activation != nil }

func (c *conv) savedLen() int {
	if c.activated() {
		return c.out.Len()
	}
	return 0
}

func (c *conv) Forward(ctx context.Context, y, saved, x []float32) {
	c.forward.apply(ctx, c.width(x), y, x, c.bias, nil)
	if c.activated() && ctx.Err() == nil {
		c.activation(y, saved, y)
	}
}

func (c *conv) InputGrad(ctx context.Context, dx, dy, _, mask []float32) {
	c.backward.apply(ctx, c.width(dx), dx, dy, c.zeros, mask)
}

// width is that of a block of the layer's inputs.
func (c *conv) width(x []float32) int { return len(x) / c.in.Len() }
