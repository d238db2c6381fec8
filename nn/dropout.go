package nn

import (
	"context"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// Dropout describes setting each value to 0 with probability rate and multiplying
// the others by 1/(1−rate) (Srivastava et al. 2014). It does so only in passes with
// activations for which [Activations.Drop] asks: elsewhere values stay as they are.
func Dropout(rate float64) LayerSpec { return LayerSpec{Type: DropoutType, Rate: rate} }

// dropout saves what it multiplies each value by.
type dropout struct {
	shape lane.Shape
	drop  uint32  // of 2²⁴ words, those that drop a value
	scale float32 // of values that are kept
	first uint32  // index of the random words of the first values
}

// maxGroups is above the number of groups of four values in a layer, so that each
// layer has random words of its own.
const maxGroups = maxLen / 4

func buildDropout(l LayerSpec, in input) layer {
	return dropout{
		shape: in.Shape, drop: uint32(math.Round(l.Rate * (1 << 24))), scale: float32(1 / (1 - l.Rate)),
		first: uint32(len(in.before)-1) * maxGroups,
	}
}

func (d dropout) Out() lane.Shape { return d.shape }

func (d dropout) savedLen() int { return d.shape.Len() }

// Forward keeps all values.
func (d dropout) Forward(_ context.Context, y, saved, x []float32) {
	copy(y, x)
	for i := range saved {
		saved[i] = 1
	}
}

// Drop is Forward with values dropped by lanes' counters.
func (d dropout) Drop(y, saved, x []float32, c *kernel.Counter) {
	kernel.Keep(len(x)/d.shape.Len(), saved, c, d.first, d.drop, d.scale)
	kernel.Mul(y, x, saved)
}

func (d dropout) InputGrad(_ context.Context, dx, dy, saved, _ []float32) { kernel.Mul(dx, dy, saved) }

// Drop has dropout layers drop values in passes with a, until KeepAll. Which ones
// is a function of the stream, the step, the chain and the layer: lane l is chain
// chains[l], and lanes without one are as the last.
func (a *Activations) Drop(s random.Stream, chains []uint32, step uint32) {
	a.dropping = true
	for l := range a.width {
		a.counter.Key0[l], a.counter.Key1[l] = s.Key()[0], s.Key()[1]
		a.counter.Stream[l], a.counter.Chain[l], a.counter.Step[l] = s.Word(), chains[min(l, len(chains)-1)], step
	}
}

// KeepAll ends Drop.
func (a *Activations) KeepAll() { a.dropping = false }
