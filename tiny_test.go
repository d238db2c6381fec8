package joule

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
)

// tinyConfig trains strokes within moments, also with the generic kernels.
func tinyConfig() Config {
	c := DefaultConfig()
	c.Data, c.Epochs, c.BatchSize = "strokes", 2, 10
	c.Network.HiddenFeatures = 4
	c.Sampler.Steps = 5
	c.Buffer.Size = 25 // less than three batches: the ring wraps
	c.Optimizer.LearningRate = 1e-2
	return c
}

// tinyRun returns settings for a training of moments, on stripes.
func tinyRun() Config {
	c := DefaultConfig()
	c.Data = "stripes"
	c.Network.HiddenFeatures = 2
	c.BatchSize, c.Epochs = 8, 2
	c.Sampler.Steps = 2
	c.Buffer.Size = 50
	c.Generate.Chains, c.Generate.Steps = 3, 2
	return c
}

// tinyAdversarial trains a generator beside an energy. Its guard does not go back.
func tinyAdversarial(kind string) Config {
	c := tinyConfig()
	c.Network.Kind, c.Objective.Kind, c.Guard.Retries = "autoencoder", kind, 0
	c.Guard.MinGap, c.Guard.MaxGap, c.Guard.MaxEnergy, c.Guard.MinDiversity, c.Guard.MaxBlank = math.Inf(-1), math.Inf(1), math.Inf(1), 0, 1
	c.Objective.PullingAway, c.Generator.HiddenFeatures, c.Generator.Code = 0.1, 4, 6
	return c
}

// tinyTrainer trains on strokes, five batches an epoch.
func tinyTrainer(t *testing.T, c Config) *Trainer {
	t.Helper()
	tr, err := NewTrainer(c, toy.Strokes(47), toy.Strokes(23)) // the last batch has 7 images
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// saved returns the bytes of a checkpoint of tr: every bit of its state. They do
// not go over the disk, where Save waits.
func saved(t *testing.T, tr *Trainer) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := checkpoint.Encode(&b, tr.file()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resumed returns a trainer that goes on from the bytes of a checkpoint.
func resumed(t *testing.T, state []byte) *Trainer {
	t.Helper()
	f, err := checkpoint.Decode(bytes.NewReader(state), int64(len(state)))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := resume("memory", f, toy.Strokes(47), toy.Strokes(23), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// fit trains until the end.
func fit(t *testing.T, tr *Trainer, callback Callback) {
	t.Helper()
	if err := tr.Fit(context.Background(), callback); err != nil {
		t.Fatal(err)
	}
}

// events returns a callback that calls f after every step, epoch and rollback.
func events(f func() error) Callback {
	return Callback{
		Step:     func(StepInfo) error { return f() },
		Epoch:    func(EpochInfo) error { return f() },
		Rollback: func(Rollback) error { return f() },
	}
}

// checkResumes trains once, and resumes from the state after every step, epoch
// and rollback: the events that follow have the same states. Some of the
// resumed go on to the end, the others for a few events: the next starts there.
// Short tests resume from every fourth state.
func checkResumes(t *testing.T, c Config) *Trainer {
	t.Helper()
	const few, some = 3, 8
	straight := tinyTrainer(t, c)
	var states [][]byte
	fit(t, straight, events(func() error { states = append(states, saved(t, straight)); return nil }))
	enough := errors.New("enough")
	for n, state := range states {
		if testing.Short() && n%4 != 0 {
			continue
		}
		tr := resumed(t, state)
		tr.SetThreads(1) // where there is so little to do, others cost more than they give
		if !bytes.Equal(saved(t, tr), state) {
			t.Errorf("event %d: a checkpoint read and written is another", n)
		}
		at := n
		err := tr.Fit(t.Context(), events(func() error {
			if at++; !bytes.Equal(saved(t, tr), states[at]) {
				t.Errorf("resumed after event %d: other bits after event %d", n, at)
			}
			if n%some != 0 && at == n+few {
				return enough
			}
			return nil
		}))
		if err != enough && (err != nil || at != len(states)-1) {
			t.Errorf("resumed after event %d: %v after event %d of %d", n, err, at, len(states))
		}
	}
	return straight
}

// What tests of the public API use, too.
var (
	TinyConfig      = tinyConfig
	TinyRun         = tinyRun
	TinyTrainer     = tinyTrainer
	TinyAdversarial = tinyAdversarial
	FitTiny         = fit
	Saved           = saved
	File            = (*Trainer).file
	Resumed         = resumed

	CheckResumes = checkResumes
	ModelOf      = newModel
)

// ModelWithCard returns the model of a network with a card.
func ModelWithCard(net *nn.Network, c *Card) *Model {
	m := newModel(net)
	m.card = c
	return m
}
