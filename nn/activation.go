package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// activation is a function of each value alone. It saves its derivative. Between
// two layers with weights it does not run by itself: see Network.fuse.
type activation struct {
	shape lane.Shape
	apply apply
}

// apply sets y = f(x) and d = f'(x).
type apply func(y, d, x []float32)

func (a activation) Out() lane.Shape { return a.shape }

func (a activation) savedLen() int { return a.shape.Len() }

func (a activation) Forward(_ context.Context, y, saved, x []float32) { a.apply(y, saved, x) }

func (a activation) InputGrad(_ context.Context, dx, dy, saved, _ []float32) {
	kernel.Mul(dx, dy, saved)
}

// activate returns what builds an activation.
func activate(f apply) func(LayerSpec, input) layer {
	return func(_ LayerSpec, in input) layer { return activation{in.Shape, f} }
}
