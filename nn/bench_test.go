package nn

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// document is the network of 32 hidden features on MNIST.
var document = features(32, lane.Shape{C: 1, H: 28, W: 28})

// features is the network of the default recipe with so many hidden features.
func features(hidden int, in lane.Shape) Spec {
	return spec(in, Conv2D(hidden/2, 5, 2, 4), SiLU(), Conv2D(hidden, 3, 2, 1), SiLU(),
		Conv2D(2*hidden, 3, 2, 1), SiLU(), Conv2D(2*hidden, 3, 2, 1), SiLU(), Flatten(), Linear(2*hidden), SiLU(), Linear(1))
}

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

// BenchmarkSizes runs each layer of wider networks and of those of larger images,
// in each direction, on one block of the widest that the kernels in use have. It
// takes turns with the peak of the processor and reports medians over the turns:
// nominal GFLOP/s, padded taps counted, their share of the peak, and microseconds.
func BenchmarkSizes(b *testing.B) {
	for _, size := range []struct {
		hidden int
		in     lane.Shape
	}{{32, lane.Shape{C: 1, H: 28, W: 28}}, {128, lane.Shape{C: 1, H: 28, W: 28}}, {32, lane.Shape{C: 3, H: 64, W: 64}}, {32, lane.Shape{C: 1, H: 128, W: 128}}, {32, lane.Shape{C: 3, H: 128, W: 128}}} {
		n, err := New(features(size.hidden, size.in))
		if err != nil {
			b.Fatal(err)
		}
		n.Init(1)
		width := kernel.Widest()
		p := n.NewProbe(make([]float32, size.in.BlockLen(width)))
		for i, l := range n.Layers() {
			if l.FLOP == 0 {
				continue
			}
			for _, way := range []struct {
				name string
				run  func(layer int)
			}{{"forward", p.Forward}, {"input", p.InputGrad}, {"parameters", p.ParamGrad}} {
				name := fmt.Sprintf("%dx%dx%d,%d/%d,%s/%s", size.in.C, size.in.H, size.in.W, size.hidden, i, l.Type, way.name)
				b.Run(name, func(b *testing.B) { besidePeak(b, l.FLOP*float64(width), func() { way.run(i) }) })
			}
		}
	}
}

// besidePeak times run, which does so much nominal work, in turns with the peak.
func besidePeak(b *testing.B, work float64, run func()) {
	var speeds, shares, times []float64
	for b.Loop() {
		start := time.Now()
		flop := kernel.Peak(5e3)
		peak := flop / time.Since(start).Seconds()
		start = time.Now()
		run()
		took := time.Since(start).Seconds()
		times, speeds, shares = append(times, 1e6*took), append(speeds, work/took/1e9), append(shares, work/took/peak)
	}
	reportMedian(b, times, "µs")
	reportMedian(b, speeds, "GFLOP/s")
	reportMedian(b, shares, "share")
}
