package joule

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

func tinyNetwork(t *testing.T) *nn.Network {
	t.Helper()
	net, err := nn.New(Network(4, lane.Shape{C: 1, H: 12, W: 12}))
	if err != nil {
		t.Fatal(err)
	}
	net.Init(5)
	return net
}

func randomImages(n, size int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n*size)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	return x
}

// TestEngineBatches holds a batch's energies and gradient to those of its
// images taken one by one, for batches that fill blocks and shards or not.
func TestEngineBatches(t *testing.T) {
	net := tinyNetwork(t)
	size := net.Input().Len()
	for _, n := range []int{1, 7, 8, 10, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			parts := [][]float32{randomImages(n, size, 1), randomImages(n, size, 2)}
			cotangent := [][]float32{randomImages(n, 1, 3), randomImages(n, 1, 4)}
			energy := [][]float32{make([]float32, n), make([]float32, n)}
			grad := make([]float32, len(net.Params()))
			e := newEngine(net, 3)
			e.forward(energy, parts)
			e.backward(grad, cotangent)

			want := make([]float64, len(grad))
			one := newEngine(net, 1)
			for p := range parts {
				for i := range n {
					var out [1]float32
					image := parts[p][i*size : (i+1)*size]
					one.energies(out[:], image)
					if out[0] != energy[p][i] {
						t.Fatalf("part %d: energy %d is %v in the batch, %v alone", p, i, energy[p][i], out[0])
					}
					single := make([]float32, len(grad))
					one.forward([][]float32{out[:]}, [][]float32{image})
					one.backward(single, [][]float32{cotangent[p][i : i+1]})
					for j, g := range single {
						want[j] += float64(g)
					}
				}
			}
			var scale float64
			for _, w := range want {
				scale = max(scale, math.Abs(w))
			}
			for j, w := range want {
				if math.Abs(float64(grad[j])-w) > 1e-5*scale {
					t.Fatalf("gradient %d is %v, want %v", j, grad[j], w)
				}
			}
		})
	}
}

// A larger batch followed by a smaller one must not see what is left of it.
func TestEngineForgets(t *testing.T) {
	net := tinyNetwork(t)
	size := net.Input().Len()
	gradient := func(e *engine, n int) []float32 {
		parts := [][]float32{randomImages(n, size, 1), randomImages(n, size, 2)}
		energy := [][]float32{make([]float32, n), make([]float32, n)}
		grad := make([]float32, len(net.Params()))
		e.forward(energy, parts)
		e.backward(grad, [][]float32{randomImages(n, 1, 3), randomImages(n, 1, 4)})
		return grad
	}
	used := newEngine(net, 2)
	gradient(used, 64)
	if !slices.Equal(gradient(used, 10), gradient(newEngine(net, 2), 10)) {
		t.Error("the gradient of a batch depends on the one before")
	}
}

// A chain depends on its slot, not on how many run beside it.
func TestChainsAreIndependent(t *testing.T) {
	net := tinyNetwork(t)
	size := net.Input().Len()
	c := sampler.DefaultConfig()
	c.Steps = 4
	run := func(n, threads int) []float32 {
		x := randomImages(19, size, 1)[:n*size]
		ch := chains{x: x, stream: random.Stream{Seed: 1, Purpose: random.Langevin}, step: 9}
		if err := newEngine(net, threads).advance(context.Background(), c, ch); err != nil {
			t.Fatal(err)
		}
		return x
	}
	all := run(19, 2)
	for _, n := range []int{1, 7, 8, 10, 16} {
		if !slices.Equal(run(n, 1), all[:n*size]) {
			t.Errorf("the first %d of 19 chains differ from %d chains", n, n)
		}
	}
}

func TestStepAllocations(t *testing.T) {
	net := tinyNetwork(t)
	e := newEngine(net, 1)
	x := randomImages(16, net.Input().Len(), 1)
	c := sampler.DefaultConfig()
	allocs := func(steps int) float64 {
		c.Steps = steps
		return testing.AllocsPerRun(5, func() {
			_ = e.advance(context.Background(), c, chains{x: x, stream: random.Stream{Seed: 1}})
		})
	}
	if few, many := allocs(1), allocs(50); many > few {
		t.Errorf("49 more steps allocate %v times more", many-few)
	}
}
