package joule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// TestResumeIsExact: a run that is stopped after any step or epoch and resumed
// has the bits of one that never stopped, whatever its state consists of.
func TestResumeIsExact(t *testing.T) {
	for name, change := range map[string]func(*joule.Config){
		"default": func(*joule.Config) {},
		"ages": func(c *joule.Config) {
			c.Buffer.RestartProbability, c.Buffer.OldAfter, c.Buffer.OldRestartProbability = 0.5, 2, 0.1
		},
		"float16":   func(c *joule.Config) { c.Buffer.Precision = replay.Float16 },
		"uint8":     func(c *joule.Config) { c.Buffer.Precision, c.Buffer.Policy = replay.Uint8, replay.Reservoir },
		"augment":   func(c *joule.Config) { c.Augment = dataset.Augment{Shift: 2, Flip: 0.5} },
		"no buffer": func(c *joule.Config) { c.Objective.Kind = objective.ScoreMatching },
	} {
		t.Run(name, func(t *testing.T) {
			c := joule.TinyConfig()
			change(&c)
			tr := joule.CheckResumes(t, c)
			if b := tr.Buffer(); (b == nil) != (name == "no buffer") {
				t.Errorf("the buffer is %v", b)
			}
			// Saving has left no trace in it.
			unsaved := joule.TinyTrainer(t, c)
			joule.FitTiny(t, unsaved, joule.Callback{})
			if !bytes.Equal(joule.Saved(t, tr), joule.Saved(t, unsaved)) {
				t.Error("saving changes the run")
			}
		})
	}
}

// TestFitCancelled: Fit ends after the step under way, and may be called again.
func TestFitCancelled(t *testing.T) {
	tr, straight := joule.TinyTrainer(t, joule.TinyConfig()), joule.TinyTrainer(t, joule.TinyConfig())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := tr.Fit(ctx, joule.Callback{Step: func(i joule.StepInfo) error {
		if i.Step == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || tr.Steps() != 3 {
		t.Fatalf("error %v after step %d", err, tr.Steps())
	}
	joule.FitTiny(t, tr, joule.Callback{})
	joule.FitTiny(t, straight, joule.Callback{})
	if !bytes.Equal(joule.Saved(t, tr), joule.Saved(t, straight)) {
		t.Error("a training in two pieces ends with other bits")
	}
}

// A glance is a context that is done after so many looks at it.
type glance struct {
	context.Context
	left atomic.Int64
}

func (g *glance) Err() error {
	if g.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestFitInterrupted: Fit ends within a step or a validation, wherever it is,
// in the state before that, and may be called again.
func TestFitInterrupted(t *testing.T) {
	for _, kind := range objective.Kinds() {
		t.Run(kind, func(t *testing.T) {
			c := joule.TinyConfig()
			c.Objective.Kind = kind
			if c.Objective.Generates() {
				c = joule.TinyAdversarial(kind)
			}
			type place struct{ epochs, steps int }
			states := map[place][]byte{}
			straight := joule.TinyTrainer(t, c)
			keep := func() error {
				states[place{straight.Epochs(), straight.Steps()}] = joule.Saved(t, straight)
				return nil
			}
			joule.FitTiny(t, straight, joule.Callback{
				Step:  func(joule.StepInfo) error { return keep() },
				Epoch: func(joule.EpochInfo) error { return keep() },
			})
			tr, within := joule.TinyTrainer(t, c), 0
			for looks := int64(3); tr.Epochs() < c.Epochs; looks += looks/3 + 1 {
				ctx := &glance{Context: context.Background()}
				ctx.left.Store(looks)
				before := tr.Steps()
				if err := tr.Fit(ctx); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				if want, ok := states[place{tr.Epochs(), tr.Steps()}]; ok && !bytes.Equal(joule.Saved(t, tr), want) {
					t.Fatalf("another state after step %d", tr.Steps())
				}
				if before == tr.Steps() {
					within++
				}
			}
			if within < 5 {
				t.Errorf("%d interruptions within the first step", within)
			}
		})
	}
}

// TestResumeErrors changes one thing at a time in a good checkpoint.
func TestResumeErrors(t *testing.T) {
	dir := t.TempDir()
	tr := joule.TinyTrainer(t, joule.TinyConfig())
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
		if _, err := joule.ResumeTrainer(c.path, toy.Strokes(47), toy.Strokes(23), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.path, err, c.want)
		}
	}
}

// TestOtherBits: a trainer says that another program wrote its checkpoint, where
// bits depend on that and the checkpoint tells.
func TestOtherBits(t *testing.T) {
	same := "generic"
	if kernel.Name() != same {
		same = "avx2" // has the bits of avx512
	}
	path := filepath.Join(t.TempDir(), "last")
	tr := joule.TinyTrainer(t, joule.TinyConfig())
	if tr.OtherBits() != "" {
		t.Errorf("a new trainer: %s", tr.OtherBits())
	}
	for _, c := range []struct{ kernels, version, want string }{
		{kernel.Name(), "devel", ""},
		{same, "devel", ""},
		{"sve\x1b", "devel", `"sve\x1b" kernels`},
		{"sve", "v9", "sve"},
		{kernel.Name(), "v9", `version "v9"`},
		{"", "v9", ""},
	} {
		f := joule.File(tr)
		f.Metadata[weights.MetaKernels], f.Metadata[weights.MetaVersion] = c.kernels, c.version
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		again, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := again.OtherBits(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q of version %s: told %q, want %q", c.kernels, c.version, got, c.want)
		}
		if resumed := joule.File(again); resumed.Metadata[weights.MetaKernels] != kernel.Name() {
			t.Errorf("the next checkpoint tells of %q kernels", resumed.Metadata[weights.MetaKernels])
		}
	}
}

// TestResumeWithOtherPrecision: a run may go on with another precision of its
// buffer, with nothing more than that rounding, and says so.
func TestResumeWithOtherPrecision(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	c := joule.TinyConfig()
	tr := joule.TinyTrainer(t, c)
	joule.FitTiny(t, tr, joule.Callback{})
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	a, b := make([]float32, toy.Shape.Len()), make([]float32, toy.Shape.Len())
	for precision, most := range map[string]float64{replay.Float32: 0, replay.Float16: 0x1p-12, replay.Uint8: 1.01 / 255} {
		again, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error {
			c.Epochs++
			return c.Set("buffer.precision=" + precision)
		})
		if err != nil {
			t.Fatal(err)
		}
		if told := again.OtherBits(); strings.Contains(told, "buffer.precision was float32 and is now "+precision+": ") != (most > 0) {
			t.Errorf("%s: told %q", precision, told)
		}
		for i := range tr.Buffer().Len() {
			tr.Buffer().Image(a, i)
			again.Buffer().Image(b, i)
			for p := range a {
				if d := math.Abs(float64(a[p] - b[p])); d > most {
					t.Fatalf("%s: %v becomes %v", precision, a[p], b[p])
				}
			}
		}
		joule.FitTiny(t, again, joule.Callback{})
	}
	c.Data, c.Buffer.Precision, c.Sampler.Max = "mnist", replay.Float16, 70000
	var bad *setting.Error
	if err := c.Validate(); !errors.As(err, &bad) || bad.Key != "buffer.precision" {
		t.Errorf("halves up to 70000: %v", err)
	}
}

// TestResumeSettings: settings that the saved state depends on must stay, and
// others may change.
func TestResumeSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	if err := joule.TinyTrainer(t, joule.TinyConfig()).Save(path); err != nil {
		t.Fatal(err)
	}
	for key, f := range map[string]func(*joule.Config){
		"objective.kind":          func(c *joule.Config) { c.Objective.Kind = objective.ScoreMatching },
		"seed":                    func(c *joule.Config) { c.Seed = 1 },
		"batch_size":              func(c *joule.Config) { c.BatchSize = 11 },
		"network.layers":          func(c *joule.Config) { c.Network.Layers = arch.Layers{nn.Flatten(), nn.Linear(1)} },
		"network.hidden_features": func(c *joule.Config) { c.Network.HiddenFeatures = 6 },
		"buffer.size":             func(c *joule.Config) { c.Buffer.Size = 26 },
		"data":                    func(c *joule.Config) { c.Data = "mnist" },
		"image.height":            func(c *joule.Config) { c.Image.Height = 12 },
		"image.width":             func(c *joule.Config) { c.Image.Width = 12 },
		"image.channels":          func(c *joule.Config) { c.Image.Channels = 1 },
	} {
		_, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { f(c); return nil })
		var ce *setting.Error
		if !errors.As(err, &ce) || ce.Key != key {
			t.Errorf("changing %s: error %v", key, err)
		}
	}
	longer, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { c.Epochs = 9; return nil })
	if err != nil || longer.Config().Epochs != 9 {
		t.Errorf("more epochs: %v", err)
	}
}

