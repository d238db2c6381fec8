package joule

import (
	"bytes"
	"context"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/replay"
)

// guardedConfig diverges, and comes through with the help of the guard.
func guardedConfig() Config {
	c := tinyConfig()
	c.Epochs = 3
	c.Optimizer.LearningRate, c.Optimizer.GradClipNorm = 60, math.Inf(1)
	c.Guard.EveryNSteps, c.Guard.Window, c.Guard.Retries = 2, 2, 9
	c.Guard.MinGap, c.Guard.MaxGap, c.Guard.MaxGradNorm = -20, 20, math.Inf(1)
	return c
}

// lateConfig diverges in its later epochs, in which the learning rate rises.
func lateConfig() Config {
	c := guardedConfig()
	c.Epochs, c.BatchSize = 4, 4
	c.Optimizer.LearningRate, c.Schedule.Gamma = 0.05, 2
	c.Guard.EveryNSteps, c.Guard.Window = 4, 2
	c.Guard.MinGap, c.Guard.MaxGap, c.Guard.MaxGradNorm, c.Guard.MinDiversity = -3, 3, math.Inf(1), 0.35
	return c
}

// reservoirConfig has a model that is an average, and a reservoir.
func reservoirConfig() Config {
	c := lateConfig()
	c.EMA.Decay, c.Buffer.Policy = 0.9, replay.Reservoir
	c.Seed = 3
	return c
}

// scoreConfig has neither samples nor a buffer.
func scoreConfig() Config {
	c := lateConfig()
	c.Objective.Kind, c.Optimizer.LearningRate = objective.ScoreMatching, 0.02
	c.Guard.MinGap, c.Guard.MaxGradNorm = math.Inf(-1), 0.06
	return c
}

// spoiled returns a trainer whose samples, weights or sampler something is
// wrong with that no step puts right.
func spoiled(t *testing.T, spoil func(*Config, *Trainer)) *Trainer {
	t.Helper()
	c := tinyConfig()
	c.Epochs = 9
	c.Optimizer.LearningRate = 0
	c.Guard.Retries, c.Guard.EveryNSteps, c.Guard.Window = 2, 6, 3
	spoil(&c, nil)
	tr := tinyTrainer(t, c)
	spoil(&c, tr)
	tr.part().Net.Pack()
	return tr
}

// fill sets every image of the buffer.
func fill(b *replay.Buffer, f func(i, pixel int) float32) {
	for i := range b.Len() {
		for p := range b.Image(i) {
			b.Image(i)[p] = f(i, p)
		}
	}
}

// keepSamples leaves samples as they are in the buffer.
func keepSamples(c *Config) {
	c.Sampler.Steps, c.Buffer.RestartProbability = 0, 0
	c.Guard.MinChainGradNorm = 0 // there is none
}

