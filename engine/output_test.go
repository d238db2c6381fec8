package engine

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// twoOutputs is a network with logits and features.
func twoOutputs(t *testing.T) *nn.Network {
	t.Helper()
	net, err := nn.New(nn.Spec{Input: toy.Shape, Prefix: "layers", Layers: []nn.LayerSpec{
		nn.Conv2D(3, 3, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(5), nn.SiLU(), nn.Linear(4),
	}, Outputs: []nn.Output{{Name: nn.LogitsOutput, Layer: 5}, {Name: nn.FeaturesOutput, Layer: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	net.Init(3)
	return net
}

// dot is Σ c·y over all outputs, in float64.
func dot(c, y [][]float32) (sum float64) {
	for o := range c {
		for i, v := range c[o] {
			sum += float64(v) * float64(y[o][i])
		}
	}
	return sum
}

// TestInputGrad holds input gradients of two outputs at once to central
// differences, and the outputs beside them to Outputs.
func TestInputGrad(t *testing.T) {
	net := twoOutputs(t)
	e := New(net, 2)
	const n = 11 // a block and a part of one
	size := net.Input().Len()
	x := toy.Images(n, size, 1)
	c := [][]float32{toy.Images(n, 4, 2), toy.Images(n, 5, 3)}
	outputs := func() [][]float32 { return [][]float32{make([]float32, n*4), make([]float32, n*5)} }
	want, out, dx := outputs(), outputs(), make([]float32, len(x))
	e.Outputs(want, x)
	e.InputGrad(dx, out, x, c)
	for o := range out {
		if !slices.Equal(out[o], want[o]) {
			t.Errorf("output %d beside the gradient is not that of Outputs", o)
		}
	}
	const h = 1.0 / 64
	y := outputs()
	for _, i := range []int{0, 5, size + 77, 8*size + 3, n*size - 1} {
		old := x[i]
		x[i] = old + h
		e.Outputs(y, x)
		diff := dot(c, y)
		x[i] = old - h
		e.Outputs(y, x)
		diff = (diff - dot(c, y)) / (2 * h)
		x[i] = old
		if math.Abs(diff-float64(dx[i])) > 1e-3*(1+math.Abs(diff)) {
			t.Errorf("gradient at %d is %v, central difference %v", i, dx[i], diff)
		}
	}
	// One output alone, the other nil or missing.
	features := make([]float32, len(x))
	logits := make([]float32, len(x))
	e.InputGrad(logits, nil, x, c[:1])
	e.InputGrad(features, nil, x, [][]float32{nil, c[1]})
	for i := range dx {
		if math.Abs(float64(logits[i]+features[i]-dx[i])) > 1e-5 {
			t.Fatalf("gradients of the outputs add up to %v, both at once give %v", logits[i]+features[i], dx[i])
		}
	}
}

// TestPassOutput holds the parameters' gradient of an output with many values to
// central differences.
func TestPassOutput(t *testing.T) {
	net := twoOutputs(t)
	const n, k, h = 20, 4, 1.0 / 64
	x, c := toy.Images(n, net.Input().Len(), 1), toy.Images(n, k, 2)
	grad := make([]float32, len(net.Params()))
	e := New(net, 2)
	e.NewPass().Gradient(grad, [][]float32{x}, func(_, i int, _, dy []float32) { copy(dy, c[i*k:]) })
	at := func(i int, v float32) float64 {
		net.Params()[i] = v
		net.Pack()
		y := [][]float32{make([]float32, n*k)}
		e.Outputs(y, x)
		return dot([][]float32{c}, y)
	}
	for i := 0; i < len(grad); i += 31 {
		old := net.Params()[i]
		diff := (at(i, old+h) - at(i, old-h)) / (2 * h)
		at(i, old)
		if math.Abs(diff-float64(grad[i])) > 1e-3*(1+math.Abs(diff)) {
			t.Errorf("gradient at %d is %v, central difference %v", i, grad[i], diff)
		}
	}
}

// TestConcurrentCalls holds calls from many goroutines to the bits of calls
// one after another. The race detector looks on.
func TestConcurrentCalls(t *testing.T) {
	net := toy.Network()
	e := New(net, 2)
	size := net.Input().Len()
	c := sampler.DefaultConfig()
	c.Steps = 3
	call := func(i int) []float32 {
		n := 1 + 5*i
		x, energy, dx := toy.Images(n, size, uint64(i)), make([]float32, n), make([]float32, n*size)
		e.InputGrad(dx, [][]float32{energy}, x, [][]float32{slices.Repeat([]float32{1}, n)})
		e.Perturb(x, random.Stream{Seed: 1}, 0, 0.1, -1, 1)
		if err := e.Advance(context.Background(), c, Chains{X: x, Stream: random.Stream{Seed: uint64(i)}}); err != nil {
			t.Error(err)
		}
		e.Energies(energy, x)
		return slices.Concat(x, energy, dx)
	}
	const calls = 6
	var want, got [calls][]float32
	for i := range want {
		want[i] = call(i)
	}
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = call(i) })
	}
	wg.Wait()
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("call %d has other results beside others", i)
		}
	}
}