// TestResumeWithOtherData makes sure that a run goes on with the images that
// it began with, and with no others.
func TestResumeWithOtherData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	cfg := joule.TinyConfig()
	cfg.Data = "./here"
	tr, err := joule.NewTrainer(cfg, toy.Strokes(47), toy.Strokes(23))
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
		_, err := joule.ResumeTrainer(path, test.train, test.val, nil)
		var ce *setting.Error
		if !errors.As(err, &ce) || ce.Key != "data" || !strings.Contains(err.Error(), test.want) || ce.Hint == "" {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	// The folder may lie elsewhere now.
	moved, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { c.Data = "/there"; return nil })
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
	if _, err := joule.ResumeTrainer(path, toy.Strokes(48), toy.Strokes(23), nil); err != nil {
		t.Errorf("without a description: %v", err)
	}
}

// TestResumeFlipped flips bits all over a checkpoint: each is noticed, or changes nothing.
func TestResumeFlipped(t *testing.T) {
	tr := joule.TinyTrainer(t, joule.TinyConfig())
	joule.FitTiny(t, tr, joule.Callback{})
	whole := joule.Saved(t, tr)
	for i := 0; i < len(whole); i += 401 {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		f, err := checkpoint.Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			continue
		}
		for key := range f.Metadata { // the name of the checksums may have become another
			if len(key) == len("joule_crc32") && strings.HasSuffix(key, "32") {
				delete(f.Metadata, key)
			}
		}
		var again bytes.Buffer
		if err := checkpoint.Encode(&again, f); err != nil || !bytes.Equal(again.Bytes(), whole) {
			t.Errorf("byte %d of %d is not noticed: %v", i, len(whole), err)
		}
	}
}
