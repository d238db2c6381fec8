package joule

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/internal/toy"
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
	c.Seed = 9
	return c
}

// scoreConfig has neither samples nor a buffer.
func scoreConfig() Config {
	c := lateConfig()
	c.Objective.Kind, c.Optimizer.LearningRate = objective.ScoreMatching, 0.02
	c.Guard.MinGap, c.Guard.MaxGradNorm = math.Inf(-1), 0.06
	return c
}

// trained returns a trainer that is spoiled, and that no step puts right.
func (s spoiler) trained(t *testing.T) *Trainer {
	t.Helper()
	c := tinyConfig()
	c.Epochs = 9
	c.Optimizer.LearningRate = 0
	c.Guard.Retries, c.Guard.EveryNSteps, c.Guard.Window = 2, 6, 3
	if s.settings != nil {
		s.settings(t, &c)
	}
	tr := tinyTrainer(t, c)
	if s.trainer != nil {
		s.trainer(tr)
		tr.part().Net.Pack()
	}
	return tr
}

// fill sets every image of the buffer.
func fill(b *replay.Buffer, f func(i, pixel int) float32) {
	x := make([]float32, toy.Shape.Len())
	for i := range b.Len() {
		for p := range x {
			x[p] = f(i, p)
		}
		b.Set(i, x)
	}
}

// sample returns image i of the trainer's buffer.
func sample(tr *Trainer, i int) []float32 {
	x := make([]float32, tr.part().Net.Input().Len())
	tr.Buffer().Image(x, i)
	return x
}

// keepSamples leaves samples as they are in the buffer.
func keepSamples(_ *testing.T, c *Config) {
	c.Sampler.Steps, c.Buffer.RestartProbability = 0, 0
	c.Guard.MinChainGradNorm = 0 // there is none
}

// scaled multiplies the weights of a trainer.
func scaled(tr *Trainer, factor float32) {
	for i := range tr.part().Net.Params() {
		tr.part().Net.Params()[i] *= factor
	}
}

// setBias sets the last bias, which all energies share.
func setBias(tr *Trainer, v float64) {
	params := tr.part().Net.Params()
	params[len(params)-1] = float32(v)
}

// A spoiler breaks a rule for good: by settings, by the weights or samples of
// the trainer, or by both.
type spoiler struct {
	settings func(*testing.T, *Config)
	trainer  func(*Trainer)
}

// spoilers has one for each rule.
var spoilers = map[string]spoiler{
	"finite": {trainer: func(tr *Trainer) { setBias(tr, math.NaN()) }},
	"energy": {trainer: func(tr *Trainer) { setBias(tr, -1000) }},
	"gradient": {
		settings: func(_ *testing.T, c *Config) {
			c.Guard.MaxEnergy, c.Guard.MinGap, c.Guard.MaxGap = math.Inf(1), math.Inf(-1), math.Inf(1)
		},
		trainer: func(tr *Trainer) { scaled(tr, 10) },
	},
	"flat": {trainer: func(tr *Trainer) { scaled(tr, 0) }},
	"gap above": {settings: func(t *testing.T, c *Config) {
		c.Guard.MaxGap, c.Sampler.StepSize, c.Seed = 1e-9, 0, gapSeed(t, 1)
	}},
	"gap below": {func(t *testing.T, c *Config) {
		c.Guard.MinGap, c.Sampler.StepSize, c.Seed = -1e-9, 0, gapSeed(t, -1)
		c.Optimizer.LearningRate = 1e-7
	}, func(tr *Trainer) { tr.place.Drawn = -1e6 }}, // it has had time to learn
	"validation": {settings: func(t *testing.T, c *Config) {
		c.Guard.MinGap, c.Guard.Window, c.Guard.EveryNSteps, c.Seed = -1e-12, 100, 100, gapSeed(t, -1)
	}},
	"bounds": {keepSamples, func(tr *Trainer) {
		fill(tr.Buffer(), func(i, p int) float32 { return float32((i*p+i+p)%2*2 - 1) })
	}},
	"blank": {keepSamples, func(tr *Trainer) {
		fill(tr.Buffer(), func(i, _ int) float32 { return float32(i%5) / 10 })
	}},
	"diversity": {keepSamples, func(tr *Trainer) {
		fill(tr.Buffer(), func(_, p int) float32 { return float32(p%7)/10 - 0.3 })
	}},
	"contrast": {settings: func(_ *testing.T, c *Config) {
		c.Optimizer.LearningRate, c.Guard.MinContrast, c.Guard.MinDiversity = 2e-3, 1e6, 0
	}},
	"lag": {settings: func(t *testing.T, c *Config) {
		c.Optimizer.LearningRate, c.Sampler.StepSize, c.Seed = 5e-4, 0, gapSeed(t, 1)
		c.Guard.MinContrast, c.Guard.MaxLag = 0, 0
	}},
}