// TestRules forces each rule to be broken.
func TestRules(t *testing.T) {
	scale := func(tr *Trainer, factor float32) {
		for i := range tr.part().Net.Params() {
			tr.part().Net.Params()[i] *= factor
		}
	}
	bias := func(tr *Trainer) *float32 { return &tr.part().Net.Params()[len(tr.part().Net.Params())-1] }
	for name, spoil := range map[string]func(*Config, *Trainer){
		"finite": func(_ *Config, tr *Trainer) {
			if tr != nil {
				*bias(tr) = float32(math.NaN())
			}
		},
		"energy": func(_ *Config, tr *Trainer) {
			if tr != nil {
				*bias(tr) = -1000
			}
		},
		"gradient": func(c *Config, tr *Trainer) {
			c.Guard.MaxEnergy, c.Guard.MinGap, c.Guard.MaxGap = math.Inf(1), math.Inf(-1), math.Inf(1)
			if tr != nil {
				scale(tr, 10)
			}
		},
		"flat": func(_ *Config, tr *Trainer) {
			if tr != nil {
				scale(tr, 0)
			}
		},
		"gap above": func(c *Config, tr *Trainer) { c.Guard.MaxGap = 1e-9; c.Sampler.StepSize = 0; c.Seed = gapSeed(t, 1) },
		"gap below": func(c *Config, tr *Trainer) { c.Guard.MinGap = -1e-9; c.Sampler.StepSize = 0; c.Seed = gapSeed(t, -1) },
		"bounds": func(c *Config, tr *Trainer) {
			if keepSamples(c); tr != nil {
				fill(tr.Buffer(), func(i, p int) float32 { return float32((i*p+i+p)%2*2 - 1) })
			}
		},
		"blank": func(c *Config, tr *Trainer) {
			if keepSamples(c); tr != nil {
				fill(tr.Buffer(), func(i, p int) float32 { return float32(i%5) / 10 })
			}
		},
		"diversity": func(c *Config, tr *Trainer) {
			if keepSamples(c); tr != nil {
				fill(tr.Buffer(), func(_, p int) float32 { return float32(p%7)/10 - 0.3 })
			}
		},
		"validation": func(c *Config, tr *Trainer) {
			c.Guard.MinGap, c.Guard.Window, c.Guard.EveryNSteps = -1e-12, 100, 100
			c.Seed = gapSeed(t, -1)
		},
	} {
		tr := spoiled(t, spoil)
		var tries []Rollback
		err := tr.Fit(context.Background(), Callback{Rollback: func(r Rollback) error { tries = append(tries, r); return nil }})
		var e *DivergedError
		if name == "blank" || name == "diversity" || name == "bounds" {
			// Noise in half of the buffer helps.
			if err == nil && len(tries) > 0 && tries[0].Rule == name {
				continue
			}
			t.Errorf("%s: %v after %v", name, err, tries)
			continue
		}
		if !errors.As(err, &e) || e.Rule != name || e.Rollbacks != 2 || len(tries) != 2 || e.Hint == "" {
			t.Errorf("%s: %v after %v", name, err, tries)
			continue
		}
		for i, r := range tries {
			if r.Rule != name || r.Try != i+1 || r.Seen == "" || r.Did == "" || r.To > r.Step {
				t.Errorf("%s: rollback %+v", name, r)
			}
		}
	}
}

// gapSeed returns a seed whose first weights give noise a higher energy than
// real images, for a sign of 1, or a lower one.
func gapSeed(t *testing.T, sign float64) uint64 {
	for seed := range uint64(100) {
		c := tinyConfig()
		c.Seed = seed
		info, err := tinyTrainer(t, c).Validate()
		if err != nil {
			t.Fatal(err)
		}
		if -info.Divergence*sign > 1e-4 {
			return seed
		}
	}
	t.Fatal("no such seed")
	return 0
}

// TestGuardIsSilent makes sure that a guard that has nothing to do leaves no
// trace in the weights.
func TestGuardIsSilent(t *testing.T) {
	on, off := tinyConfig(), tinyConfig()
	on.Guard.EveryNSteps, on.Guard.Window = 2, 2
	off.Guard.Retries = 0
	a, b := tinyTrainer(t, on), tinyTrainer(t, off)
	fit(t, a, Callback{})
	fit(t, b, Callback{})
	if len(a.Rollbacks()) > 0 || !slices.Equal(a.part().Net.Params(), b.part().Net.Params()) || a.Model().Hash() != b.Model().Hash() {
		t.Error("other weights with a guard than without")
	}
	if on, off := on.olderImages(), off.olderImages(); on != 40 || off != 0 || b.history != nil {
		t.Errorf("%d older images with a guard, %d without", on, off)
	}
}

func TestRollbackSameBitsForAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, config := range []func() Config{guardedConfig, lateConfig, reservoirConfig, scoreConfig} {
		var want []byte
		for _, cores := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(cores)
			tr := tinyTrainer(t, config())
			fit(t, tr, Callback{})
			if len(tr.Rollbacks()) == 0 {
				t.Fatal("there was no rollback")
			}
			got := saved(t, tr)
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("GOMAXPROCS=%d gives other bits than 1", cores)
			}
		}
	}
}

