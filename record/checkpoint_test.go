package record_test

import (
	"cmp"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
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
		least, best := math.Inf(1), ""
		fit(t, r, tr, joule.Callback{Epoch: func(e joule.EpochInfo) error {
			if e.Divergence < least {
				least, best = e.Divergence, string(readFile(t, r.CheckpointPath("last")))
			}
			return nil
		}})
		if string(readFile(t, r.CheckpointPath("best"))) != best {
			t.Errorf("learning rate %g: best.safetensors is not the checkpoint of the lowest validation", rate)
		}
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
