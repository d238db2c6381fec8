package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// SiLU describes the activation x·σ(x).
func SiLU() LayerSpec { return LayerSpec{Type: SiLUType} }

// silu is the activation y = x·σ(x). It saves its derivative. Between two
// layers with weights it does not run by itself: see fuse.
type silu struct{ shape lane.Shape }

func (s silu) Out() lane.Shape { return s.shape }

func (s silu) savedLen() int { return s.shape.Len() }

func (s silu) Forward(_ context.Context, y, saved, x []float32) { kernel.SiLU(y, saved, x) }

func (s silu) InputGrad(_ context.Context, dx, dy, saved, _ []float32) { kernel.Mul(dx, dy, saved) }
