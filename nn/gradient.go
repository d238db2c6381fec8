package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// ones stands for the constant input of a bias.
var ones = [lane.Max]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

// gradLen is the length of the parameters' gradient as ParamGrad lays it out
// for kernel.Outer: for every four output channels and kernel row a strip of
// the row's taps and their channels, then a strip for the bias.
func (c *conv) gradLen() int { return wholeVectors(c.gradWeights() + fours(c.out.C)) }

// gradWeights is the length of that without the bias.
func (c *conv) gradWeights() int { return fours(c.out.C) * c.kh * c.kw * c.in.C }

func fours(channels int) int { return (channels + 3) / 4 * 4 }

func wholeVectors(n int) int { return (n + lane.Width - 1) / lane.Width * lane.Width }

// gradIndex is the place of a weight in that layout.
func (c *conv) gradIndex(o, i, ky, kx int) int {
	return 4*((o/4*c.kh+ky)*c.kw*c.in.C+kx*c.in.C+i) + o%4
}

// Unpack puts a gradient into PyTorch's order.
func (c *conv) Unpack(grad, packed []float32) {
	c.unpackWeights(grad, packed)
	copy(grad[c.weights():], packed[c.gradWeights():][:c.out.C])
}

func (c *conv) unpackWeights(grad, packed []float32) {
	taps := c.kh * c.kw
	for o := range c.out.C {
		row := grad[c.weightIndex(o, 0, 0, 0):c.weightIndex(o+1, 0, 0, 0)]
		from := packed[c.gradIndex(o, 0, 0, 0):]
		for tap := range taps {
			at := 4 * tap * c.in.C
			for j := tap; j < len(row); j += taps {
				row[j] = from[at]
				at += 4
			}
		}
	}
}

// Where a layer's input and its output's gradient take more than farPixels for the
// widest block, ParamGrad goes over them in bands of pixelBytes: those stay in the
// second-level cache while the gradients of all weights take their part of them. In
// between the sums of the lanes are in memory, which pays where there are
// pixelsOfSum times as many pixels. They are variables for tests alone.
var farPixels, pixelBytes, pixelsOfSum = 2 << 20, 256 << 10, 32

// rowsOfGrad is the number of rows of the output in a band of ParamGrad.
func (c *conv) rowsOfGrad() int {
	row := 4 * kernel.Widest() * (c.out.W*c.out.C + c.stride*c.in.W*c.in.C)
	if size := row * c.out.H; size <= farPixels || size < 4*kernel.Widest()*c.gradLen()*pixelsOfSum {
		return c.out.H
	}
	return min(c.out.H, max(1, pixelBytes/row))
}

// sumsLen is the number of vectors that ParamGrad wants as sums.
func (c *conv) sumsLen() int {
	if c.gradRows == c.out.H {
		return 0
	}
	return c.gradLen()
}

// ParamGrad adds ∂/∂w = Σ dy[oy][ox][o]·x[oy·s−p+ky][ox·s−p+kx][i] and
// ∂/∂b = Σ dy[oy][ox][o], summed over pixels and lanes, to packed and high.
func (c *conv) ParamGrad(ctx context.Context, packed, high, sums, dy, x, _ []float32) {
	c.paramGrad(ctx, packed, high, sums, dy, x, true)
}

func (c *conv) paramGrad(ctx context.Context, packed, high, sums, dy, x []float32, withBias bool) {
	g := gradient{conv: c, width: c.width(x), packed: packed, high: high, sums: sums, dy: dy, x: x}
	bias := strip{inputs: 1, rows: span{0, c.out.H}, cols: span{0, c.out.W}, x: ones[:g.width]}
	for g.end < c.out.H {
		g.first, g.end = g.end, min(g.end+c.gradRows, c.out.H)
		for o := 0; o < c.out.C; o += 4 {
			for ky := range c.kh {
				if ctx.Err() != nil {
					return
				}
				g.row(o, ky)
			}
			if bias.o, bias.at = o, c.gradWeights()+o; withBias {
				g.add(&bias)
			}
		}
	}
}

// gradient is what ParamGrad was asked for, and the band of rows of the output
// that it is at.
type gradient struct {
	*conv
	width                     int
	packed, high, sums, dy, x []float32
	span
}

// span is a range of rows or columns.
type span struct{ first, end int }

// valid gives the outputs along an axis whose tap k lies on the image.
func (c *conv) valid(k, size, outputs int) (s span) {
	if v := size - 1 + c.pad - k; v >= 0 {
		s.end = min(v/c.stride+1, outputs)
	}
	if c.pad > k {
		s.first = (c.pad - k + c.stride - 1) / c.stride
	}
	return s
}

// strip is what kernel.Outer takes at a time: weights of four output channels from
// o on, and pixels of the output that all of them reach.
type strip struct {
	at, o, inputs int // at is the place in the gradient
	rows, cols    span
	x             []float32 // from what the first weight meets at the first pixel
	xRow, xCol    int       // vectors from an output to the next one
}

// row adds the gradients of a kernel row's weights.
func (g *gradient) row(o, ky int) {
	c := g.conv
	s := strip{o: o, rows: c.valid(ky, c.in.H, c.out.H), xRow: c.stride * c.in.W * c.in.C, xCol: c.stride * c.in.C}
	for kx, n := 0, 0; kx < c.kw; kx += n {
		// Taps side by side that reach the same pixels are one strip.
		s.cols = c.valid(kx, c.in.W, c.out.W)
		for n = 1; kx+n < c.kw && c.valid(kx+n, c.in.W, c.out.W) == s.cols; {
			n++
		}
		if s.rows.first >= s.rows.end || s.cols.first >= s.cols.end {
			continue
		}
		s.at, s.inputs = c.gradIndex(o, 0, ky, kx), n*c.in.C
		y, x := s.rows.first*c.stride-c.pad+ky, s.cols.first*c.stride-c.pad+kx
		s.x = g.x[(y*c.in.W+x)*c.in.C*g.width:]
		g.add(&s)
	}
}

// add adds the gradients of a strip's weights, over the rows within the band.
func (g *gradient) add(s *strip) {
	c := g.conv
	first, end := max(s.rows.first, g.first), min(s.rows.end, g.end)
	if first >= end {
		return
	}
	p := kernel.Part{Begun: first > s.rows.first, GoesOn: end < s.rows.end}
	if p.Begun || p.GoesOn {
		p.Sums = g.sums[s.at*g.width:]
	}
	var high []float32 // of the same weights
	if g.high != nil {
		high = g.high[s.at:]
	}
	r := kernel.Rect{
		Rows: end - first, Cols: s.cols.end - s.cols.first,
		DyRow: c.out.W * c.out.C, DyCol: c.out.C, XRow: s.xRow, XCol: s.xCol,
	}
	dy := g.dy[(first*r.DyRow+s.cols.first*r.DyCol+s.o)*g.width:]
	kernel.OuterPart(g.packed[s.at:], high, dy, s.x[(first-s.rows.first)*s.xRow*g.width:], min(4, c.out.C-s.o), s.inputs, r, p)
}

// biasGrad adds Σ dy[oy][ox][o] to packed[at+o], and to high.
func biasGrad(packed, high, dy []float32, at int, out lane.Shape, width int) {
	for o := 0; o < out.C; o += 4 {
		var upper []float32
		if high != nil {
			upper = high[at+o:]
		}
		kernel.Outer(packed[at+o:], upper, dy[o*width:], ones[:width], min(4, out.C-o), 1,
			kernel.Rect{Rows: out.H, Cols: out.W, DyRow: out.W * out.C, DyCol: out.C})
	}
}
