package nn

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// GroupNorm describes PyTorch's GroupNorm with a weight and a bias for each channel:
// the channels fall into groups, and each image's values of a group are brought to
// mean 0 and variance 1 (Wu and He 2018). With one group it is a layer norm over all
// values of an image. No image sees another, unlike with batch norm.
func GroupNorm(groups int) LayerSpec { return LayerSpec{Type: GroupNormType, Groups: groups} }

// epsilon is added to variances: PyTorch's default.
const epsilon = 1e-5

// groupNorm computes for the n values x of a group of an image
//
//	x̂ = (x−μ)·r,   μ = Σ x/n,   r = 1/√(Σ (x−μ)²/n + ε),   y = w[c]·x̂ + b[c]
//
// It saves x̂ and r, behind the derivative of an activation that is part of it.
type groupNorm struct {
	shape        lane.Shape
	groups       int
	weight, bias []float32
	zeros        []float32
	activation   apply
}

func checkGroupNorm(l LayerSpec, in input) error {
	switch {
	case in.flat && in.H*in.W > 1:
		return fmt.Errorf("cannot follow the flatten of an image: put it before")
	case in.C%l.Groups != 0:
		return fmt.Errorf("%d channels do not fall into %d groups", in.C, l.Groups)
	case in.Len() == l.Groups:
		return fmt.Errorf("a group of one value has no variance")
	}
	return nil
}

func buildGroupNorm(l LayerSpec, in input) layer {
	return &groupNorm{shape: in.Shape, groups: l.Groups}
}

func (g *groupNorm) Out() lane.Shape { return g.shape }

func (g *groupNorm) parameters() []View {
	return []View{
		{Name: "weight", Shape: []int{g.shape.C}, initial: 1},
		{Name: "bias", Shape: []int{g.shape.C}},
	}
}

func (g *groupNorm) plan() {
	g.weight, g.bias, g.zeros = make([]float32, g.shape.C), make([]float32, g.shape.C), make([]float32, g.shape.C)
}

func (g *groupNorm) Pack(params []float32) {
	copy(g.weight, params)
	copy(g.bias, params[g.shape.C:])
}

func (g *groupNorm) activate(f apply) bool {
	g.activation = f
	return true
}

func (g *groupNorm) activated() bool { return g.activation != nil }

func (g *groupNorm) flop() float64 { return 0 } // few beside a convolution's

func (g *groupNorm) savedLen() int {
	n := g.shape.Len() + g.groups
	if g.activated() {
		n += g.shape.Len()
	}
	return n
}

// parts returns x̂ and r of all groups from what is saved of a block as long as x.
func (g *groupNorm) parts(saved, x []float32) (standard, scale []float32) {
	if g.activated() {
		saved = saved[len(x):]
	}
	return saved[:len(x)], saved[len(x):]
}

// group is where a group's values are: from which on, in each pixel, and how many.
func (g *groupNorm) group(i, width int) (from int, r kernel.Rows, n float32) {
	run := g.shape.C / g.groups
	r = kernel.Rows{Rows: g.shape.H * g.shape.W, Run: run, Stride: g.shape.C}
	return i * run * width, r, float32(r.Rows * run)
}

func (g *groupNorm) Forward(_ context.Context, y, saved, x []float32) {
	width := len(x) / g.shape.Len()
	standard, scales := g.parts(saved, x)
	var sums, means [lane.Max]float32
	sum, mean := sums[:width], means[:width]
	for i := range g.groups {
		from, r, n := g.group(i, width)
		x, standard, scale := x[from:], standard[from:], scales[i*width:][:width]
		kernel.Total(mean, x, r)
		for l := range mean {
			mean[l] = kernel.Flush(mean[l] / n)
		}
		kernel.Squares(sum, x, mean, r)
		for l, squares := range sum {
			scale[l] = float32(1 / math.Sqrt(float64(squares/n)+epsilon))
		}
		kernel.Standardise(standard, x, mean, scale, r)
	}
	kernel.Affine(width, y, standard, g.weight, g.bias)
	if g.activated() {
		g.activation(y, saved[:len(y)], y)
	}
}

// InputGrad is dx = r·(g − Σ g/n − x̂·Σ g·x̂/n) with g = w[c]·dy.
func (g *groupNorm) InputGrad(_ context.Context, dx, dy, saved, mask []float32) {
	width := len(dx) / g.shape.Len()
	standard, scales := g.parts(saved, dx)
	kernel.Affine(width, dx, dy, g.weight, g.zeros)
	var means, slopes [lane.Max]float32
	mean, slope := means[:width], slopes[:width]
	for i := range g.groups {
		from, r, n := g.group(i, width)
		dx, standard := dx[from:], standard[from:]
		kernel.Sums(mean, slope, dx, standard, r)
		for l := range mean {
			mean[l], slope[l] = kernel.Flush(mean[l]/n), kernel.Flush(slope[l]/n)
		}
		kernel.Centre(dx, standard, mean, slope, scales[i*width:][:width], r)
	}
	if mask != nil {
		kernel.Mul(dx, dx, mask)
	}
}

func (g *groupNorm) gradLen() int { return wholeVectors(2 * g.shape.C) }

func (g *groupNorm) sumsLen() int { return 0 }

// ParamGrad adds ∂/∂w[c] = Σ dy·x̂ and ∂/∂b[c] = Σ dy.
func (g *groupNorm) ParamGrad(_ context.Context, packed, high, _, dy, x, saved []float32) {
	width := len(x) / g.shape.Len()
	standard, _ := g.parts(saved, x)
	r := kernel.Rows{Rows: g.shape.H * g.shape.W, Run: 1, Stride: g.shape.C}
	var sums, dots [lane.Max]float32
	for c := range g.shape.C {
		kernel.Sums(sums[:width], dots[:width], dy[c*width:], standard[c*width:], r)
		addLanes(packed, high, c, dots[:width])
		addLanes(packed, high, g.shape.C+c, sums[:width])
	}
}

// addLanes adds the sum of the lower eight lanes to packed[at], and that of the
// upper ones, where there are such, to high[at].
func addLanes(packed, high []float32, at int, lanes []float32) {
	packed[at] = kernel.Flush(packed[at] + kernel.SumLanes((*[lane.Width]float32)(lanes)))
	if high != nil {
		high[at] = kernel.Flush(high[at] + kernel.SumLanes((*[lane.Width]float32)(lanes[lane.Width:])))
	}
}

func (g *groupNorm) Unpack(grad, packed []float32) { copy(grad, packed[:2*g.shape.C]) }
