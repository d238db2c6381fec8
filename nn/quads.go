package nn

import "github.com/joule-ml/joule/internal/kernel"

// quads is the part of an input gradient that kernel.ConvQuads computes: squares
// of 2 × 2 pixels of the image that read whole taps.
type quads struct {
	kernel.Quads
	source []int32 // of Data, as in phase
	// Where the squares begin: rows top … bottom−2 and columns left … right−2.
	top, bottom, left, right int
}

// Fewer squares and more channels than these are left to the convolutions of each
// phase. Three channels use each vector three times there, which is as good.
const (
	leastQuads   = 8
	mostChannels = 2
)

// planQuads lays out the squares: square m reads the outputs m−n+1 … m of each
// axis and gives the inputs 2m−p and 2m−p+1.
func (c *conv) planQuads() {
	if c.stride != 2 || c.kh != c.kw || c.kh < 3 || c.in.C > mostChannels {
		return
	}
	q := &quads{Quads: kernel.Quads{Channels: c.in.C, Depth: c.out.C, Kernel: c.kh, XStride: c.out.W * c.out.C, YStride: c.in.W * c.in.C}}
	n := q.Taps()
	squares := func(in, out int) (first, end int) {
		return max(n-1, (c.pad+1)/2), min(out, (in+c.pad)/2)
	}
	y0, y1 := squares(c.in.H, c.out.H)
	x0, x1 := squares(c.in.W, c.out.W)
	if y1 <= y0 || x1 <= x0 || (y1-y0)*(x1-x0) < leastQuads {
		return
	}
	q.top, q.bottom, q.left, q.right = 2*y0-c.pad, 2*y1-c.pad, 2*x0-c.pad, 2*x1-c.pad
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			c.backward.add(inSquares, kernel.Taps{Rows: n, Run: n * q.Depth, XStride: q.XStride},
				((y-n+1)*c.out.W+x-n+1)*c.out.C, ((2*y-c.pad)*c.in.W+2*x-c.pad)*c.in.C)
		}
	}
	q.Data = make([]float32, c.in.C*n*n*c.out.C*4)
	q.source = make([]int32, len(q.Data))
	for j := range q.source {
		q.source[j] = q.find(c, j)
	}
	c.backward.squares = q
}

// find returns which weight stands at place j of Data, or −1 where an output has
// no such tap.
func (q *quads) find(c *conv, j int) int32 {
	n := q.Taps()
	output, o, at := j%4, j/4%q.Depth, j/4/q.Depth
	ky, kx := output/2+2*(n-1-at/n%n), output%2+2*(n-1-at%n)
	if ky >= c.kh || kx >= c.kw {
		return -1
	}
	return int32(c.weightIndex(o, at/n/n, ky, kx))
}

// has reports whether a pixel is in one of the squares.
func (q *quads) has(y, x int) bool {
	return q != nil && q.top <= y && y < q.bottom && q.left <= x && x < q.right
}

func (q *quads) pack(weight []float32) {
	if q == nil {
		return
	}
	for j, s := range q.source {
		if s >= 0 {
			q.Data[j] = weight[s]
		}
	}
}
