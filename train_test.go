package joule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

func TestTrainingLowersTheLoss(t *testing.T) {
	c := tinyConfig()
	c.Epochs = 12
	var first, last float64
	var steps []StepInfo
	var epochs []EpochInfo
	tr := tinyTrainer(t, c)
	fit(t, tr, Callback{
		Step:  func(i StepInfo) error { steps = append(steps, i); return nil },
		Epoch: func(i EpochInfo) error { epochs = append(epochs, i); return nil },
	})
	if len(steps) != 60 || len(epochs) != 12 || tr.Steps() != 60 || tr.Epochs() != 12 {
		t.Fatalf("%d steps and %d epochs, want 60 and 12", len(steps), len(epochs))
	}
	first, last = epochs[0].Divergence, epochs[11].Divergence
	if !(last < first && last < -0.1) {
		t.Errorf("validation divergence went from %v to %v, want it to fall", first, last)
	}
	for i, s := range steps {
		want := 10
		if i%5 == 4 {
			want = 7
		}
		if s.Step != i+1 || s.Epoch != i/5 || s.Batch != i%5 || s.Batches != 5 || s.ImageGradients != want*5 {
			t.Fatalf("step %d describes itself as %+v", i, s)
		}
		if lr := 1e-2 * math.Pow(0.97, float64(s.Epoch)); math.Abs(s.LearningRate-lr) > 1e-12 {
			t.Fatalf("step %d: learning rate %v, want %v", i, s.LearningRate, lr)
		}
	}
}

func TestSameBitsForAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []byte
	for _, cores := range []int{1, 2, 3, 7} {
		runtime.GOMAXPROCS(cores)
		tr := tinyTrainer(t, tinyConfig())
		fit(t, tr, Callback{})
		got := saved(t, tr)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("GOMAXPROCS=%d gives other bits than 1", cores)
		}
	}
	c := tinyConfig()
	c.Seed++
	tr := tinyTrainer(t, c)
	fit(t, tr, Callback{})
	if bytes.Equal(saved(t, tr), want) {
		t.Error("another seed gives the same bits")
	}
}

// A run stopped after any step and resumed ends with the bits of one that
// never stopped.
func TestResumeIsExact(t *testing.T) {
	t.Run("default", func(t *testing.T) { testResume(t, tinyConfig()) })
	t.Run("ages", func(t *testing.T) {
		c := tinyConfig()
		c.Buffer.RestartProbability, c.Buffer.OldAfter, c.Buffer.OldRestartProbability = 0.5, 2, 0.1
		testResume(t, c)
	})
	t.Run("augment", func(t *testing.T) {
		c := tinyConfig()
		c.Augment = dataset.Augment{Shift: 2, Flip: 0.5}
		testResume(t, c)
	})
	t.Run("score", func(t *testing.T) {
		c := tinyConfig()
		c.Objective.Kind = objective.ScoreMatching
		testResume(t, c)
	})
}

func testResume(t *testing.T, c Config) {
	straight := tinyTrainer(t, c)
	fit(t, straight, Callback{})
	want := saved(t, straight)
	for stop := 1; stop <= 10; stop++ {
		ctx, cancel := context.WithCancel(context.Background())
		tr := tinyTrainer(t, c)
		err := tr.Fit(ctx, Callback{Step: func(i StepInfo) error {
			if i.Step == stop {
				cancel()
			}
			return nil
		}})
		if stop%5 != 0 && (!errors.Is(err, context.Canceled) || tr.Steps() != stop) {
			t.Fatalf("stop after %d: error %v after step %d", stop, err, tr.Steps())
		}
		path := filepath.Join(t.TempDir(), "last.safetensors")
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		resumed, err := ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resumed.Steps() != tr.Steps() {
			t.Fatalf("resumed at step %d, want %d", resumed.Steps(), tr.Steps())
		}
		fit(t, resumed, Callback{})
		if !bytes.Equal(saved(t, resumed), want) {
			t.Errorf("resumed after step %d ends with other bits", stop)
		}
		// Saving leaves no trace in the trainer that goes on.
		fit(t, tr, Callback{})
		if !bytes.Equal(saved(t, tr), want) {
			t.Errorf("saved after step %d and continued ends with other bits", stop)
		}
	}
}

const killedEnv = "JOULE_TEST_TRAIN_INTO"

