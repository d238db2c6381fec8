package engine

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
)

// What a pass drops depends on the stream, the step and the image, and not on cores
// or blocks; outputs are never of a network that drops values.
func TestDropout(t *testing.T) {
	net, err := nn.New(nn.Spec{Input: lane.Shape{C: 1, H: 4, W: 4}, Layers: []nn.LayerSpec{nn.Dropout(0.5), nn.Flatten(), nn.Linear(6), nn.SiLU(), nn.Dropout(0.5), nn.Linear(1)}})
	if err != nil {
		t.Fatal(err)
	}
	net.Init(3)
	const n = 37
	parts := [][]float32{toy.Images(n, net.Input().Len(), 1), toy.Images(n, net.Input().Len(), 2)}
	e := New(net, 2)
	pass := e.NewPass()
	gradient := func(group, widest int, step uint32) []float32 {
		grad := make([]float32, len(net.Params()))
		pass.Drop(random.Stream{Seed: 4, Purpose: random.Dropout}, step)
		pass.gradient(grad, parts, func(_, _ int, _, dy []float32) { dy[0] = 1 }, group, widest)
		return grad
	}
	energies := func() []float32 {
		y := make([]float32, n)
		e.Outputs([][]float32{y}, parts[0])
		return y
	}
	before := energies()
	want := gradient(1, lane.Width, 5)
	if !slices.Equal(gradient(2, lane.Width, 5), want) || !slices.Equal(gradient(2, kernel.Widest(), 5), want) {
		t.Error("two shards a worker give another gradient")
	}
	if slices.Equal(gradient(1, lane.Width, 6), want) {
		t.Error("another step drops the same values")
	}
	if !slices.Equal(energies(), before) {
		t.Error("outputs drop values")
	}
}
