package run_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestRunInfo: what is told of a run that is finished, in training, or stopped
// on the way.
func TestRunInfo(t *testing.T) {
	c := tinyConfig()
	r := fitted(t, c)
	i := r.Info()
	if i.State != run.Finished || i.Epochs != 2 || i.Steps != 6 || i.Name != "stripes" || i.Version != 0 || len(i.Faults) != 0 {
		t.Errorf("finished: %+v", i)
	}
	if i.Config == nil || !reflect.DeepEqual(*i.Config, c) || i.Updated.IsZero() || !(i.Speed > 0) {
		t.Errorf("finished: %+v", i)
	}
	// Langevin dynamics rejects no step, and there is no generator: no columns for these.
	others := metric.Columns(metric.Named(metric.Accepted, metric.GeneratorLoss, metric.GeneratorGradNorm, metric.Margin, metric.PullingAway))
	columns := slices.DeleteFunc(metric.Columns(metric.Figures()), func(c string) bool { return slices.Contains(others, c) })
	if !(i.Best <= i.Last) || math.IsNaN(i.Last) || len(i.Metrics) != len(columns) {
		t.Errorf("metrics: %+v", i)
	}

	// While a process trains in it.
	release, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if i := r.Info(); lockFileWorks() && i.State != run.Running {
		t.Errorf("locked: %s", i.State)
	}
	release()
	if i := r.Info(); i.State != run.Finished {
		t.Errorf("released: %s", i.State)
	}

	// Stopped on the way.
	trainer := resume(t, r, func(c *joule.Config) error { c.Epochs = 5; return nil })
	stop := errors.New("stop")
	if err := record.Fit(t.Context(), r, trainer, joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == 8 {
			return stop
		}
		return nil
	}}); err != stop {
		t.Fatal(err)
	}
	if i := r.Info(); i.State != run.Interrupted || i.Epochs != 2 || i.Steps != 8 || i.Config.Epochs != 5 {
		t.Errorf("interrupted: %+v", i)
	}
}

// lockFileWorks tells whether the system can lock files.
func lockFileWorks() bool {
	return runtime.GOOS != "js" && runtime.GOOS != "wasip1" && runtime.GOOS != "plan9"
}

// TestRunInfoDamaged damages each file in turn: the run is still shown, and
// the fault is told.
func TestRunInfoDamaged(t *testing.T) {
	whole := fitted(t, tinyConfig())
	for _, tt := range []struct {
		name   string
		damage func(r *run.Run) error
		state  run.State
		fault  string
		steps  int
	}{
		{"no metrics", func(r *run.Run) error { return os.Remove(r.MetricsPath()) }, run.Finished, "metrics.csv: cannot be read", 6},
		{"metrics", func(r *run.Run) error { return os.WriteFile(r.MetricsPath(), []byte("epoch,step\n1,x\n"), 0o666) }, run.Finished, "line 2: step", 6},
		{"binary metrics", func(r *run.Run) error { return os.WriteFile(r.MetricsPath(), make([]byte, 1<<20), 0o666) }, run.Finished, "line 1: longer", 6},
		{"folder for metrics", func(r *run.Run) error { os.Remove(r.MetricsPath()); return os.Mkdir(r.MetricsPath(), 0o777) }, run.Finished, "not a regular file", 6},
		{"torn metrics", func(r *run.Run) error { return os.Truncate(r.MetricsPath(), 500) }, run.Finished, "", 6},
		{"no settings", func(r *run.Run) error { return os.Remove(r.ConfigPath()) }, run.Finished, "config.yaml: cannot be read", 6},
		{"settings", func(r *run.Run) error { return os.WriteFile(r.ConfigPath(), []byte("epochs: [1"), 0o666) }, run.Finished, "config.yaml:2:", 6},
		{"large settings", func(r *run.Run) error { return os.Truncate(r.ConfigPath(), 1<<30) }, run.Finished, "more than 65536 bytes", 6},
		{"no checkpoint", func(r *run.Run) error { return os.Remove(r.CheckpointPath("last")) }, run.Finished, "last.safetensors: cannot be read", 6},
		{"checkpoint", func(r *run.Run) error { return os.Truncate(r.CheckpointPath("last"), 1000) }, run.Finished, "last.safetensors", 6},
		{"a model as a checkpoint", func(r *run.Run) error { return os.WriteFile(r.CheckpointPath("last"), []byte("12345678{}"), 0o666) }, run.Finished, "last.safetensors", 6},
		{"neither checkpoint nor model", func(r *run.Run) error { os.Remove(r.CheckpointPath("last")); return os.Remove(r.ModelPath()) }, run.Broken, "last.safetensors", 6},
		{"all", func(r *run.Run) error { os.RemoveAll(r.Dir); return os.Mkdir(r.Dir, 0o777) }, run.Broken, "holds no settings, checkpoint or metrics", 0},
	} {
		r := &run.Run{Dir: filepath.Join(t.TempDir(), "x", "version_3")}
		if err := os.CopyFS(r.Dir, os.DirFS(whole.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := tt.damage(r); err != nil {
			t.Fatal(err)
		}
		list, err := run.List(filepath.Dir(filepath.Dir(r.Dir)))
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", tt.name, list, err)
		}
		i := list[0]
		faults := errors.Join(i.Faults...)
		if tt.fault == "" && faults != nil || tt.fault != "" && (len(i.Faults) != 1 || !strings.Contains(faults.Error(), tt.fault)) {
			t.Errorf("%s: faults %v, want %q", tt.name, faults, tt.fault)
		}
		if i.State != tt.state || i.Steps != tt.steps || i.Name != "x" || i.Version != 3 {
			t.Errorf("%s: %+v", tt.name, i)
		}
	}
}

// TestRuns: a list has the runs of a folder in order, and nothing that only
// resembles one.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/version_10", "b/version_9", "a/version_0", "a/version_00", "a/other", "a/b/version_1", "version_2"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "b", "version_11"), 0) // a file
	list, err := run.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range list {
		rel, _ := filepath.Rel(dir, i.Run.Dir)
		got = append(got, filepath.ToSlash(rel))
	}
	want := []string{"a/version_0", "b/version_9", "b/version_10"}
	if got := slices.DeleteFunc(got, func(s string) bool { return s == "version_2" }); !slices.Equal(got, want) {
		t.Errorf("runs %v, want %v", got, want)
	}
	if len(list) != 4 {
		t.Errorf("%d runs", len(list))
	}
	for _, none := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "b", "version_11")} {
		var e *run.Error
		if _, err := run.List(none); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v", none, err)
		}
	}
}
