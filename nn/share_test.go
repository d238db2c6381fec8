package nn

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// BenchmarkShare takes turns with the peak of the processor, all convolutions
// of the default network both ways on two blocks of eight images, and the same
// on one of sixteen, where the kernels in use have such. It reports medians over
// the turns: each one's nominal share of the peak, padded taps counted, and how
// many times faster sixteen are.
func BenchmarkShare(b *testing.B) {
	n, err := New(document)
	if err != nil {
		b.Fatal(err)
	}
	n.Init(1)
	work := 0.0
	for _, w := range n.weights {
		if w != nil {
			work += 2 * lane.Max * w.flop()
		}
	}
	narrow, wide := newConvolutions(n, lane.Width), newConvolutions(n, lane.Max)
	timed := func(f func()) float64 {
		start := time.Now()
		f()
		return time.Since(start).Seconds()
	}
	var shares8, shares16, ratios []float64
	for b.Loop() {
		var flop float64
		peak := timed(func() { flop = kernel.Peak(2e4) })
		t8 := timed(func() { narrow.run(); narrow.run() })
		shares8 = append(shares8, work/t8*peak/flop)
		if kernel.Widest() == lane.Max {
			t16 := timed(wide.run)
			shares16, ratios = append(shares16, work/t16*peak/flop), append(ratios, t8/t16)
		}
	}
	reportMedian(b, shares8, "share8")
	reportMedian(b, shares16, "share16")
	reportMedian(b, ratios, "faster")
}

// reportMedian reports nothing of no values.
func reportMedian(b *testing.B, v []float64, unit string) {
	if slices.Sort(v); len(v) > 0 {
		b.ReportMetric(v[len(v)/2], unit)
	}
}

// convolutions are those of a network, without activations, and a block.
type convolutions struct {
	net   *Network
	width int
	a     *Activations
	dx    []float32
}

func newConvolutions(n *Network, width int) *convolutions {
	c := &convolutions{n, width, n.NewActivations(width), n.NewScratch(width).a}
	n.Forward(c.a, c.a.Input(), make([]float32, width))
	return c
}

// run takes the block through all of them, both ways.
func (c *convolutions) run() {
	ctx := context.Background()
	for i, w := range c.net.weights {
		if l, ok := w.(*conv); ok {
			l.forward.apply(ctx, c.width, c.a.values[i+1], c.a.values[i], l.bias, nil)
		}
	}
	for i, w := range c.net.weights {
		if l, ok := w.(*conv); ok {
			l.InputGrad(ctx, c.dx[:len(c.a.values[i])], c.a.values[i+1], nil, c.net.mask(c.a, i))
		}
	}
}
