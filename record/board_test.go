package record_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// TestEventFiles: the event files of a run that was stopped and resumed have
// each value once, and the numbers of the table.
func TestEventFiles(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs = 3
	c.TensorBoard.EveryNSteps = 2
	c.Filmstrip.Steps = 8
	// Brackets have a meaning in patterns of names.
	r, tr := createIn(t, filepath.Join(t.TempDir(), "a[1]"), c)
	// It stops after step 4, and goes on from the checkpoint of step 3.
	if err := record.Fit(t.Context(), r, tr, stopAt(4)); err != errStop {
		t.Fatal(err)
	}
	tr = resume(t, r.CheckpointPath("last"))
	if tr.Steps() != 3 {
		t.Fatalf("the checkpoint is of step %d", tr.Steps())
	}
	fit(t, r, tr)

	steps, scalars := shown(t, r)
	for tag, want := range map[string][]int64{
		"loss": {2, 4, 6, 8}, "learning_rate": {2, 4, 6, 8}, metric.ValDivergence: {3, 6, 9}, metric.Column(metric.Outliers): {3, 6, 9},
		"generation_0": {3, 6, 9}, "generation_7": {3, 6, 9}, "samples": {3, 6, 9}, "replay_buffer": {3, 6, 9},
		"energy/validation": {3, 6, 9}, "weights/cnn_layers.0.weight": {3, 6, 9}, "config": {0}, "epoch": {2, 3, 4, 6, 8, 9},
		"_hparams_/experiment": {0}, "_hparams_/session_start_info": {0}, "_hparams_/session_end_info": {0},
	} {
		if !slices.Equal(steps[tag], want) {
			t.Errorf("%s is at steps %v, want %v", tag, steps[tag], want)
		}
	}
	loss := metricsOf(t, r).Get("loss").Value
	for i, x := range scalars["loss"] {
		if x != float32(loss[2*i+1]) {
			t.Errorf("loss %v at step %d, want %v", x, 2*i+2, loss[2*i+1])
		}
	}
}

// shown returns what the event files of a run hold: the steps of each tag, and
// the values of those that are numbers.
func shown(t *testing.T, r *run.Run) (steps map[string][]int64, scalars map[string][]float32) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(r.Dir), "events.out.tfevents.*")
	if err != nil {
		t.Fatal(err)
	}
	steps, scalars = map[string][]int64{}, map[string][]float32{}
	for _, name := range files {
		events, err := tensorboard.Read(filepath.Join(r.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			for _, v := range e.Values {
				steps[v.Tag] = append(steps[v.Tag], e.Step)
				if x, ok := v.Scalar(); ok {
					scalars[v.Tag] = append(scalars[v.Tag], x)
				}
			}
		}
	}
	return steps, scalars
}
