package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// given is the loss of an energy whose cotangents are given. It keeps the
// energies.
func given(energy, cotangent [][]float32) Loss {
	return func(part, i int, y, dy []float32) { energy[part][i], dy[0] = y[0], cotangent[part][i] }
}

// TestBatches holds a batch's energies and gradient to those of its
// images taken one by one, for batches that fill blocks and shards or not.
func TestBatches(t *testing.T) {
	net := toy.Network()
	size := net.Input().Len()
	for _, n := range []int{1, 7, 8, 10, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			parts := [][]float32{toy.Images(n, size, 1), toy.Images(n, size, 2)}
			cotangent := [][]float32{toy.Images(n, 1, 3), toy.Images(n, 1, 4)}
			energy := [][]float32{make([]float32, n), make([]float32, n)}
			grad := make([]float32, len(net.Params()))
			New(net, 3).NewPass().Gradient(grad, parts, given(energy, cotangent))

			want := make([]float64, len(grad))
			one := New(net, 1)
			alone := one.NewPass()
			for p := range parts {
				for i := range n {
					var out, again [1]float32
					image := parts[p][i*size : (i+1)*size]
					one.Energies(out[:], image)
					single := make([]float32, len(grad))
					alone.Gradient(single, [][]float32{image}, given([][]float32{again[:]}, [][]float32{cotangent[p][i : i+1]}))
					if out[0] != energy[p][i] || again != out {
						t.Fatalf("part %d: energy %d is %v in the batch, %v and %v alone", p, i, energy[p][i], out[0], again[0])
					}
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

// A batch's gradient has the same bits for any number of cores, for narrow blocks
// and wide ones, and after another batch.
func TestPassIsExact(t *testing.T) {
	net := toy.Network()
	size := net.Input().Len()
	type way struct{ threads, group, widest int }
	gradient := func(p *Pass, n int, w way) []float32 {
		parts := [][]float32{toy.Images(n, size, 1), toy.Images(n, size, 2)}
		energy := [][]float32{make([]float32, n), make([]float32, n)}
		grad := make([]float32, len(net.Params()))
		p.SetThreads(w.threads)
		p.gradient(grad, parts, given(energy, [][]float32{toy.Images(n, 1, 3), toy.Images(n, 1, 4)}), w.group, w.widest)
		return grad
	}
	widest := lane.Max
	if kernel.Name() != "generic" {
		widest = kernel.Widest() // others leave wide blocks to the kernels in Go, whose bits are others
	}
	used := New(net, 2).NewPass()
	for _, n := range []int{1, 10, 17, 64, 100} {
		want := gradient(New(net, 1).NewPass(), n, way{1, 1, lane.Width})
		for _, w := range []way{{3, 1, lane.Width}, {1, 2, lane.Width}, {20, 2, lane.Width}, {1, 2, widest}, {3, 2, widest}} {
			if !slices.Equal(gradient(used, n, w), want) {
				t.Errorf("%d images, %+v: other bits", n, w)
			}
		}
	}
}

// A chain depends on its slot, not on how many run beside it.
func TestChainsAreIndependent(t *testing.T) {
	net := toy.Network()
	size := net.Input().Len()
	c := sampler.DefaultConfig()
	c.Steps = 4
	run := func(n, threads int) []float32 {
		x := toy.Images(19, size, 1)[:n*size]
		ch := Chains{X: x, Stream: random.Stream{Seed: 1, Purpose: random.Langevin}, Step: 9}
		if err := New(net, threads).Advance(context.Background(), c, ch); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c.Method = range sampler.Methods() {
		all := run(19, 2)
		for _, n := range []int{1, 7, 8, 10, 16} {
			if !slices.Equal(run(n, 1), all[:n*size]) {
				t.Errorf("%s: the first %d of 19 chains differ from %d chains", c.Method, n, n)
			}
		}
	}
}

// A glance is a context that is done after so many looks at it.
type glance struct {
	context.Context
	left int
}

func (g *glance) Err() error {
	if g.left--; g.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestContext: all that an engine does ends wherever the context does, and
// leaves nothing behind for what follows.
func TestContext(t *testing.T) {
	net := toy.Network()
	e, size := New(net, 1), net.Input().Len()
	c := sampler.DefaultConfig()
	c.Steps = 2
	x := func() []float32 { return toy.Images(9, size, 1) }
	advance := func(ctx context.Context) ([]float32, error) {
		x := x()
		err := e.Advance(ctx, c, Chains{X: x, Stream: random.Stream{Seed: 1}})
		return x, err
	}
	input := func(ctx context.Context) ([]float32, error) {
		dx := make([]float32, 9*size)
		e.WithContext(ctx).InputGrad(dx, nil, x(), [][]float32{toy.Images(9, 1, 2)})
		return dx, ctx.Err()
	}
	for name, f := range map[string]func(context.Context) ([]float32, error){sampler.Langevin: advance, sampler.MALA: advance, "input": input} {
		if name != "input" {
			c.Method = name
		}
		want, err := f(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ended := 0
		for looks := 0; ; looks += 1 + looks/5 {
			_, err := f(&glance{context.Background(), looks})
			if got, _ := f(context.Background()); !slices.Equal(got, want) {
				t.Fatalf("%s: other bits after an end after %d looks", name, looks)
			}
			if err == nil {
				break
			}
			if ended++; err != context.Canceled {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if ended < 10 {
			t.Errorf("%s ended %d times", name, ended)
		}
	}
}

// TestAllocations: a call after one like it takes no memory.
func TestAllocations(t *testing.T) {
	net := toy.Network()
	x, energy, dx := toy.Images(40, net.Input().Len(), 1), make([]float32, 40), make([]float32, 40*net.Input().Len())
	grad, out, parts := make([]float32, len(net.Params())), [][]float32{energy}, [][]float32{x}
	loss := given(out, [][]float32{toy.Images(40, 1, 2)})
	for _, threads := range []int{1, 2} {
		e := New(net, threads)
		p := e.NewPass()
		c := sampler.DefaultConfig()
		c.Steps = 2
		for _, c.Method = range sampler.Methods() {
			if n := testing.AllocsPerRun(10, func() {
				_ = e.Advance(t.Context(), c, Chains{X: x, Stream: random.Stream{Seed: 1}})
			}); n != 0 {
				t.Errorf("%d cores: %s allocates %v times", threads, c.Method, n)
			}
		}
		for name, f := range map[string]func(){
			"Perturb":   func() { e.Perturb(x, random.Stream{Seed: 1}, 0, 0.1, -1, 1) },
			"Energies":  func() { e.Energies(energy, x) },
			"Outputs":   func() { e.WithContext(t.Context()).Outputs(out, x) },
			"InputGrad": func() { e.InputGrad(dx, out, x, out) },
			"Gradient":  func() { p.SetContext(t.Context()); p.Gradient(grad, parts, loss) },
		} {
			if n := testing.AllocsPerRun(10, f); n != 0 {
				t.Errorf("%d cores: %s allocates %v times", threads, name, n)
			}
		}
	}
}
