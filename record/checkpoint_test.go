package record_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
)

// TestRunFitBest: best.safetensors is the checkpoint of the lowest validation,
// also where the weights stay.
func TestRunFitBest(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1e-3, 0} {
		c := tinyRun()
		c.Optimizer.LearningRate = rate
		c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = 0, 0, 0
		r, tr := create(t, c)
		least, best, hash := math.Inf(1), 0, ""
		fit(t, r, tr, joule.Callback{Epoch: func(e joule.EpochInfo) error {
			if e.Divergence < least {
				least, best, hash = e.Divergence, e.Step, tr.Model().Hash()
			}
			return nil
		}})
		path := r.CheckpointPath("best")
		if resume(t, path).Steps() != best || hashOf(t, path) != hash {
			t.Errorf("learning rate %g: best.safetensors is not the checkpoint of the lowest validation", rate)
		}
	}
}

// TestRunFitBestIsSmall: the replay buffer is in the last checkpoint alone, and a
// training goes on from the best one all the same.
func TestRunFitBestIsSmall(t *testing.T) {
	t.Parallel()
	r := fitRun(t, tinyRun())
	for which, want := range map[string]bool{"last": false, "best": true} {
		path := r.CheckpointPath(which)
		h, err := checkpoint.ReadHeader(path)
		if err != nil {
			t.Fatal(err)
		}
		without := !slices.ContainsFunc(h.Tensors, func(i checkpoint.Info) bool {
			return strings.Contains(i.Name, "replay") || strings.HasPrefix(i.Name, "guard.")
		})
		if at, err := joule.ReadProgress(path); err != nil || at.NoReplay != want || without != want {
			t.Errorf("%s has the tensors %v, and says %+v, %v", which, h.Tensors, at, err)
		}
	}
	tr, err := joule.ResumeTrainer(r.CheckpointPath("best"), toy.Stripes(20), toy.Stripes(9), func(c *joule.Config) error { c.Epochs = 3; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Fit(t.Context()); err != nil || tr.Epochs() != 3 {
		t.Errorf("%d epochs, %v", tr.Epochs(), err)
	}
}

// TestRunFitAuto: where epochs are short not all of them have pictures, and which
// do depends on the settings alone; the last state is always saved.
func TestRunFitAuto(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs, c.Checkpoint.EveryNEpochs = 5, joule.Auto
	c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = joule.Auto, joule.Auto, joule.Auto
	c.Generate.Chains, c.Generate.Steps, c.Filmstrip.Chains, c.Filmstrip.Steps = 3, 1, 1, 2
	c.Filmstrip.Pictures = 2
	r, tr := create(t, c)
	if n := record.PictureEpochs(tr); n != 3 { // 20 · 5 steps for pictures, 3 · 8 · 2 in an epoch
		t.Fatalf("pictures every %d epochs", n)
	}
	fit(t, r, tr)
	for _, kind := range []string{"epoch", "chain", "buffer"} {
		for epoch, want := range []bool{1: true, 2: false, 3: true, 4: false, 5: true} {
			_, err := os.Stat(filepath.Join(r.Dir, "samples", fmt.Sprintf("%s=%d.png", kind, epoch)))
			if epoch > 0 && (err == nil) != want {
				t.Errorf("%s=%d.png: %v", kind, epoch, err)
			}
		}
	}
	if n := resume(t, r.CheckpointPath("last")).Epochs(); n != 5 {
		t.Errorf("the last checkpoint is of epoch %d", n)
	}
	c = tinyRun()
	c.Checkpoint.EveryNEpochs = 0
	r, tr = create(t, c)
	fit(t, r, tr, joule.Callback{Epoch: func(e joule.EpochInfo) error {
		if n := resume(t, r.CheckpointPath("last")).Epochs(); n != e.Epoch/2*2 {
			t.Errorf("after epoch %d the last checkpoint is of epoch %d", e.Epoch, n)
		}
		return nil
	}})
}

// TestRunKilledBeforeValidation: the last checkpoint is right before a validation
// whose rows and events are there already. They come once.
func TestRunKilledBeforeValidation(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.TensorBoard.EveryNSteps, c.Checkpoint.EveryNEpochs, c.Checkpoint.EveryNSteps = 1, 0, 3
	straight := fitRun(t, c)
	r, tr := create(t, c)
	if err := record.Fit(t.Context(), r, tr, joule.Callback{Epoch: func(joule.EpochInfo) error { return errStop }}); err != errStop {
		t.Fatal(err)
	}
	tr = resume(t, r.CheckpointPath("last"))
	if tr.Batch() != 3 || tr.Epochs() != 0 {
		t.Fatalf("the checkpoint is of batch %d of epoch %d", tr.Batch(), tr.Epochs())
	}
	fit(t, r, tr)
	if metricsText(t, r) != metricsText(t, straight) {
		t.Errorf("metrics\n%s\nwant\n%s", metricsText(t, r), metricsText(t, straight))
	}
	got, _ := shown(t, r)
	want, _ := shown(t, straight)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events at\n%v\nwant\n%v", got, want)
	}
}

// TestRunFitStepCheckpoints: with a checkpoint at every second step the last
// one is of an even step or the end of an epoch, and the metrics on the disk
// are never behind it.
func TestRunFitStepCheckpoints(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Checkpoint.EveryNSteps = 2
	r, tr := create(t, c)
	fit(t, r, tr, joule.Callback{Step: func(s joule.StepInfo) error {
		saved := resume(t, r.CheckpointPath("last")).Steps()
		if want := max(s.Step/2*2, (s.Step-1)/3*3); saved != want {
			t.Errorf("after step %d the checkpoint has %d steps, want %d", s.Step, saved, want)
		}
		if n := len(metricsOf(t, r).Get("loss").Step); n < saved {
			t.Errorf("after step %d: metrics of %d steps, a checkpoint of %d", s.Step, n, saved)
		}
		return nil
	}})
}

// TestRunFitTimeCheckpoints: with a checkpoint as often as the clock ticks
// there is one of every step.
func TestRunFitTimeCheckpoints(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Checkpoint.EveryNMinutes = 1e-9
	r, tr := create(t, c)
	fit(t, r, tr, joule.Callback{Step: func(s joule.StepInfo) error {
		if saved := resume(t, r.CheckpointPath("last")).Steps(); saved != s.Step {
			t.Errorf("the checkpoint after step %d is of step %d", s.Step, saved)
		}
		return nil
	}})
}

// TestCheckpointPolicy: the models of the two best epochs are kept, best first,
// in a run that was resumed too.
func TestCheckpointPolicy(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.Epochs, c.Checkpoint.TopK = 6, 2
	c.Checkpoint.Monitor, c.Checkpoint.Mode = metric.Column(metric.ValNoise), metric.Higher
	// Brackets have a meaning in patterns of names.
	r, tr := createIn(t, filepath.Join(t.TempDir(), "a[1]"), c)
	hash := map[int]string{}
	note := joule.Callback{Epoch: func(e joule.EpochInfo) error {
		hash[e.Epoch] = tr.Model().Hash()
		if e.Epoch == 4 {
			return errStop
		}
		return nil
	}}
	if err := record.Fit(t.Context(), r, tr, note); err != errStop {
		t.Fatal(err)
	}
	tr = resume(t, r.CheckpointPath("last"))
	fit(t, r, tr, note)

	value := metricsOf(t, r).Get(c.Checkpoint.Monitor).Value
	order := []int{1, 2, 3, 4, 5, 6}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value[b-1], value[a-1]) })
	for i, epoch := range order {
		m, err := joule.LoadModel(r.EpochPath(epoch))
		switch {
		case i >= 2 && !errors.Is(err, os.ErrNotExist):
			t.Errorf("epoch %d of rank %d is kept: %v", epoch, i+1, err)
		case i < 2 && (err != nil || m.Hash() != hash[epoch]):
			t.Errorf("epoch %d of rank %d: %v", epoch, i+1, err)
		}
	}
	if hashOf(t, r.CheckpointPath("best")) != hash[order[0]] {
		t.Errorf("best.safetensors is not of epoch %d", order[0])
	}
}
