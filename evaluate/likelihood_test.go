package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/ais"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/sampler"
)

// plane returns a model of images of two pixels with a rough energy, and its
// density on a grid of side² cells over [−1, 1]²: log Z, and samples drawn by
// cell and uniformly within.
func plane(t *testing.T, seed uint64, temperature float64, samples int) (m *joule.Model, logZ float64, exact []float32) {
	t.Helper()
	net, err := nn.New(nn.Spec{Input: lane.Shape{C: 1, H: 1, W: 2}, Layers: []nn.LayerSpec{
		nn.Flatten(), nn.Linear(24), nn.SiLU(), nn.Linear(24), nn.SiLU(), nn.Linear(1),
	}})
	if err != nil {
		t.Fatal(err)
	}
	net.Init(seed)
	for i, v := range net.Params() {
		net.Params()[i] = 4 * v
	}
	net.Pack()
	m = modelOf(t, net)

	const side = 500
	images := make([]float32, 0, 2*side*side)
	for i := range side {
		for j := range side {
			images = append(images, float32((2*float64(i)+1)/side-1), float32((2*float64(j)+1)/side-1))
		}
	}
	energies := make([]float32, side*side)
	m.Energies(energies, images)
	lowest := float64(slices.Min(energies))
	mass := make([]float64, side*side)
	sum := 0.0
	for i, e := range energies {
		sum += math.Exp((lowest - float64(e)) / temperature)
		mass[i] = sum
	}
	logZ = math.Log(sum*4/(side*side)) - lowest/temperature
	rng := rand.New(rand.NewPCG(seed, 1))
	for range samples {
		i, _ := slices.BinarySearch(mass, rng.Float64()*sum)
		for _, v := range images[2*i : 2*i+2] {
			exact = append(exact, v+float32((rng.Float64()*2-1)/side))
		}
	}
	return m, logZ, exact
}

// TestLogPartition holds estimates for networks to integrals over a grid.
func TestLogPartition(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		for _, temperature := range []float64{1, 0.2} {
			t.Run(fmt.Sprintf("seed %d at T = %v", seed, temperature), func(t *testing.T) {
				m, want, exact := plane(t, seed, temperature, 64)
				c := ais.DefaultConfig()
				c.Betas, c.Temperature = int(800/temperature), temperature
				est, err := LogPartition(context.Background(), m, c, nil)
				if err != nil {
					t.Fatal(err)
				}
				both, err := ais.Run(context.Background(), ais.Target{
					Elements: 2, Energy: func() sampler.Energy { return m.Engine().Energy() }, Exact: exact,
				}, c, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(both.Forward.LogWeights, est.Forward.LogWeights) {
					t.Error("exact samples change the forward chains")
				}
				for name, s := range map[string]ais.Side{"forward": est.Forward, "own starts": *est.Reverse, "reverse": *both.Reverse} {
					t.Logf("%s: %.4f [%.4f, %.4f], grid %.4f, base %.4f, ESS %.1f", name, s.LogZ, s.Low, s.High, want, est.LogZ0, s.ESS)
					if width := s.High - s.Low; width > 0.7 || math.Abs(s.LogZ-want) > 1.25*width {
						t.Errorf("%s: log Z is %v [%v, %v], on the grid %v", name, s.LogZ, s.Low, s.High, want)
					}
				}
				if math.Abs(want-est.LogZ0) < 0.3 {
					t.Errorf("log Z of %v is no different from the base's", want)
				}
				for _, w := range append(est.Warnings, both.Warnings...) {
					t.Error(w)
				}
			})
		}
	}
}

func TestLogLikelihood(t *testing.T) {
	m, logZ, images := plane(t, 2, 1, 500)
	est, err := LogPartition(context.Background(), m, ais.DefaultConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := LogLikelihood(m, est, images)
	if err != nil {
		t.Fatal(err)
	}
	energies := make([]float32, 500)
	m.Energies(energies, images)
	want := -logZ
	for _, e := range energies {
		want -= float64(e) / 500
	}
	if math.Abs(l.Nats-want) > 0.1 || math.Abs(l.BitsPerDim+want/(2*math.Ln2)) > 0.1 {
		t.Errorf("%+v, want %v nats", l, want)
	}
	// A model's own samples are likelier than noise, whose mean log-density is
	// below that of the uniform one, −2·log 2.
	noise, err := LogLikelihood(m, est, toy.Images(500, 2, 1))
	if err != nil {
		t.Fatal(err)
	}
	if !(l.Nats > noise.Nats+0.1 && noise.Nats < -2*math.Ln2) {
		t.Errorf("samples have %v nats, noise %v", l.Nats, noise.Nats)
	}
}

// The convolutions of a whole network, for any number of threads.
func TestLogPartitionThreads(t *testing.T) {
	m := modelOf(t, toy.Network())
	c := ais.DefaultConfig()
	c.Betas, c.Chains, c.Burn, c.Pilot = 30, 20, 10, 1
	var first *ais.Estimate
	for _, threads := range []int{1, 2, 5} {
		c.Threads = threads
		est, err := LogPartition(context.Background(), m, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = est
		}
		if !reflect.DeepEqual(first, est) {
			t.Errorf("%d threads give another estimate", threads)
		}
	}
	// Untrained energies are nearly flat.
	if d := first.LogZ() - first.LogZ0; math.Abs(d) > 1 {
		t.Errorf("log Z differs from the base's by %v", d)
	}
}

func TestLogPartitionOfBadModel(t *testing.T) {
	m, _, _ := plane(t, 1, 1, 0)
	m.Engine().Network().Params()[0] = float32(math.NaN())
	m.Engine().Network().Pack()
	_, err := LogPartition(context.Background(), m, ais.DefaultConfig(), nil)
	var bad *ais.NonFiniteError
	if !errors.As(err, &bad) || bad.Hint == "" {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	good, _, _ := plane(t, 1, 1, 0)
	if _, err := LogPartition(ctx, good, ais.DefaultConfig(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// modelOf returns the model of a network.
func modelOf(t testing.TB, net *nn.Network) *joule.Model {
	t.Helper()
	var tensors []checkpoint.Tensor
	for _, v := range net.Views() {
		tensors = append(tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
	}
	m, err := joule.NewModel(net.Spec(), tensors)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
