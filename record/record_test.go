package record

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/run"
)

// tinyRun returns settings for a run of moments.
func tinyRun() joule.Config {
	c := joule.DefaultConfig()
	c.Network.HiddenFeatures = 2
	c.BatchSize, c.Epochs = 8, 2
	c.Sampler.Steps = 2
	c.Buffer.Size = 50
	c.Generate.Chains, c.Generate.Steps = 3, 2
	return c
}

func fitRun(t *testing.T, c joule.Config, list ...joule.Callback) *run.Run {
	t.Helper()
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := Fit(t.Context(), r, trainer, list...); err != nil {
		t.Fatal(err)
	}
	return r
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRunFit(t *testing.T) {
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
		t.Fatalf("hooks saw %d steps and %d epochs", len(steps), len(epochs))
	}
	if got, err := r.Settings(); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("settings: %+v, %v", got, err)
	}

	// What is recorded is what the hooks saw.
	table, err := metric.Read(r.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
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
		for tag, want := range map[string]float64{
			"val_contrastive_divergence": e.Divergence, "val_real_out": -e.Real, "val_fake_out": -e.Noise,
		} {
			if s := table.Get(tag); s.Value[i] != want || s.Epoch[i] != i+1 || s.Step[i] != 3*(i+1) {
				t.Errorf("epoch %d: %s is %v, want %v", e.Epoch, tag, s.Value[i], want)
			}
		}
	}

	// The model is that of the last checkpoint, and the pictures tell so.
	m, err := joule.LoadModel(r.ModelPath())
	if err != nil {
		t.Fatal(err)
	}
	last, err := joule.LoadModel(r.CheckpointPath("last"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Hash() != last.Hash() {
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
		if path != r.SamplesPath(1) && !slices.Contains(text, grid.Text{Key: "joule:model", Value: m.Hash()}) {
			t.Errorf("%s: texts %v", path, text)
		}
	}
}

func TestRunFitBest(t *testing.T) {
	for _, lr := range []float64{1e-3, 0} {
		c := tinyRun()
		c.Epochs, c.Optimizer.LearningRate = 2, lr
		c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = 0, 0, 0
		least, hash := math.Inf(1), ""
		var r *run.Run
		var copies [][]byte
		epoch := func(e joule.EpochInfo) error {
			copies = append(copies, readFile(t, r.CheckpointPath("last")))
			if e.Divergence < least {
				least = e.Divergence
				hash = string(copies[len(copies)-1])
			}
			return nil
		}
		var err error
		if r, err = run.Create(t.TempDir(), "stripes"); err != nil {
			t.Fatal(err)
		}
		trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
		if err != nil {
			t.Fatal(err)
		}
		if err := Fit(t.Context(), r, trainer, joule.Callback{Epoch: epoch}); err != nil {
			t.Fatal(err)
		}
		if string(readFile(t, r.CheckpointPath("best"))) != hash {
			t.Errorf("learning rate %g: best.safetensors is not the checkpoint of the lowest validation", lr)
		}
		if entries, _ := os.ReadDir(filepath.Dir(r.SamplesPath(1))); len(entries) != 0 {
			t.Errorf("pictures that nobody asked for: %v", entries)
		}
	}
}

// withoutSpeed cuts the last column, which depends on the clock.
func withoutSpeed(csv []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(csv)) {
		b.WriteString(line[:strings.LastIndexByte(line, ',')] + "\n")
	}
	return b.String()
}

