package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestRunRollback: a run's files tell of its rollbacks, and are otherwise as if
// there had been none.
func TestRunRollback(t *testing.T) {
	t.Parallel()
	c := lateRun()
	r, tr := createLate(t, c)
	fit(t, r, tr)
	list := tr.Rollbacks()
	if len(list) < 2 {
		t.Fatalf("rollbacks: %v", list)
	}

	// The words.
	log := string(readFile(t, r.GuardLogPath()))
	settings := string(readFile(t, r.ConfigPath()))
	for _, b := range list {
		if !strings.Contains(log, b.String()+"\n") || !strings.Contains(settings, b.Did) {
			t.Errorf("%v is not in\n%s\nor not in\n%s", b, log, settings)
		}
	}
	if asked, err := r.Settings(); err != nil || !reflect.DeepEqual(asked, c) {
		t.Errorf("config.yaml has %+v, %v", asked, err)
	}
	now, err := joule.ReadCheckpointConfig(r.CheckpointPath("last"))
	if err != nil || !reflect.DeepEqual(now, tr.Config()) || reflect.DeepEqual(now, c) {
		t.Errorf("the checkpoint has %+v, %v", now, err)
	}

	// The curves: a row of each step, once.
	counts := metricsOf(t, r).Get(metric.Rollbacks)
	for i, step := range counts.Step {
		if step != i+1 {
			t.Fatalf("row %d is of step %d", i, step)
		}
	}
	if len(counts.Step) != tr.Steps() || counts.Value[0] != 0 || counts.Value[len(counts.Value)-1] != float64(len(list)) {
		t.Errorf("%d steps of %d, rollbacks %v", len(counts.Step), tr.Steps(), counts.Value)
	}
	// TensorBoard: each thing once at a step.
	var back []int64
	for _, b := range list {
		back = append(back, int64(b.To))
	}
	slices.Sort(back)
	steps, _ := shown(t, r)
	if got := steps["guard"]; !slices.Equal(got, slices.Compact(back)) {
		t.Errorf("texts at %v of rollbacks to %v", got, back)
	}
	for _, tag := range []string{metric.Rollbacks, "epoch", "loss"} {
		if n := len(steps[tag]); n != tr.Steps() || n != len(slices.Compact(slices.Clone(steps[tag]))) {
			t.Errorf("%s has the steps %v", tag, steps[tag])
		}
	}
}

// TestRunKilledAroundRollback: a run that is killed before, in or after a
// rollback, or in its first or last step, and then resumed, has the files of
// one that was not.
func TestRunKilledAroundRollback(t *testing.T) {
	t.Parallel()
	c := lateRun()
	c.Checkpoint.EveryNSteps = 4 // steps after the checkpoint are done over
	straight, tr := createLate(t, c)
	events, places := 0, []int{1}
	fit(t, straight, tr, joule.Callback{
		Step:     func(joule.StepInfo) error { events++; return nil },
		Rollback: func(joule.Rollback) error { events++; places = append(places, events-1, events, events+1); return nil },
	})
	places = append(places, events)
	slices.Sort(places)
	for _, at := range slices.Compact(places) {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			r := killed(t, c, at)
			fit(t, r, resumeLate(t, r.CheckpointPath("last"), nil))
			for _, path := range []func(*run.Run) string{
				(*run.Run).ConfigPath, (*run.Run).GuardLogPath, (*run.Run).ModelPath,
				func(r *run.Run) string { return r.CheckpointPath("last") },
			} {
				if !bytes.Equal(readFile(t, path(r)), readFile(t, path(straight))) {
					t.Errorf("%s differs", path(r))
				}
			}
			if metricsText(t, r) != metricsText(t, straight) {
				t.Error("the metrics differ")
			}
		})
	}
}

// killed returns a run whose at-th step or rollback was its last: an error ends
// Fit without a checkpoint.
func killed(t *testing.T, c joule.Config, at int) *run.Run {
	t.Helper()
	r, tr := createLate(t, c)
	seen := 0
	kill := func() error {
		if seen++; seen == at {
			return errStop
		}
		return nil
	}
	err := record.Fit(t.Context(), r, tr, joule.Callback{
		Step:     func(joule.StepInfo) error { return kill() },
		Rollback: func(joule.Rollback) error { return kill() },
	})
	if err != errStop {
		t.Fatal(err)
	}
	return r
}

// TestRunGivesUp: a run that is beyond help ends with an error that says what
// was tried, and whoever resumes it may ask for other settings.
func TestRunGivesUp(t *testing.T) {
	t.Parallel()
	c := lateRun()
	c.Guard.Retries = 1
	c.Optimizer.LearningRate, c.Schedule.Gamma = 1000, 1
	r, tr := createLate(t, c)
	var e *joule.DivergedError
	err := record.Fit(t.Context(), r, tr)
	if !errors.As(err, &e) || e.Rollbacks != 1 || !strings.Contains(e.Hint, "lower optimizer.learning_rate than 250") || !strings.Contains(err.Error(), "after 1 rollback: ") {
		t.Fatalf("%v", err)
	}
	if n := strings.Count(string(readFile(t, r.GuardLogPath())), "\n"); n != 1 {
		t.Errorf("%d lines in guard.log", n)
	}
	again := resumeLate(t, r.CheckpointPath("last"), nil)
	if err := record.Fit(t.Context(), r, again); !errors.As(err, &e) {
		t.Errorf("resumed: %v", err)
	}
	lower := resumeLate(t, r.CheckpointPath("last"), func(c *joule.Config) error { return c.Set("optimizer.learning_rate=1e-4") })
	if err := record.Fit(t.Context(), r, lower); err != nil {
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

// TestGuardOff: without a guard the first number that is not finite ends the
// training, and there is no guard.log.
func TestGuardOff(t *testing.T) {
	t.Parallel()
	c := lateRun()
	c.Guard.Retries = 0
	c.Optimizer.LearningRate, c.Optimizer.GradClipNorm, c.Schedule.Gamma = 1000, math.Inf(1), 1
	r, tr := createLate(t, c)
	var e *joule.DivergedError
	if err := record.Fit(t.Context(), r, tr); !errors.As(err, &e) || e.Rule != "finite" || e.Rollbacks != 0 {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(r.GuardLogPath()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("guard.log: %v", err)
	}
}
