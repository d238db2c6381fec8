package nn

import (
	"context"
	"fmt"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// document is the network of 32 hidden features on MNIST.
var document = spec(lane.Shape{C: 1, H: 28, W: 28},
	Conv2D(16, 5, 2, 4), SiLU(), Conv2D(32, 3, 2, 1), SiLU(), Conv2D(64, 3, 2, 1), SiLU(), Conv2D(64, 3, 2, 1), SiLU(),
	Flatten(), Linear(64), SiLU(), Linear(1))

// BenchmarkLayers runs each layer on one block of each width that the kernels
// in use have. GFLOP/s are nominal: padded taps count.
func BenchmarkLayers(b *testing.B) {
	b.Run("peak", func(b *testing.B) {
		flop := 0.0
		for b.Loop() {
			flop += kernel.Peak(1e5)
		}
		b.ReportMetric(flop/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
	})
	for width := lane.Width; width <= kernel.Widest(); width *= 2 {
		b.Run(fmt.Sprint(width), func(b *testing.B) { benchmarkLayers(b, width) })
	}
}

func benchmarkLayers(b *testing.B, width int) {
	n, err := New(document)
	if err != nil {
		b.Fatal(err)
	}
	n.Init(1)
	a, s := n.NewActivations(width), n.NewScratch(width)
	energy, high := make([]float32, width), make([]float32, n.GradLen())
	if width == lane.Width {
		high = nil
	}
	n.Forward(a, a.Input(), energy)
	ones := ones[:width]
	var flop float64
	for i, l := range n.layers {
		if l == nil {
			continue
		}
		report := func(b *testing.B) {}
		if w := n.weights[i]; w != nil {
			work := w.flop() * float64(width)
			flop += 2 * work
			report = func(b *testing.B) {
				b.ReportMetric(work*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			}
		}
		b.Run(fmt.Sprintf("%d,%T/forward", i, l), func(b *testing.B) {
			for b.Loop() {
				l.Forward(context.Background(), a.values[i+1], a.saved[i], a.values[i])
			}
			report(b)
		})
		b.Run(fmt.Sprintf("%d,%T/input", i, l), func(b *testing.B) {
			dx := make([]float32, len(a.values[i]))
			for b.Loop() {
				l.InputGrad(context.Background(), dx, a.values[i+1], a.saved[i], n.mask(a, i))
			}
			report(b)
		})
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			n.Forward(a, a.Input(), energy)
			n.InputGrad(s, a, ones)
		}
		b.ReportMetric(flop*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
	})
	b.Run("parameters", func(b *testing.B) {
		grad := make([]float32, n.GradLen())
		for b.Loop() {
			n.ParamGrad(grad, high, s, a, ones)
		}
	})
}