// TestRules forces each rule to be broken, and sees it named. A bound that cannot
// be kept is beyond help; the cures mend all else.
func TestRules(t *testing.T) {
	for name, s := range spoilers {
		t.Run(name, func(t *testing.T) {
			tr := s.trained(t)
			var tries []Rollback
			err := tr.Fit(t.Context(), Callback{Rollback: func(r Rollback) error { tries = append(tries, r); return nil }})
			if len(tries) == 0 || tries[0].Rule != name {
				t.Fatalf("%v after %v", err, tries)
			}
			var e *DivergedError
			if name != "gap above" {
				if err != nil {
					t.Errorf("%v after %v", err, tries)
				}
				return
			}
			if !errors.As(err, &e) || e.Rule != name || e.Rollbacks != 2 || len(tries) != 2 || e.Hint == "" {
				t.Fatalf("%v after %v", err, tries)
			}
			for i, r := range tries {
				if r.Rule != name || r.Try != i+1 || r.Seen == "" || r.Did == "" || r.To > r.Step {
					t.Errorf("rollback %+v", r)
				}
			}
		})
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

// TestGuardIsSilent: a guard that has nothing to do leaves no trace in the
// weights.
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

// TestRollbackSameBitsForAnyNumberOfCores: nor do rollbacks depend on cores.
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
	with := func(precision string, config func() Config) func() Config {
		return func() Config { c := config(); c.Buffer.Precision = precision; return c }
	}
	for name, config := range map[string]func() Config{
		"at once": guardedConfig, "late": lateConfig, "late, reservoir": reservoirConfig, "score": scoreConfig,
		"late, float16": with(replay.Float16, lateConfig), "late, uint8": with(replay.Uint8, lateConfig),
	} {
		t.Run(name, func(t *testing.T) {
			tr := checkResumes(t, config())
			within := slices.ContainsFunc(tr.Rollbacks(), func(r Rollback) bool { return r.To%tr.Batches() != 0 })
			if n := len(tr.Rollbacks()); n == 0 || within != (name != "at once") {
				t.Errorf("rollbacks %v", tr.Rollbacks())
			}
			if anew := slices.ContainsFunc(tr.Rollbacks(), func(r Rollback) bool { return strings.Contains(r.Did, "anew") }); name == "at once" && !anew {
				t.Errorf("no rollback drew the weights anew: %v", tr.Rollbacks())
			}
		})
	}
}

// A stepper takes the steps of a training one by one, as Fit does, and keeps
// the state before each.
type stepper struct {
	*testing.T
	tr     *Trainer
	asked  Config
	states [][]byte
}

// state returns the state without that of the guard.
func (s *stepper) state() []byte {
	tr := s.tr
	h, r, at, cfg := tr.history, tr.rollbacks, tr.place, tr.cfg
	defer func() { tr.history, tr.rollbacks, tr.place, tr.cfg = h, r, at, cfg }()
	tr.history, tr.rollbacks, tr.place.Retry, tr.cfg = nil, nil, 0, s.asked
	return saved(s.T, tr)
}

func (s *stepper) step() {
	s.Helper()
	tr := s.tr
	s.states = append(s.states, s.state())
	info, err := tr.Step()
	if err != nil {
		s.Fatal(err)
	}
	if trouble := tr.history.guard.Step(info.Values, tr.place.Step, info.LearningRate); trouble != nil {
		s.Fatal(trouble)
	}
	tr.history.step(tr)
	if tr.place.Batch == tr.Batches() {
		tr.place.Epoch, tr.place.Batch = tr.place.Epoch+1, 0
	}
}

// afterSteps returns a stepper after 11 steps, with states kept at 0, 3, 6 and
// 9; of these the last but one is the oldest that is left.
func afterSteps(t *testing.T) *stepper { t.Helper(); return afterStepsIn(t, replay.Float32) }

// afterStepsIn is afterSteps with a precision of the buffer.
func afterStepsIn(t *testing.T, precision string) *stepper {
	t.Helper()
	c := tinyConfig()
	c.Buffer.Precision = precision
	c.Guard.EveryNSteps, c.Guard.Window = 3, 1
	c.Guard.MinGap, c.Guard.MaxGap = math.Inf(-1), math.Inf(1)
	s := &stepper{T: t, tr: tinyTrainer(t, c), asked: c}
	s.tr.history.begin(s.tr)
	for range 11 {
		s.step()
	}
	return s
}

// TestRollbackRestores: a rollback makes all as it was, but for the noise and
// one change.
func TestRollbackRestores(t *testing.T) {
	for _, precision := range []string{replay.Float32, replay.Float16, replay.Uint8} {
		t.Run(precision, func(t *testing.T) { checkRestores(t, afterStepsIn(t, precision)) })
	}
}

func checkRestores(t *testing.T, s *stepper) {
	tr, c := s.tr, s.asked
	if err := tr.rollBack(&guard.Trouble{Rule: guard.Finite}, 0, 11); err != nil {
		t.Fatal(err)
	}
	if tr.Steps() != 6 || tr.place.Retry != 1 || tr.cfg.Optimizer.LearningRate != c.Optimizer.LearningRate/4 {
		t.Errorf("went back to %+v at a learning rate of %v", tr.place, tr.cfg.Optimizer.LearningRate)
	}
	if !bytes.Equal(s.state(), s.states[6]) {
		t.Error("not the state that it was")
	}
	if !reflect.DeepEqual(tr.Asked(), c) {
		t.Errorf("asked for %+v", tr.Asked())
	}
	s.step()
	if bytes.Equal(s.state(), s.states[7]) {
		t.Error("went the same way again")
	}
}

// TestRollbackRenews: where samples are too much alike, half of the buffer is
// noise again.
func TestRollbackRenews(t *testing.T) {
	tr := afterSteps(t).tr
	kept := tr.history.states[0].buffer
	old := make([][]float32, kept.Len())
	for i := range old {
		old[i] = sample(tr, i+tr.Buffer().Age(kept))
	}
	if err := tr.rollBack(&guard.Trouble{Rule: "blank"}, 0, 11); err != nil {
		t.Fatal(err)
	}
	for i := range old {
		if same := slices.Equal(sample(tr, i), old[i]); same != (i%2 == 1) {
			t.Errorf("image %d of %d is as before: %v", i, tr.Buffer().Len(), same)
		}
	}
}
