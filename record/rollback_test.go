package record

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// lateRun is lateConfig with small pictures and checkpoints at every step.
func lateRun() joule.Config {
	c := lateConfig()
	c.Checkpoint.EveryNSteps = 1
	c.TensorBoard.EveryNSteps = 1
	c.Generate.Chains, c.Generate.Steps = 2, 1
	c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs, c.Outliers.EveryNEpochs = 0, 0, 0
	return c
}

// TestRunRollback makes sure that a run's files tell of its rollbacks, and are
// otherwise as if there had been none; and that a run that is killed anywhere
// comes to the same.
func TestRunRollback(t *testing.T) {
	c := lateRun()
	begin := func() (*run.Run, *joule.Trainer) {
		r, err := run.Create(t.TempDir(), "strokes")
		if err != nil {
			t.Fatal(err)
		}
		return r, tinyTrainer(t, c)
	}
	straight, tr := begin()
	events := 0
	err := Fit(t.Context(), straight, tr, joule.Callback{
		Step:     func(joule.StepInfo) error { events++; return nil },
		Rollback: func(joule.Rollback) error { events++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	list := tr.Rollbacks()
	if len(list) < 2 {
		t.Fatalf("rollbacks: %v", list)
	}

	// The words.
	log := string(readFile(t, straight.GuardLogPath()))
	settings := string(readFile(t, straight.ConfigPath()))
	for _, r := range list {
		if !strings.Contains(log, r.String()+"\n") || !strings.Contains(settings, r.Did) {
			t.Errorf("%v is not in\n%s\nor not in\n%s", r, log, settings)
		}
	}
	if asked, err := straight.Settings(); err != nil || !reflect.DeepEqual(asked, c) {
		t.Errorf("config.yaml has %+v, %v", asked, err)
	}
	now, err := joule.ReadCheckpointConfig(straight.CheckpointPath("last"))
	if err != nil || !reflect.DeepEqual(now, tr.Config()) || reflect.DeepEqual(now, c) {
		t.Errorf("the checkpoint has %+v, %v", now, err)
	}

	// The curves.
	table, err := metric.Read(straight.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	counts := table.Get(metric.Rollbacks)
	for i, step := range counts.Step {
		if step != i+1 {
			t.Fatalf("row %d is of step %d", i, step)
		}
	}
	if len(counts.Step) != tr.Steps() || counts.Value[0] != 0 || counts.Value[len(counts.Value)-1] != float64(len(list)) {
		t.Errorf("%d steps of %d, rollbacks %v", len(counts.Step), tr.Steps(), counts.Value)
	}
	texts, scalars := guardEvents(t, straight.Dir)
	if texts != len(list) || scalars < tr.Steps() {
		t.Errorf("%d texts and %d points of %d rollbacks", texts, scalars, len(list))
	}

	// Killed at any place: an error ends Fit without a checkpoint.
	killed := errors.New("killed")
	for at := 1; at <= events; at += 3 {
		r, tr := begin()
		seen := 0
		kill := func() error {
			if seen++; seen == at {
				return killed
			}
			return nil
		}
		err := Fit(t.Context(), r, tr, joule.Callback{
			Step:     func(joule.StepInfo) error { return kill() },
			Rollback: func(joule.Rollback) error { return kill() },
		})
		if err != killed {
			t.Fatalf("killed at %d: %v", at, err)
		}
		if tr, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Strokes(47), toy.Strokes(23), nil); err != nil {
			t.Fatal(err)
		}
		if err := Fit(t.Context(), r, tr); err != nil {
			t.Fatal(err)
		}
		for _, path := range []func(*run.Run) string{(*run.Run).ConfigPath, (*run.Run).GuardLogPath, (*run.Run).ModelPath, func(r *run.Run) string { return r.CheckpointPath("last") }} {
			if !bytes.Equal(readFile(t, path(r)), readFile(t, path(straight))) {
				t.Errorf("killed at %d: %s differs", at, path(r))
			}
		}
		if withoutSpeed(readFile(t, r.MetricsPath())) != withoutSpeed(readFile(t, straight.MetricsPath())) {
			t.Errorf("killed at %d: the metrics differ", at)
		}
	}
}

// guardEvents counts what event files show of rollbacks.
func guardEvents(t *testing.T, dir string) (texts, scalars int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		events, err := tensorboard.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			for _, v := range e.Values {
				switch v.Tag {
				case "guard":
					texts++
				case metric.Rollbacks:
					scalars++
				}
			}
		}
	}
	return texts, scalars
}

// TestRunGivesUp makes sure that a run that is beyond help ends as one, with
// what was tried, and that whoever resumes it may ask for other settings.
func TestRunGivesUp(t *testing.T) {
	c := lateRun()
	c.Guard.Retries = 1
	c.Optimizer.LearningRate, c.Schedule.Gamma = 1000, 1
	r, err := run.Create(t.TempDir(), "strokes")
	if err != nil {
		t.Fatal(err)
	}
	var e *joule.DivergedError
	err = Fit(t.Context(), r, tinyTrainer(t, c))
	if !errors.As(err, &e) || e.Rollbacks != 1 || !strings.Contains(e.Hint, "lower optimizer.learning_rate than 250") || !strings.Contains(err.Error(), "after 1 rollback: ") {
		t.Fatalf("%v", err)
	}
	if n := strings.Count(string(readFile(t, r.GuardLogPath())), "\n"); n != 1 {
		t.Errorf("%d lines in guard.log", n)
	}
	again, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Strokes(47), toy.Strokes(23), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Fit(t.Context(), r, again); !errors.As(err, &e) {
		t.Errorf("resumed: %v", err)
	}
	lower, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { return c.Set("optimizer.learning_rate=1e-4") })
	if err != nil {
		t.Fatal(err)
	}
	if err := Fit(t.Context(), r, lower); err != nil {
		t.Errorf("resumed with a lower rate: %v", err)
	}
	// That was not enough, since the checkpoint was of a step behind the trouble.
	if n := len(lower.Rollbacks()); n != 2 {
		t.Errorf("%d rollbacks", n)
	}
	if got, err := r.Settings(); err != nil || got.Optimizer.LearningRate != 1e-4 {
		t.Errorf("config.yaml has a learning rate of %v, %v", got.Optimizer.LearningRate, err)
	}
	if _, err := os.Stat(r.GuardLogPath()); err != nil {
		t.Error(err)
	}
}

// TestGuardOff is the way out as it was.
func TestGuardOff(t *testing.T) {
	c := lateRun()
	c.Guard.Retries = 0
	c.Optimizer.LearningRate, c.Optimizer.GradClipNorm, c.Schedule.Gamma = 1000, math.Inf(1), 1
	r, err := run.Create(t.TempDir(), "strokes")
	if err != nil {
		t.Fatal(err)
	}
	var e *joule.DivergedError
	if err := Fit(t.Context(), r, tinyTrainer(t, c)); !errors.As(err, &e) || e.Rule != "finite" || e.Rollbacks != 0 {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(r.GuardLogPath()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("guard.log: %v", err)
	}
}
