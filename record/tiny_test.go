package record_test

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// errStop ends a training as a fault would: what is saved is saved.
var errStop = errors.New("stop")

// tinyRun returns settings for a run of moments on stripes: two epochs of three
// steps.
func tinyRun() joule.Config {
	c := joule.DefaultConfig()
	c.Data = "stripes"
	c.Checkpoint.EveryNEpochs = 1 // whatever the clock says
	c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = 1, 1, 1
	c.Network.HiddenFeatures = 2
	c.BatchSize, c.Epochs = 8, 2
	c.Sampler.Steps = 2
	c.Buffer.Size = 50
	c.Generate.Chains, c.Generate.Steps = 3, 2
	return c
}

// lateRun returns settings for a run on strokes that diverges in its later
// epochs, in which the learning rate rises, and comes through with the help of
// the guard. Its only pictures are small.
func lateRun() joule.Config {
	c := joule.DefaultConfig()
	c.Data, c.Epochs, c.BatchSize = "strokes", 4, 4
	c.Checkpoint.EveryNEpochs, c.Generate.EveryNEpochs = 1, 1
	c.Network.HiddenFeatures, c.Sampler.Steps, c.Buffer.Size = 4, 5, 25
	c.Optimizer.LearningRate, c.Schedule.Gamma = 0.05, 2
	c.Optimizer.GradClipNorm = math.Inf(1)
	c.Guard.EveryNSteps, c.Guard.Window, c.Guard.Retries = 4, 2, 9
	c.Guard.MinGap, c.Guard.MaxGap, c.Guard.MaxGradNorm, c.Guard.MinDiversity = -3, 3, math.Inf(1), 0.35
	c.TensorBoard.EveryNSteps = 1
	c.Generate.Chains, c.Generate.Steps = 2, 1
	c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs, c.Outliers.EveryNEpochs = 0, 0, 0
	return c
}

// create returns a new run's folder, and a trainer of c on stripes.
func create(t *testing.T, c joule.Config) (*run.Run, *joule.Trainer) {
	t.Helper()
	return createIn(t, t.TempDir(), c)
}

// createIn is create in a folder of runs.
func createIn(t *testing.T, dir string, c joule.Config) (*run.Run, *joule.Trainer) {
	t.Helper()
	r, err := run.Create(dir, "stripes")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	return r, tr
}

// createLate is create on strokes, for lateRun.
func createLate(t *testing.T, c joule.Config) (*run.Run, *joule.Trainer) {
	t.Helper()
	r, err := run.Create(t.TempDir(), "strokes")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := joule.NewTrainer(c, toy.Strokes(47), toy.Strokes(23))
	if err != nil {
		t.Fatal(err)
	}
	return r, tr
}

// resume returns a trainer that goes on from a checkpoint of a run on stripes.
func resume(t *testing.T, checkpoint string) *joule.Trainer {
	t.Helper()
	tr, err := joule.ResumeTrainer(checkpoint, toy.Stripes(20), toy.Stripes(9), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// resumeLate is resume on strokes; change, where not nil, changes the settings.
func resumeLate(t *testing.T, checkpoint string, change func(*joule.Config) error) *joule.Trainer {
	t.Helper()
	tr, err := joule.ResumeTrainer(checkpoint, toy.Strokes(47), toy.Strokes(23), change)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// fit trains into a run until its end.
func fit(t *testing.T, r *run.Run, tr *joule.Trainer, list ...joule.Callback) {
	t.Helper()
	if err := record.Fit(t.Context(), r, tr, list...); err != nil {
		t.Fatal(err)
	}
}

// fitRun returns the run of a whole training on stripes.
func fitRun(t *testing.T, c joule.Config, list ...joule.Callback) *run.Run {
	t.Helper()
	r, tr := create(t, c)
	fit(t, r, tr, list...)
	return r
}

// stopAt returns a callback that ends a training with errStop after a step.
func stopAt(step int) joule.Callback {
	return joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == step {
			return errStop
		}
		return nil
	}}
}

// hashOf returns the hash of the model in a file.
func hashOf(t *testing.T, path string) string {
	t.Helper()
	m, err := joule.LoadModel(path)
	if err != nil {
		t.Fatal(err)
	}
	return m.Hash()
}

// metricsOf returns the metrics of a run.
func metricsOf(t *testing.T, r *run.Run) *metric.Table {
	t.Helper()
	table, err := metric.Read(r.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// metricsText returns a run's metrics.csv without its last column, the speed,
// which depends on the clock.
func metricsText(t *testing.T, r *run.Run) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(string(readFile(t, r.MetricsPath()))) {
		b.WriteString(line[:strings.LastIndexByte(line, ',')] + "\n")
	}
	return b.String()
}
