package nn

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// BenchmarkTransposed takes turns with the peak of the processor, a convolution
// and its transpose, forward and back to the input and the weights, on the widest
// block. It reports medians of their nominal shares of the peak.
func BenchmarkTransposed(b *testing.B) {
	small, large := lane.Shape{C: 64, H: 7, W: 7}, lane.Shape{C: 32, H: 14, W: 14}
	layers := []weighted{
		buildConv2D(Conv2D(64, 4, 2, 1), input{Shape: large}).(weighted),
		buildConvTranspose2D(ConvTranspose2D(32, 4, 2, 1, 0), input{Shape: small}).(weighted),
	}
	blocks := [][]float32{make([]float32, large.BlockLen(kernel.Widest())), make([]float32, small.BlockLen(kernel.Widest()))}
	timed := func(f func()) float64 {
		start := time.Now()
		f()
		return time.Since(start).Seconds()
	}
	ctx := context.Background()
	shares := map[string][]float64{}
	for _, l := range layers {
		l.plan()
		l.Pack(make([]float32, 1<<16))
	}
	grad := make([]float32, max(layers[0].gradLen(), layers[1].gradLen()))
	high := grad
	if kernel.Widest() == lane.Width {
		high = nil
	}
	for b.Loop() {
		for i, name := range []string{"conv", "transposed"} {
			l, x, y := layers[i], blocks[i], blocks[1-i]
			work := l.flop() * float64(kernel.Widest())
			var flop float64
			peak := timed(func() { flop = kernel.Peak(2e4) })
			for what, f := range map[string]func(){
				"_forward": func() { l.Forward(ctx, y, nil, x) },
				"_input":   func() { l.InputGrad(ctx, x, y, nil, nil) },
				"_weights": func() { l.ParamGrad(ctx, grad, high, nil, y, x, nil) },
			} {
				shares[name+what] = append(shares[name+what], work/timed(f)*peak/flop)
			}
		}
	}
	for name, v := range shares {
		slices.Sort(v)
		b.ReportMetric(v[len(v)/2], name)
	}
}
