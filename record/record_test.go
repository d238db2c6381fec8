package record_test

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestRunFit: the table holds what callbacks saw, and config.yaml the settings.
func TestRunFit(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	var steps []joule.StepInfo
	var values [][]float64
	var epochs []joule.EpochInfo
	r := fitRun(t, c, joule.Callback{
		Step: func(s joule.StepInfo) error {
			steps, values = append(steps, s), append(values, slices.Clone(s.Values))
			return nil
		},
		Epoch: func(e joule.EpochInfo) error {
			epochs = append(epochs, e)
			return nil
		},
	})
	if len(steps) != 6 || len(epochs) != 2 {
		t.Fatalf("callbacks saw %d steps and %d epochs", len(steps), len(epochs))
	}
	if got, err := r.Settings(); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("settings: %+v, %v", got, err)
	}

	table := metricsOf(t, r)
	loss := table.Get("loss")
	if !slices.Equal(loss.Step, []int{1, 2, 3, 4, 5, 6}) || !slices.Equal(loss.Epoch, []int{1, 1, 1, 2, 2, 2}) {
		t.Errorf("steps %v of epochs %v", loss.Step, loss.Epoch)
	}
	for i, s := range steps {
		for j, f := range s.Figures {
			if f.Column == "" {
				continue
			}
			if got, want := table.Get(f.Column).Value[i], f.In(values[i][j]); got != want {
				t.Errorf("step %d: %s is %v, want %v", s.Step, f.Column, got, want)
			}
		}
	}
	for i, e := range epochs {
		for column, want := range map[string]float64{
			"val_contrastive_divergence": e.Divergence, "val_real_out": -e.Real, "val_fake_out": -e.Noise,
		} {
			if s := table.Get(column); s.Value[i] != want || s.Epoch[i] != i+1 || s.Step[i] != 3*(i+1) {
				t.Errorf("epoch %d: %s is %v, want %v", e.Epoch, column, s.Value[i], want)
			}
		}
	}
}

// TestRunFitPictures: the model of a run is that of its last checkpoint, and
// its pictures tell so.
func TestRunFitPictures(t *testing.T) {
	t.Parallel()
	r := fitRun(t, tinyRun())
	model := hashOf(t, r.ModelPath())
	if model != hashOf(t, r.CheckpointPath("last")) {
		t.Error("the model is not that of the last checkpoint")
	}
	for path, size := range map[string][2]int{r.SamplesPath(1): {44, 16}, r.SamplesPath(2): {44, 16}, r.CurvesPath(): {}} {
		data := readFile(t, path)
		img, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil || size[0] > 0 && (img.Width != size[0] || img.Height != size[1]) {
			t.Errorf("%s: %d×%d, %v", path, img.Width, img.Height, err)
		}
		text, err := grid.ReadText(bytes.NewReader(data))
		if err != nil {
			t.Error(err)
		}
		if path != r.SamplesPath(1) && !slices.Contains(text, grid.Text{Key: "joule:model", Value: model}) {
			t.Errorf("%s: texts %v", path, text)
		}
	}
}

// TestCallbacksLeaveNoTrace: what callbacks look at does not change what is
// trained, and a run has no files that its settings do not ask for.
func TestCallbacksLeaveNoTrace(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	loud := fitRun(t, c)
	c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = 0, 0, 0
	c.Outliers.EveryNEpochs, c.TensorBoard.EveryNSteps = 0, 0
	quiet := fitRun(t, c)
	if resume(t, loud.CheckpointPath("last")).Model().Hash() != resume(t, quiet.CheckpointPath("last")).Model().Hash() {
		t.Error("pictures and logs change the model")
	}
	for _, pattern := range []string{"events*", "samples/*"} {
		if files, err := filepath.Glob(filepath.Join(quiet.Dir, pattern)); err != nil || len(files) != 0 {
			t.Errorf("files that nobody asked for: %v, %v", files, err)
		}
	}
}

// TestRunFitErrors: a folder that cannot be trained into is left as it is.
func TestRunFitErrors(t *testing.T) {
	t.Parallel()
	r, tr := create(t, tinyRun())
	// Another training is in the folder.
	release, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	var e *run.Error
	if err := record.Fit(t.Context(), r, tr); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("two trainings in a folder: %v", err)
	}
	release()

	// It is gone.
	gone := &run.Run{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := record.Fit(t.Context(), gone, tr); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("no folder: %v", err)
	}
}

// TestRunFitCallbackError: an error of a callback ends the training, as it is,
// and leaves the state before it.
func TestRunFitCallbackError(t *testing.T) {
	t.Parallel()
	r, tr := create(t, tinyRun())
	for _, callback := range []joule.Callback{
		{Step: func(joule.StepInfo) error { return errStop }},
		{Epoch: func(joule.EpochInfo) error { return errStop }},
	} {
		if err := record.Fit(t.Context(), r, tr, callback); err != errStop {
			t.Errorf("got %v", err)
		}
	}
	resume(t, r.CheckpointPath("last"))
}

// TestRunFitDiverged: a training that diverges leaves its last finite state,
// and the curves that led there.
func TestRunFitDiverged(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs = 100
	c.Optimizer.LearningRate, c.Optimizer.GradClipNorm = 1000, math.Inf(1)
	c.Guard.Retries = 0
	r, tr := create(t, c)
	var diverged *joule.DivergedError
	if err := record.Fit(t.Context(), r, tr); !errors.As(err, &diverged) {
		t.Fatalf("got %v", err)
	}
	for _, p := range resume(t, r.CheckpointPath("last")).Engine().Network().Params() {
		if p-p != 0 {
			t.Fatal("the checkpoint that is kept is not finite")
		}
	}
	if _, err := os.Stat(r.CurvesPath()); err != nil {
		t.Error(err)
	}
}
