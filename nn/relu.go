package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// ReLU describes the activation max(x, 0).
func ReLU() LayerSpec { return LayerSpec{Type: ReLUType} }

// relu is the activation y = max(x, 0), with the derivative 1 where x > 0 and 0
// elsewhere (Nair and Hinton 2010). It saves its derivative.
type relu struct{ shape lane.Shape }

func (r relu) Out() lane.Shape { return r.shape }

func (r relu) savedLen() int { return r.shape.Len() }

func (r relu) Forward(_ context.Context, y, saved, x []float32) { kernel.ReLU(y, saved, x) }

func (r relu) InputGrad(_ context.Context, dx, dy, saved, _ []float32) { kernel.Mul(dx, dy, saved) }
