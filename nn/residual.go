package nn

import (
	"context"
	"fmt"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// Residual describes a way around the layers before it, so many of them: it adds
// what went into the first of them (He et al. 2016).
func Residual(over int) LayerSpec { return LayerSpec{Type: ResidualType, Over: over} }

// residual is y = x + z.
type residual struct {
	shape lane.Shape
	from  int // the layer that gives z
}

func checkResidual(l LayerSpec, in input) error {
	i := len(in.before) - 1 // of this layer
	if l.Over > i {
		return fmt.Errorf("over %d: there are only %d layers before it", l.Over, i)
	}
	if z := in.before[i-l.Over]; z.Shape != in.Shape || z.flat != in.flat {
		return fmt.Errorf("adds %s to %s: layer %d and this one have to give the same", z, in, i-l.Over-1)
	}
	return nil
}

func buildResidual(l LayerSpec, in input) layer {
	return residual{in.Shape, len(in.before) - 1 - l.Over - 1}
}

func (r residual) Out() lane.Shape { return r.shape }

func (r residual) savedLen() int { return 0 }

func (r residual) source() int { return r.from }

func (r residual) Join(y, _, x, z []float32) { kernel.Add(y, x, z) }

func (r residual) JoinGrad(dx, dz, dy, _ []float32) {
	copy(dx, dy)
	copy(dz, dy)
}

// Forward and InputGrad are not called, see joining.
func (r residual) Forward(context.Context, []float32, []float32, []float32) {}

func (r residual) InputGrad(context.Context, []float32, []float32, []float32, []float32) {}
