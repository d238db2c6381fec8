package nn

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule/lane"
)

// Reshape describes the step from a vector, or another image, to an image of the
// same number of values, channel by channel as PyTorch's view.
func Reshape(channels, height, width int) LayerSpec {
	return LayerSpec{Type: ReshapeType, Out: channels, Height: height, Width: width}
}

// reshape copies: in a block the channels of a pixel stand together, and in a view
// the pixels of a channel do.
type reshape struct{ in, out lane.Shape }

func checkReshape(l LayerSpec, in input) error {
	if out := buildReshape(l, in).Out(); out.Len() != in.Len() {
		return fmt.Errorf("%d×%d×%d are %d values, the input has %d", out.C, out.H, out.W, out.Len(), in.Len())
	}
	return nil
}

func buildReshape(l LayerSpec, in input) layer {
	return reshape{in.Shape, lane.Shape{C: l.Out, H: l.Height, W: l.Width}}
}

func (r reshape) Out() lane.Shape { return r.out }

func (r reshape) savedLen() int { return 0 }

func (r reshape) Forward(_ context.Context, y, _, x []float32) { view(y, x, r.out, r.in) }

func (r reshape) InputGrad(_ context.Context, dx, dy, _, _ []float32) { view(dx, dy, r.in, r.out) }

// view copies a block of one shape to one of another.
func view(dst, src []float32, to, from lane.Shape) {
	n := to.Len()
	width := len(dst) / n
	toPlane, fromPlane := to.H*to.W, from.H*from.W
	toAt, fromAt := spot{}, spot{}
	for range n {
		d, s := dst[toAt.index(to.C)*width:], src[fromAt.index(from.C)*width:]
		*(*[lane.Width]float32)(d) = *(*[lane.Width]float32)(s)
		if width > lane.Width {
			*(*[lane.Width]float32)(d[lane.Width:]) = *(*[lane.Width]float32)(s[lane.Width:])
		}
		toAt.next(toPlane)
		fromAt.next(fromPlane)
	}
}

// A spot is a value of an image, in PyTorch's order: a channel and a pixel in it.
type spot struct{ channel, pixel int }

// index is its place in a block.
func (s spot) index(channels int) int { return s.pixel*channels + s.channel }

func (s *spot) next(plane int) {
	if s.pixel++; s.pixel == plane {
		s.channel, s.pixel = s.channel+1, 0
	}
}
