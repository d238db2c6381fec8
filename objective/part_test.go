package objective

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/weights"
)

const batchSize = 10

// tiny returns the setup of an objective of the given kind that trains
// toy.Network.
func tiny(kind string) Setup {
	c := sampler.DefaultConfig()
	c.Steps = 3
	return Setup{
		Network: toy.Network().Spec(), BatchSize: batchSize, Objective: &Config{Kind: kind, Alpha: 0.1, DataNoise: 0.005, Latent: Uniform}, Sampler: &c,
		Buffer: &replay.Config{Size: 25, Policy: replay.FIFO, RestartProbability: 0.05}, Restart: &replay.Restart{Uniform: 1},
		Optimizer: &optim.Config{LearningRate: 1e-2, Beta2: 0.999, Epsilon: 1e-8, GradClipNorm: 0.1},
		Schedule:  &optim.Schedule{Gamma: 0.97, RestartGamma: 1, EveryNEpochs: 1}, EMA: &optim.EMA{},
	}
}

// start returns an objective with fresh weights.
func start(t *testing.T, s Setup) Objective {
	t.Helper()
	o, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	Init(o, 5, s.BatchSize)
	return o
}

// step trains on the strokes of a step.
func step(t *testing.T, o Objective, n int) Result {
	t.Helper()
	set, size := toy.Strokes(batchSize*(n+1)), toy.Shape.Len()
	x := make([]float32, batchSize*size)
	for i := range batchSize {
		set.Image(x[i*size:(i+1)*size], batchSize*n+i)
	}
	r := Result{Values: make([]float64, len(o.Figures()))}
	if err := o.Step(context.Background(), Batch{Real: x, N: batchSize, Step: uint32(n), Chain: uint32(3 * n), Stream: random.Stream{Seed: 1}}, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSpectralNorm(t *testing.T) {
	s := tiny(ContrastiveDivergence)
	s.Optimizer.SpectralNorm = 0.3
	o := start(t, s)
	for n := range 6 {
		step(t, o, n)
	}
	for _, v := range o.Parts()[0].Net.Views() {
		if len(v.Shape) < 2 {
			continue
		}
		w := slices.Clone(v.Data)
		if norm := optim.SpectralClip(w, v.Shape[0], math.Inf(1)); norm > 0.3*1.05 {
			t.Errorf("%s has the norm %v", v.Name, norm)
		}
	}
}

// TestAverage: the model is the moving average of the weights, and runs as such.
func TestAverage(t *testing.T) {
	s := tiny(ContrastiveDivergence)
	s.EMA.Decay = 0.9
	o := start(t, s)
	p := o.Parts()[0]
	want := slices.Clone(p.Net.Params())
	for n := range 3 {
		step(t, o, n)
		d := float32(min(0.9, float64(1+n)/float64(10+n)))
		for i, v := range p.Net.Params() {
			want[i] += (1 - d) * (v - want[i])
		}
	}
	for i, v := range p.Weights() {
		if math.Abs(float64(v-want[i])) > 1e-6 {
			t.Fatalf("weight %d of the model is %v, want %v", i, v, want[i])
		}
	}
	x, trained, averaged := toy.Images(3, toy.Shape.Len(), 1), make([]float32, 3), make([]float32, 3)
	p.Engine.Energies(trained, x)
	p.Model().Energies(averaged, x)
	if slices.Equal(trained, averaged) {
		t.Error("the average gives the energies of the last weights")
	}
	copy(p.Net.Params(), p.Weights())
	p.Net.Pack()
	if p.Engine.Energies(trained, x); !slices.Equal(trained, averaged) {
		t.Error("the average gives other energies than its weights")
	}
}

// TestVectors: what a part's state is lists every vector once, under names that
// files have had all along, and Restored takes up what was changed in them.
func TestVectors(t *testing.T) {
	for decay, want := range map[float64][]string{0: {"", weights.AdamM, weights.AdamV}, 0.9: {weights.Raw, weights.AdamM, weights.AdamV, ""}} {
		s := tiny(ContrastiveDivergence)
		s.EMA.Decay, s.Extra = decay, batchSize
		o := start(t, s)
		step(t, o, 0)
		p := o.Parts()[0]
		var before [][]float32
		for i, v := range p.Vectors() {
			if v.Prefix != want[i] {
				t.Errorf("vector %d has the prefix %q, want %q", i, v.Prefix, want[i])
			}
			before = append(before, slices.Clone(v.Data))
		}
		mark := o.Buffer().Mark()
		after := step(t, o, 1)
		for i, v := range p.Vectors() {
			if slices.Equal(v.Data, before[i]) {
				t.Errorf("a step leaves vector %d as it was", i)
			}
			copy(v.Data, before[i])
		}
		p.Restored(1)
		o.Buffer().Back(mark)
		if again := step(t, o, 1); again.Loss != after.Loss || again.GradNorm != after.GradNorm {
			t.Errorf("the step done again gives %+v, and gave %+v", again, after)
		}
	}
}
