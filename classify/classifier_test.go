package classify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/parity"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

func tinyConfig() Config {
	c := DefaultConfig()
	c.Data, c.Width, c.Features, c.Epochs, c.BatchSize, c.Shift = "strokes", 4, 9, 12, 20, 1
	c.LearningRate = 1e-2
	return c
}

func tiny(t testing.TB, c Config, threads int) *Classifier {
	t.Helper()
	k, err := trainOn(t.Context(), c, toy.LabelledStrokes(250), threads, nil) // the last batch has 10 images
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestParityClassifier holds logits, features, probabilities, the loss and the
// gradient of the weights to PyTorch's.
func TestParityClassifier(t *testing.T) {
	const n, classes, features = 10, 10, 9
	r := parity.Open(t, "classifier")
	net := r.Network(arch.Classifier(4, features, classes, parity.Shape))
	c, err := newClassifier(net, Card{})
	if err != nil {
		t.Fatal(err)
	}
	x := r.Images("images", n, 1, 28, 28)
	logits, code := make([]float32, n*classes), make([]float32, n*features)
	c.Forward(logits, code, x)
	parity.Share(t, "logits", logits, r.Values("logits", n, classes), 1e-5)
	parity.Share(t, "features", code, r.Values("features", n, features), 1e-5)
	c.Probabilities(logits, x)
	parity.Share(t, "probabilities", logits, r.Values("probabilities", n, classes), 1e-5)

	labels, err := r.Uint8("labels", n)
	if err != nil {
		t.Fatal(err)
	}
	loss, grad := make([]float64, n), make([]float32, len(net.Params()))
	engine.New(net, 2).NewPass().Gradient(grad, [][]float32{x}, func(_, i int, z, dz []float32) {
		copy(logits[i*classes:], z)
		loss[i] = imageLoss(dz, z, labels[i], n)
	})
	parity.Share(t, "logits of the pass", logits, r.Values("logits", n, classes), 1e-5)
	sum := 0.0
	for _, l := range loss {
		sum += l
	}
	parity.Share(t, "loss", []float32{float32(sum)}, r.Values("loss", 1), 1e-5)
	for _, v := range net.Named(grad) {
		parity.Share(t, "gradient of "+v.Name, v.Data, r.Values("gradient."+v.Name, v.Shape...), 1e-4)
	}

	extreme, losses, gradients := r.Values("extreme", 6, 5), r.Values("extreme_losses", 6), r.Values("extreme_gradients", 6, 5)
	if labels, err = r.Uint8("extreme_labels", 6); err != nil {
		t.Fatal(err)
	}
	for i := range labels {
		row, d := extreme[i*5:(i+1)*5], make([]float32, 5)
		loss, _ := crossEntropy(d, row, labels[i:i+1])
		what := fmt.Sprintf("logits up to %g: ", row[0])
		parity.Within(t, what+"loss", []float32{float32(loss)}, losses[i:i+1], 1e-6*max(1, math.Abs(float64(losses[i]))))
		parity.Within(t, what+"gradient", d, gradients[i*5:(i+1)*5], 1e-6)
	}
}

// A classifier learns, and its weights are the same bits for any number of
// cores, and through its file.
func TestTrainClassifier(t *testing.T) {
	one, three := tiny(t, tinyConfig(), 1), tiny(t, tinyConfig(), 3)
	if one.Hash() != three.Hash() {
		t.Error("the weights depend on the number of cores")
	}
	other := tinyConfig()
	other.Seed++
	if tiny(t, other, 3).Hash() == one.Hash() {
		t.Error("the weights do not depend on the seed")
	}
	result, err := one.Test(toy.LabelledStrokes(96))
	if err != nil {
		t.Fatal(err)
	}
	if result.Accuracy() < 0.95 || result.Loss > 0.3 {
		t.Errorf("accuracy %v, loss %v", result.Accuracy(), result.Loss)
	}
	total, right := 0, 0
	for label, row := range result.Confusion {
		for p, n := range row {
			total += n
			if p == label {
				right += n
			}
		}
		if want := float64(row[label]) / 24; result.ClassAccuracy(label) != want {
			t.Errorf("class %d: accuracy %v, want %v", label, result.ClassAccuracy(label), want)
		}
	}
	if total != 96 || right != result.Correct || result.N != 96 {
		t.Errorf("%d of %d in the confusion, %d of %d in all", right, total, result.Correct, result.N)
	}

	one.Card().TestAccuracy = result.Accuracy()
	path := filepath.Join(t.TempDir(), "strokes.safetensors")
	if err := one.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != one.Hash() || *back.Card() != *one.Card() {
		t.Errorf("%s %+v comes back as %s %+v", one.Hash(), *one.Card(), back.Hash(), *back.Card())
	}
	card := back.Card()
	if card.Recipe != tinyConfig() || card.DataHash != toy.LabelledStrokes(250).Hash() || card.N != 250 {
		t.Errorf("card %+v", card)
	}
	if _, err := joule.LoadModel(path); err == nil || !strings.Contains(err.Error(), `output is "logits"`) {
		t.Errorf("read as a model: %v", err)
	}
}

// An image's outputs do not depend on what is beside it, and all ways to ask
// agree.
func TestClassifierOutputs(t *testing.T) {
	c := tiny(t, func() Config { c := tinyConfig(); c.Epochs = 1; return c }(), 2)
	const n = 19
	k, f := c.Classes(), c.FeatureLen()
	if ch, h, w := c.Shape(); k != 4 || f != 9 || ch != 1 || h != 12 || w != 12 {
		t.Fatalf("%d classes, %d features, %d×%d×%d", k, f, ch, h, w)
	}
	x := toy.Images(n, 144, 1)
	logits, features, p := make([]float32, n*k), make([]float32, n*f), make([]float32, n*k)
	c.Forward(logits, features, x)
	c.Probabilities(p, x)
	for i := range n {
		z, code := make([]float32, k), make([]float32, f)
		c.Logits(z, x[i*144:(i+1)*144])
		c.Features(code, x[i*144:(i+1)*144])
		if !slices.Equal(z, logits[i*k:(i+1)*k]) || !slices.Equal(code, features[i*f:(i+1)*f]) {
			t.Fatalf("image %d is classified otherwise alone", i)
		}
		sum := 0.0
		for j, z := range z {
			sum += float64(p[i*k+j])
			if got, want := float64(p[i*k+j]/p[i*k]), math.Exp(float64(z-logits[i*k])); math.Abs(got-want) > 1e-5*want {
				t.Fatalf("image %d: odds of class %d are %v, want %v", i, j, got, want)
			}
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Fatalf("image %d: probabilities sum to %v", i, sum)
		}
	}
	// The features are those that the last layer weighs.
	views := c.net.Views()
	w, b := views[len(views)-2].Data, views[len(views)-1].Data
	for i, z := range logits {
		want := float64(b[i%k])
		for j := range f {
			want += float64(w[i%k*f+j]) * float64(features[i/k*f+j])
		}
		if math.Abs(float64(z)-want) > 1e-5*max(1, math.Abs(want)) {
			t.Fatalf("logit %d is %v, its features give %v", i, z, want)
		}
	}
	x[3*144] = float32(math.NaN())
	c.Forward(logits, features, x)
	for i := range n {
		if logits[i*k] != logits[i*k] != (i == 3) {
			t.Errorf("image %d, with NaN in image 3: %v", i, logits[i*k:(i+1)*k])
		}
	}
}

// More images or steps take no more memory.
func TestClassifierAllocations(t *testing.T) {
	c := tiny(t, func() Config { c := tinyConfig(); c.Epochs = 1; return c }(), 1)
	allocs := func(n int) float64 {
		x, out := toy.Images(n, 144, 1), make([]float32, n*c.FeatureLen())
		return testing.AllocsPerRun(5, func() { c.Features(out, x) })
	}
	if few, many := allocs(64), allocs(640); many > few {
		t.Errorf("576 more images allocate %v times more", many-few)
	}
	tr, err := newTrainer(tinyConfig(), toy.LabelledStrokes(250), 1)
	if err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(5, func() {
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
	}); allocs > 10 { // of a batch, none of an image
		t.Errorf("a step allocates %v times", allocs)
	}
}

// Every shift is taken about as often as the others, and both ways to look.
func TestClassifierAugment(t *testing.T) {
	cfg := tinyConfig()
	cfg.Shift, cfg.Flip = 1, true
	tr, err := newTrainer(cfg, toy.LabelledStrokes(20), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := lane.Shape{C: 1, H: 12, W: 12}
	image, dst := make([]float32, 144), make([]float32, 144)
	image[5*12+3] = 1
	counts := make(map[int]int)
	const draws = 3600
	for range draws / 4 {
		for slot := range 4 {
			tr.augment(dst, image, s, slot)
			counts[slices.Index(dst, 1)]++
		}
		tr.step++
	}
	if len(counts) != 18 {
		t.Fatalf("%d ways to move, want 18", len(counts))
	}
	for at, n := range counts { // mean 200, deviation 13.7
		if n < 130 || n > 270 {
			t.Errorf("the pixel came to %d, %d times in %d", at, n, draws)
		}
	}
}

func TestClassifierFaults(t *testing.T) {
	good := toy.LabelledStrokes(20)
	bare := toy.Strokes(20)
	for want, change := range map[string]func(c *Config){
		"width":         func(c *Config) { c.Width = 0 },
		"features":      func(c *Config) { c.Features = 4097 },
		"epochs":        func(c *Config) { c.Epochs = 0 },
		"batch_size":    func(c *Config) { c.BatchSize = -1 },
		"shift":         func(c *Config) { c.Shift = 65 },
		"learning_rate": func(c *Config) { c.LearningRate = math.NaN() },
	} {
		cfg := tinyConfig()
		change(&cfg)
		_, err := Train(t.Context(), cfg, good, nil)
		var fault *setting.Error
		if !errors.As(err, &fault) || fault.Key != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Train(t.Context(), tinyConfig(), bare, nil); err == nil || !strings.Contains(err.Error(), "no labels") {
		t.Errorf("without labels: %v", err)
	}
	c := tiny(t, func() Config { c := tinyConfig(); c.Epochs = 1; return c }(), 2)
	odd := *good
	odd.Labels = bytes.Repeat([]byte{4}, 20)
	wide := *good
	wide.H, wide.W = 6, 24
	for want, set := range map[string]*dataset.Set{
		"no labels": bare, "has label 4": &odd, "are 1×6×24": &wide, "no images": {C: 1, H: 12, W: 12},
	} {
		if _, err := c.Test(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	if _, err := Train(ctx, tinyConfig(), good, func(Step) { steps++; cancel() }); !errors.Is(err, context.Canceled) || steps != 1 {
		t.Errorf("stopped after %d steps with %v", steps, err)
	}
	tr, err := newTrainer(tinyConfig(), good, 1)
	if err != nil {
		t.Fatal(err)
	}
	tr.net.Params()[len(tr.net.Params())-1] = float32(math.NaN())
	tr.net.Pack()
	var diverged *engine.NonFiniteError
	if _, err := tr.Step(); !errors.As(err, &diverged) {
		t.Errorf("a weight that is NaN: %v", err)
	}
}

func TestClassifierFileFaults(t *testing.T) {
	c := tiny(t, func() Config { c := tinyConfig(); c.Epochs = 1; return c }(), 2)
	for want, change := range map[string]func(f *checkpoint.File){
		"is no classifier": func(f *checkpoint.File) { delete(f.Metadata, metaClassifier) },
		"classifier card":  func(f *checkpoint.File) { f.Metadata[metaClassifier] = `{"recipes":1}` },
		"network spec":     func(f *checkpoint.File) { f.Metadata[weights.MetaSpec] = "{" },
		"no tensor":        func(f *checkpoint.File) { f.Tensors = f.Tensors[1:] },
		"has shape": func(f *checkpoint.File) {
			f.Metadata[weights.MetaSpec] = strings.Replace(f.Metadata[weights.MetaSpec], `"Out":4,`, `"Out":5,`, 1)
		},
		"outputs are not": func(f *checkpoint.File) {
			f.Metadata[weights.MetaSpec] = strings.Replace(f.Metadata[weights.MetaSpec], `"features"`, `"code"`, 1)
		},
		"logits of": func(f *checkpoint.File) {
			f.Metadata[weights.MetaSpec] = strings.Replace(f.Metadata[weights.MetaSpec], `"logits","Layer":9`, `"logits","Layer":0`, 1)
		},
		"not finite": func(f *checkpoint.File) { f.Tensors[0].Data.([]checkpoint.Half)[2] = 0x7c00 },
	} {
		f := c.File()
		change(f)
		var b bytes.Buffer
		if err := checkpoint.Encode(&b, f); err != nil {
			t.Fatal(err)
		}
		_, err := Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
		var fault *checkpoint.Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) || fault.Hint == "" {
			t.Errorf("error %v, want one with %q and a hint", err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "none")
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	// An energy's file with a classifier's network is no model.
	_, err := joule.NewModel(c.Spec(), nil)
	if err == nil || !strings.Contains(err.Error(), "is no energy") {
		t.Errorf("a model of a classifier's network: %v", err)
	}
}

// FuzzDecodeClassifier: whatever a file holds, it is refused or classifies.
func FuzzDecodeClassifier(f *testing.F) {
	net, err := nn.New(arch.Classifier(1, 2, 2, lane.Shape{C: 1, H: 4, W: 4}))
	if err != nil {
		f.Fatal(err)
	}
	net.Init(1)
	c, err := newClassifier(net, Card{Recipe: tinyConfig()})
	if err != nil {
		f.Fatal(err)
	}
	// The texts of a file, not its bytes, which are checkpoint's: the fuzzer
	// spends its time on making what it finds shorter.
	file := c.File()
	f.Add(file.Metadata[weights.MetaSpec], file.Metadata[metaClassifier])
	f.Add("{}", "{}")
	f.Fuzz(func(t *testing.T, spec, card string) {
		file.Metadata[weights.MetaSpec], file.Metadata[metaClassifier] = spec, card
		var b bytes.Buffer
		if err := checkpoint.Encode(&b, file); err != nil {
			t.Skip() // no text for a file
		}
		c, err := Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || c.net.Input().Len() > 1<<12 || c.Parameters() > 1<<14 {
			return
		}
		p := make([]float32, c.Classes())
		c.Probabilities(p, make([]float32, c.net.Input().Len()))
	})
}
