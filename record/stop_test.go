package record_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestRunStopsEarly: the patience of an early stop goes on over a resume, and
// a run that has stopped early is finished.
func TestRunStopsEarly(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs, c.EarlyStop.Patience = 9, 3
	// Real images do not change, nor does what an untrained network says of them.
	c.Optimizer.LearningRate, c.EarlyStop.Monitor = 0, metric.Column(metric.ValReal)
	r, tr := create(t, c)
	err := record.Fit(t.Context(), r, tr, joule.Callback{Epoch: func(e joule.EpochInfo) error {
		if e.Epoch == 2 {
			return errStop
		}
		return nil
	}})
	if err != errStop {
		t.Fatal(err)
	}
	tr = resume(t, r.CheckpointPath("last"))
	if err := record.Fit(t.Context(), r, tr); err != nil || tr.Stopped() == nil || !tr.Stopped().Done {
		t.Fatalf("Fit ends with %v, stopped by %v", err, tr.Stopped())
	}
	if tr.Epochs() != 4 {
		t.Errorf("stopped after %d epochs, want 4", tr.Epochs())
	}
	if _, err := joule.LoadModel(r.ModelPath()); err != nil {
		t.Error(err)
	}
	if i := r.Info(); i.State != run.Finished {
		t.Errorf("the run is %s", i.State)
	}
	// Who resumes it wants to go on.
	tr = resume(t, r.CheckpointPath("last"))
	if err := record.Fit(t.Context(), r, tr); err != nil || tr.Stopped() == nil || tr.Epochs() != 5 {
		t.Errorf("Fit ends with %v after %d epochs", err, tr.Epochs())
	}
}

// TestRunStopsInTime: a training without any time takes a step, and is resumed
// from there, until it has the model of one that took its time.
func TestRunStopsInTime(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs = 1
	straight := fitRun(t, c)
	c.MaxMinutes = 1e-9
	r, tr := create(t, c)
	for range tr.Batches() {
		before := tr.Steps()
		err := record.Fit(t.Context(), r, tr)
		if stop := tr.Stopped(); err != nil || tr.Epochs() < c.Epochs && (stop == nil || stop.Done) {
			t.Fatalf("Fit ends with %v, stopped by %v", err, stop)
		}
		if tr.Steps() != before+1 {
			t.Fatalf("%d steps in no time", tr.Steps()-before)
		}
		tr = resume(t, r.CheckpointPath("last"))
	}
	fit(t, r, tr)
	if hashOf(t, straight.ModelPath()) != hashOf(t, r.ModelPath()) {
		t.Error("a training in pieces gives another model")
	}
}

// TestRunFitInterrupted: a run that is interrupted within an epoch or at its
// end, and then resumed, has the files of one that was not.
func TestRunFitInterrupted(t *testing.T) {
	t.Parallel()
	straight := fitRun(t, tinyRun())
	for _, at := range []int{1, 3} {
		r := interrupted(t, at)
		path, found, err := run.FindCheckpoint(filepath.Dir(filepath.Dir(r.Dir)), "", "last")
		if err != nil || found.Dir != r.Dir {
			t.Fatalf("%v, %v", found, err)
		}
		// Rows that a killed process wrote after its checkpoint are cut.
		appendTo(t, r.MetricsPath(), "9,99,1,1,1,1,1,,,,1,1,1\n9,100,1,1")

		tr := resume(t, path)
		tr.SetThreads(3)
		fit(t, r, tr)
		for _, path := range []func(*run.Run) string{
			(*run.Run).ModelPath, (*run.Run).ConfigPath,
			func(r *run.Run) string { return r.CheckpointPath("last") },
			func(r *run.Run) string { return r.CheckpointPath("best") },
			func(r *run.Run) string { return r.SamplesPath(1) },
			func(r *run.Run) string { return r.SamplesPath(2) },
		} {
			if !bytes.Equal(readFile(t, path(r)), readFile(t, path(straight))) {
				t.Errorf("interrupted in step %d: %s differs", at, path(r))
			}
		}
		if got, want := metricsText(t, r), metricsText(t, straight); got != want {
			t.Errorf("interrupted in step %d: metrics\n%s\nwant\n%s", at, got, want)
		}
	}
}

// interrupted returns a run that its user interrupted in a step.
func interrupted(t *testing.T, step int) *run.Run {
	t.Helper()
	r, tr := create(t, tinyRun())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := record.Fit(ctx, r, tr, joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == step {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted in step %d: %v", step, err)
	}
	return r
}

// appendTo appends text to a file.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