// TestKilled kills a training process at moments that fall anywhere, saving
// included, and resumes from what it left.
func TestKilled(t *testing.T) {
	if path := os.Getenv(killedEnv); path != "" {
		tr := tinyTrainer(t, tinyConfig())
		if _, err := os.Stat(path); err == nil {
			if tr, err = ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil); err != nil {
				t.Fatal(err)
			}
		}
		fit(t, tr, Callback{Step: func(StepInfo) error { return tr.Save(path) }, Epoch: func(EpochInfo) error { return tr.Save(path) }})
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	straight := tinyTrainer(t, tinyConfig())
	fit(t, straight, Callback{})
	path := filepath.Join(t.TempDir(), "last.safetensors")
	killed := 0
	for try := range 40 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), killedEnv+"="+path)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		// Longer and longer, so that some run gets through on any machine.
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, saved(t, straight)) {
				t.Errorf("after %d kills the run ends with other bits", killed)
			}
			if killed == 0 {
				t.Log("the first process got through before it was killed")
			}
			return
		case <-time.After(time.Duration(5*(try+1)) * time.Millisecond):
			if err := cmd.Process.Kill(); err != nil {
				t.Log(err)
			}
			<-done
			killed++
		}
	}
	t.Skip("no process got through on this machine")
}

func TestDivergenceStops(t *testing.T) {
	tr := tinyTrainer(t, tinyConfig())
	fit(t, tr, Callback{})
	for name, spoil := range map[string]func(*Trainer){
		"NaN weight":      func(tr *Trainer) { tr.part().Net.Params()[3] = float32(math.NaN()) },
		"infinite weight": func(tr *Trainer) { tr.part().Net.Params()[3] = float32(math.Inf(1)) },
		"huge weights": func(tr *Trainer) {
			for i := range tr.part().Net.Params() {
				tr.part().Net.Params()[i] *= 1e15
			}
		},
		"NaN in the buffer": func(tr *Trainer) {
			fill(tr.Buffer(), func(int, int) float32 { return float32(math.NaN()) })
		},
	} {
		c := tinyConfig()
		c.Epochs = 5
		bad := tinyTrainer(t, c)
		spoil(bad)
		bad.part().Net.Pack()
		before := saved(t, bad)
		_, err := bad.Step()
		var notFinite *engine.NonFiniteError
		if !errors.As(err, &notFinite) {
			t.Errorf("%s: error %v, want a NonFiniteError", name, err)
			continue
		}
		if !bytes.Equal(saved(t, bad), before) {
			t.Errorf("%s: the step that diverged changed the trainer", name)
		}
	}
}

func TestResumeErrors(t *testing.T) {
	dir := t.TempDir()
	tr := tinyTrainer(t, tinyConfig())
	path, model := filepath.Join(dir, "last"), filepath.Join(dir, "model")
	if err := errors.Join(tr.Save(path), tr.Model().Save(model)); err != nil {
		t.Fatal(err)
	}
	change := func(meta, value string, tensor string) string {
		f, err := checkpoint.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if meta != "" {
			f.Metadata[meta] = value
		}
		f.Tensors = slices.DeleteFunc(f.Tensors, func(x checkpoint.Tensor) bool { return x.Name == tensor })
		out := filepath.Join(dir, fmt.Sprintf("changed %s %s", meta, tensor))
		if err := checkpoint.Write(out, f); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct{ path, want string }{
		{model, "is no training checkpoint"},
		{filepath.Join(dir, "absent"), "absent"},
		{change(weights.MetaState, "{", ""), "training state"},
		{change(weights.MetaState, `{"epoch":-1}`, ""), "out of range"},
		{change(weights.MetaState, `{"batch":6}`, ""), "out of range"},
		{change(weights.MetaConfig, "epochs: x", ""), "epochs"},
		{change(weights.MetaData, "{", ""), "the description of its data"},
		{change("", "", weights.Replay), "replay buffer"},
		{change("", "", "cnn_layers.0.weight"), "cnn_layers.0.weight"},
		{change("", "", "adam.v.cnn_layers.9.bias"), "adam.v.cnn_layers.9.bias"},
	} {
		if _, err := ResumeTrainer(c.path, toy.Strokes(47), toy.Strokes(23), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.path, err, c.want)
		}
	}
	for key, f := range map[string]func(*Config){
		"seed":                    func(c *Config) { c.Seed = 1 },
		"batch_size":              func(c *Config) { c.BatchSize = 11 },
		"network.layers":          func(c *Config) { c.Network.Layers = arch.Layers{nn.Flatten(), nn.Linear(1)} },
		"network.hidden_features": func(c *Config) { c.Network.HiddenFeatures = 6 },
		"buffer.size":             func(c *Config) { c.Buffer.Size = 26 },
		"objective.kind":          func(c *Config) { c.Objective.Kind = objective.ScoreMatching },
		"data":                    func(c *Config) { c.Data = "./folder" },
		"image.height":            func(c *Config) { c.Image.Height = 12 },
		"image.width":             func(c *Config) { c.Image.Width = 12 },
		"image.channels":          func(c *Config) { c.Image.Channels = 1 },
	} {
		_, err := ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *Config) error { f(c); return nil })
		var ce *setting.Error
		if !errors.As(err, &ce) || ce.Key != key {
			t.Errorf("changing %s: error %v", key, err)
		}
	}
	longer, err := ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *Config) error { c.Epochs = 9; return nil })
	if err != nil || longer.Config().Epochs != 9 {
		t.Errorf("more epochs: %v", err)
	}
}