// TestResumeAroundRollback: a run that is stopped after any step, epoch or
// rollback and resumed has the bits of one that never stopped.
func TestResumeAroundRollback(t *testing.T) {
	for name, config := range map[string]func() Config{"at once": guardedConfig, "late": lateConfig, "late, reservoir": reservoirConfig, "score": scoreConfig} {
		t.Run(name, func(t *testing.T) {
			tr := checkResumes(t, config())
			within := slices.ContainsFunc(tr.Rollbacks(), func(r Rollback) bool { return r.To%tr.Batches() != 0 })
			if n := len(tr.Rollbacks()); n == 0 || within != (name != "at once") {
				t.Errorf("rollbacks %v", tr.Rollbacks())
			}
		})
	}
}

// TestRollbackRestores makes sure that all is as it was, but for the noise and
// the change.
func TestRollbackRestores(t *testing.T) {
	c := tinyConfig()
	c.Guard.EveryNSteps, c.Guard.Window = 3, 1
	c.Guard.MinGap, c.Guard.MaxGap = math.Inf(-1), math.Inf(1)
	tr := tinyTrainer(t, c)
	tr.history.begin(tr)
	state := func() []byte { // without the guard's
		h, r, at, cfg := tr.history, tr.rollbacks, tr.place, tr.cfg
		defer func() { tr.history, tr.rollbacks, tr.place, tr.cfg = h, r, at, cfg }()
		tr.history, tr.rollbacks, tr.place.Retry, tr.cfg = nil, nil, 0, c
		return saved(t, tr)
	}
	var states [][]byte
	step := func() {
		states = append(states, state())
		info, err := tr.Step()
		if err != nil {
			t.Fatal(err)
		}
		if trouble := tr.history.guard.Step(info.Values); trouble != nil {
			t.Fatal(trouble)
		}
		tr.history.step(tr)
		if tr.place.Batch == tr.Batches() {
			tr.place.Epoch, tr.place.Batch = tr.place.Epoch+1, 0
		}
	}
	for range 11 {
		step()
	}
	// States are kept at 0, 3, 6 and 9; of these the last but one is the oldest.
	err := tr.rollBack(&guard.Trouble{Rule: guard.Finite}, 0, 11)
	if err != nil {
		t.Fatal(err)
	}
	if tr.Steps() != 6 || tr.place.Retry != 1 || tr.cfg.Optimizer.LearningRate != c.Optimizer.LearningRate/4 {
		t.Errorf("went back to %+v at a learning rate of %v", tr.place, tr.cfg.Optimizer.LearningRate)
	}
	if !bytes.Equal(state(), states[6]) {
		t.Error("not the state that it was")
	}
	if !reflect.DeepEqual(tr.Asked(), c) {
		t.Errorf("asked for %+v", tr.Asked())
	}
	// On from there with other noise.
	before := states[7]
	states = states[:6]
	step()
	if bytes.Equal(state(), before) {
		t.Error("went the same way again")
	}
	// Other trouble, and half of the buffer is renewed.
	kept := tr.history.states[0].buffer
	old := make([][]float32, kept.Len())
	for i := range old {
		old[i] = slices.Clone(tr.Buffer().Image(i + tr.Buffer().Age(kept)))
	}
	tr.history.tries = 0
	if err := tr.rollBack(&guard.Trouble{Rule: "blank"}, 0, 7); err != nil {
		t.Fatal(err)
	}
	for i := range old {
		if same := slices.Equal(tr.Buffer().Image(i), old[i]); same != (i%2 == 1) {
			t.Errorf("image %d of %d is as before: %v", i, tr.Buffer().Len(), same)
		}
	}
}
