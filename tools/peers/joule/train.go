package main

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
)

// batches is how many batches of made-up images there are to train on.
const batches = 8

// A training is the default recipe's, of a model that is there already.
type training struct {
	cfg       joule.Config // the objective follows its changes
	loader    *dataset.Loader
	objective objective.Objective
	real      []float32
	result    objective.Result
	step      int // training steps done
	chain     int // sampler steps done
}

func newTraining(m *joule.Model, threads, buffer int) (*training, error) {
	t := &training{cfg: joule.DefaultConfig()}
	t.cfg.Buffer.Size = max(buffer, t.cfg.BatchSize)
	t.cfg.Guard.Retries = 0 // there is none, so the buffer needs no room for its states
	c, h, w := m.Shape()
	set := &dataset.Set{Name: "peers", N: batches * t.cfg.BatchSize, C: c, H: h, W: w}
	set.Pixels = make([]byte, set.N*set.Size())
	rand.NewChaCha8([32]byte{}).Read(set.Pixels)
	var err error
	if t.objective, err = objective.New(t.cfg.Setup(m.Spec())); err != nil {
		return nil, err
	}
	part := t.objective.Parts()[0]
	copy(part.Net.Params(), m.Engine().Network().Params())
	part.Restored(0)
	part.SetThreads(threads)
	// The buffer is full, as it is after the first few hundred steps.
	for i := range (t.cfg.Buffer.Size + t.cfg.BatchSize - 1) / t.cfg.BatchSize {
		t.objective.Buffer().Fill(t.cfg.BatchSize, random.Stream{Seed: uint64(i), Purpose: random.InitialNoise})
	}
	t.loader = dataset.NewLoader(set, t.cfg.BatchSize, t.cfg.Seed, true)
	t.real = make([]float32, t.cfg.BatchSize*set.Size())
	t.result.Values = make([]float64, len(t.objective.Figures()))
	return t, nil
}

func (t *training) stream() random.Stream { return random.Stream{Seed: t.cfg.Seed} }

// load reads the next batch of real images.
func (t *training) load() (n int) {
	t.loader.Seek(0, t.step%batches)
	return t.loader.Next(t.real)
}

// run takes a training step: all that happens between one batch and the next.
func (t *training) run(steps int) error {
	t.cfg.Sampler.Steps = steps
	n := t.load()
	err := t.objective.Step(context.Background(), objective.Batch{
		Real: t.real, N: n, Step: uint32(t.step), Chain: uint32(t.chain), Stream: t.stream(),
	}, &t.result)
	t.step++
	t.chain += steps
	return err
}

// rehearse takes the first training step without noise, so that another program
// can take the same. It writes the real images to q.Images, where its chains
// start to q.Start, and to q.Out, one after another, the loss, the norm of the
// gradient, the gradient as it was clipped, and by how much the weights changed.
func (w *worker) rehearse(q request) error {
	t, err := newTraining(w.model, w.threads, q.Buffer)
	if err != nil {
		return err
	}
	t.load()
	start := make([]float32, len(t.real))
	t.objective.Buffer().Draw(start, t.real, t.cfg.Buffer.RestartProbability, t.stream(), 0)
	if err := write(q.Images, t.real); err != nil {
		return err
	}
	if err := write(q.Start, start); err != nil {
		return err
	}
	part := t.objective.Parts()[0]
	before := slices.Clone(part.Net.Params())
	noise := []*float32{&t.cfg.Objective.DataNoise, &t.cfg.Sampler.Noise}
	usual := []float32{*noise[0], *noise[1]}
	*noise[0], *noise[1] = 0, 0
	err = t.run(q.Steps)
	*noise[0], *noise[1] = usual[0], usual[1]
	if err != nil {
		return err
	}
	out := append([]float32{float32(t.result.Loss), float32(t.result.GradNorm)}, part.Grad...)
	for i, v := range part.Net.Params() {
		out = append(out, v-before[i])
	}
	w.training = t
	return write(q.Out, out)
}