func TestRunFitInterrupted(t *testing.T) {
	c := tinyRun()
	straight := fitRun(t, c)
	for _, at := range []int{1, 3} { // in an epoch and at its end
		ctx, cancel := context.WithCancel(t.Context())
		r, err := run.Create(t.TempDir(), "stripes")
		if err != nil {
			t.Fatal(err)
		}
		trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
		if err != nil {
			t.Fatal(err)
		}
		err = Fit(ctx, r, trainer, joule.Callback{Step: func(s joule.StepInfo) error {
			if s.Step == at {
				cancel()
			}
			return nil
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted in step %d: %v", at, err)
		}
		path, found, err := run.FindCheckpoint(filepath.Dir(filepath.Dir(r.Dir)), "", "last")
		if err != nil || found.Dir != r.Dir {
			t.Fatalf("%v, %v", found, err)
		}
		// Rows that a killed process wrote after its checkpoint are cut.
		f, err := os.OpenFile(r.MetricsPath(), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString("9,99,1,1,1,1,1,,,,1,1,1\n9,100,1,1")
		f.Close()

		trainer, err = joule.ResumeTrainer(path, toy.Stripes(20), toy.Stripes(9), nil)
		if err != nil {
			t.Fatal(err)
		}
		trainer.SetThreads(3)
		if err := Fit(t.Context(), r, trainer, joule.Callback{}); err != nil {
			t.Fatal(err)
		}
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
		if got, want := withoutSpeed(readFile(t, r.MetricsPath())), withoutSpeed(readFile(t, straight.MetricsPath())); got != want {
			t.Errorf("interrupted in step %d: metrics\n%s\nwant\n%s", at, got, want)
		}
	}
}

func TestRunFitStepCheckpoints(t *testing.T) {
	c := tinyRun()
	c.Checkpoint.EveryNSteps = 2
	var r *run.Run
	var err error
	if r, err = run.Create(t.TempDir(), "stripes"); err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	err = Fit(t.Context(), r, trainer, joule.Callback{Step: func(s joule.StepInfo) error {
		saved, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
		if err != nil {
			return err
		}
		want := max(s.Step/2*2, (s.Step-1)/3*3) // the last even step or end of an epoch
		if saved.Steps() != want {
			t.Errorf("after step %d the checkpoint has %d steps, want %d", s.Step, saved.Steps(), want)
		}
		// Metrics on the disk are never behind the checkpoint.
		table, err := metric.Read(r.MetricsPath())
		if err != nil {
			return err
		}
		if n := len(table.Get("loss").Step); n < want {
			t.Errorf("after step %d: metrics of %d steps, a checkpoint of %d", s.Step, n, want)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunFitErrors(t *testing.T) {
	c := tinyRun()
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	// Another training in the folder.
	release, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	var e *run.Error
	if err := Fit(t.Context(), r, trainer, joule.Callback{}); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("two trainings in a folder: %v", err)
	}
	release()

	// An error of a hook ends the training, as it is, and leaves the state
	// before it.
	stop := errors.New("stop")
	for _, hooks := range []joule.Callback{
		{Step: func(joule.StepInfo) error { return stop }},
		{Epoch: func(joule.EpochInfo) error { return stop }},
	} {
		if err := Fit(t.Context(), r, trainer, hooks); err != stop {
			t.Errorf("got %v", err)
		}
	}
	if _, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil); err != nil {
		t.Error(err)
	}

	// Metrics of something else.
	if err := os.WriteFile(r.MetricsPath(), []byte("a,b\n1,2\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	var m *metric.Error
	if err := Fit(t.Context(), r, trainer, joule.Callback{}); !errors.As(err, &m) {
		t.Errorf("strange metrics: %v", err)
	}
	if got := string(readFile(t, r.MetricsPath())); got != "a,b\n1,2\n" {
		t.Errorf("strange metrics became %q", got)
	}

	// A folder that is gone.
	gone := &run.Run{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := Fit(t.Context(), gone, trainer, joule.Callback{}); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("no folder: %v", err)
	}
}

func TestRunFitDiverged(t *testing.T) {
	c := tinyRun()
	c.Epochs = 100
	c.Optimizer.LearningRate, c.Optimizer.GradClipNorm = 1000, math.Inf(1)
	c.Guard.Retries = 0
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	var diverged *joule.DivergedError
	if err := Fit(t.Context(), r, trainer, joule.Callback{}); !errors.As(err, &diverged) {
		t.Fatalf("got %v", err)
	}
	saved, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range saved.Engine().Network().Params() {
		if p-p != 0 {
			t.Fatal("the checkpoint that is kept is not finite")
		}
	}
	if _, err := os.Stat(r.CurvesPath()); err != nil {
		t.Error(err)
	}
}

func TestWriteSamplesChannels(t *testing.T) {
	s := &joule.Samples{N: 1, C: 2, H: 1, W: 1, Images: make([]float32, 2)}
	if err := picture.WriteSamples(new(bytes.Buffer), nil, joule.SampleConfig{N: 1}, s); err == nil {
		t.Error("two channels were drawn")
	}
}

func TestRunSettings(t *testing.T) {
	r := &run.Run{Dir: t.TempDir()}
	if c, err := r.Settings(); err != nil || !reflect.DeepEqual(c, joule.DefaultConfig()) {
		t.Errorf("no file: %+v, %v", c, err)
	}
	if err := os.Mkdir(r.ConfigPath(), 0o777); err != nil {
		t.Fatal(err)
	}
	var e *run.Error
	if _, err := r.Settings(); !errors.As(err, &e) {
		t.Errorf("a folder: %v", err)
	}
}
