package nn

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
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

// A transposed convolution to an image of few channels runs through squares, which
// have no bias of their own.
func TestTransposedSquares(t *testing.T) {
	n, err := New(networks["squares"])
	if err != nil {
		t.Fatal(err)
	}
	if n.layers[0].(*transposed).conv.backward.squares == nil {
		t.Error("the network of the tests has no squares")
	}
}

// BenchmarkShares runs a convolutional autoencoder forward and back to input and
// weights, each layer by itself, and reports which part of the time layers other
// than convolutions take.
func BenchmarkShares(b *testing.B) {
	s := spec(lane.Shape{C: 1, H: 28, W: 28},
		Conv2D(32, 4, 2, 1), GroupNorm(4), LeakyReLU(0.2), Conv2D(64, 4, 2, 1), GroupNorm(8), LeakyReLU(0.2), AvgPool2D(7, 0), Flatten(),
		Linear(64), Dropout(0.2), Linear(64*7*7), Reshape(64, 7, 7), GroupNorm(8), LeakyReLU(0.2), Upsample(2), Conv2D(64, 3, 1, 1), Residual(1), SiLU(),
		ConvTranspose2D(32, 3, 1, 1, 0), GroupNorm(4), LeakyReLU(0.2), ConvTranspose2D(1, 4, 2, 1, 0), Tanh(), Distance(1))
	n, err := New(s)
	if err != nil {
		b.Fatal(err)
	}
	n.Init(1)
	p := n.NewProbe(make([]float32, s.Input.BlockLen(kernel.Widest())))
	p.acts.Drop(random.Stream{Seed: 1}, []uint32{0}, 0)
	took := make([][]time.Duration, len(s.Layers))
	for b.Loop() {
		for i := range s.Layers {
			start := time.Now()
			p.Forward(i)
			p.InputGrad(i)
			p.ParamGrad(i)
			took[i] = append(took[i], time.Since(start))
		}
	}
	times, total := map[string]time.Duration{}, time.Duration(0)
	for i, l := range n.Layers() {
		slices.Sort(took[i])
		median := took[i][len(took[i])/2]
		total += median
		if l.FLOP == 0 {
			times[l.Type] += median
			times["all"] += median
		}
	}
	for name, d := range times {
		b.ReportMetric(100*float64(d)/float64(total), "%"+name)
	}
}