// TestResumeWithOtherData makes sure that a run goes on with the images that
// it began with, and with no others.
func TestResumeWithOtherData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	cfg := tinyConfig()
	cfg.Data = "./here"
	tr, err := NewTrainer(cfg, toy.Strokes(47), toy.Strokes(23))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	darker := toy.Strokes(23)
	darker.Pixels[100] ^= 1
	for _, test := range []struct {
		train, val *dataset.Set
		want       string
	}{
		{toy.Strokes(48), toy.Strokes(23), "48 training and 23 held-out images, and was trained with 47 and 23"},
		{toy.Strokes(47), toy.Strokes(22), "47 training and 22 held-out images"},
		{toy.Strokes(47), darker, "the same numbers of images, but other ones"},
	} {
		_, err := ResumeTrainer(path, test.train, test.val, nil)
		var ce *setting.Error
		if !errors.As(err, &ce) || ce.Key != "data" || !strings.Contains(err.Error(), test.want) || ce.Hint == "" {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	// The folder may lie elsewhere now.
	moved, err := ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *Config) error { c.Data = "/there"; return nil })
	if err != nil || moved.Config().Data != "/there" {
		t.Errorf("moved: %v", err)
	}
	// Earlier versions did not say what the images were.
	f, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	delete(f.Metadata, weights.MetaData)
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	if _, err := ResumeTrainer(path, toy.Strokes(48), toy.Strokes(23), nil); err != nil {
		t.Errorf("without a description: %v", err)
	}
}

// TestBufferTooLarge makes sure that the buffer is bounded before there is
// memory for it.
func TestBufferTooLarge(t *testing.T) {
	cfg := tinyConfig()
	cfg.Buffer.Size = 1 << 20
	set := &dataset.Set{N: 1, C: 3, H: 64, W: 64, Pixels: make([]byte, 3*64*64)}
	_, err := NewTrainer(cfg, set, set)
	var ce *setting.Error
	if !errors.As(err, &ce) || ce.Key != "buffer.size" || !strings.Contains(ce.Hint, "87381 or less") {
		t.Errorf("%v", err)
	}
}

func BenchmarkStep(b *testing.B) {
	c := DefaultConfig()
	pixels := make([]byte, 64*784)
	for i := range pixels {
		pixels[i] = byte(i * i >> 8)
	}
	set := &dataset.Set{N: 64, C: 1, H: 28, W: 28, Pixels: pixels}
	tr, err := NewTrainer(c, set, set)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	gradients := 0
	for b.Loop() {
		tr.place.Batch = 0
		info, err := tr.Step()
		if err != nil {
			b.Fatal(err)
		}
		gradients += info.ImageGradients
	}
	b.ReportMetric(float64(gradients)/b.Elapsed().Seconds(), "image-gradients/s")
}

// With Holdout, images of the training set stand in for the test images and
// are not trained on; a run goes on with the same ones.
func TestHoldout(t *testing.T) {
	c := tinyConfig()
	c.Holdout = 7
	tr := tinyTrainer(t, c)
	rest, held := toy.Strokes(47).Split(7)
	want, err := NewTrainer(tinyConfig(), rest, held)
	if err != nil {
		t.Fatal(err)
	}
	fit(t, tr, Callback{})
	fit(t, want, Callback{})
	if got, want := tr.Model(), want.Model(); got.Hash() != want.Hash() || got.Card().N != 7 || !slices.Equal(got.Card().Validation, want.Card().Validation) {
		t.Errorf("hash %s and %d images validated, want %s and 7", got.Hash(), got.Card().N, want.Hash())
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil); err != nil {
		t.Errorf("resumed: %v", err)
	}
	c.Holdout = 47
	var bad *setting.Error
	if _, err := NewTrainer(c, toy.Strokes(47), toy.Strokes(23)); !errors.As(err, &bad) || bad.Key != "holdout" {
		t.Errorf("all images held out: %v", err)
	}
}

// The share of restarts falls as its schedule says.
func TestRestartSchedule(t *testing.T) {
	c := tinyConfig()
	c.Epochs, c.Buffer.RestartProbability, c.Schedule.RestartGamma, c.Schedule.EveryNEpochs = 6, 1, 0.5, 2
	restarts, samples := map[int]int{}, map[int]int{}
	fit(t, tinyTrainer(t, c), Callback{Step: func(i StepInfo) error {
		n, _ := i.Value(metric.Restarts)
		restarts[i.Epoch/2] += int(n)
		samples[i.Epoch/2] += i.ImageGradients / c.Sampler.Steps
		return nil
	}})
	for stage, want := range []float64{1, 0.5, 0.25} {
		if got := float64(restarts[stage]) / float64(samples[stage]); math.Abs(got-want) > 0.16 {
			t.Errorf("stage %d: a share of %v restarts, want %v", stage, got, want)
		}
	}
}
