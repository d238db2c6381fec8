package exchange

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/run"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

func TestWriteFolder(t *testing.T) {
	m := trained(t)
	dir := filepath.Join(t.TempDir(), "model")
	opt := DefaultFolderOptions()
	opt.License = "mit"
	if err := WriteFolder(dir, m, joule.OutputF, opt); err != nil {
		t.Fatal(err)
	}
	// joule sample takes the folder as it takes a run's.
	path, err := run.FindModel(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	back, err := joule.LoadModel(path)
	if err != nil || back.Hash() != m.Hash() || back.Card() == nil {
		t.Errorf("%s does not hold the model: %v", path, err)
	}

	checkHubConfig(t, dir, m)
	checkHubCard(t, dir, m)
}

// checkHubConfig looks at the config.json of a model that trained returned.
func checkHubConfig(t *testing.T, dir string, m *joule.Model) {
	t.Helper()
	var c hubConfig
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "config.json")), &c); err != nil {
		t.Fatal(err)
	}
	if c.Library != "joule" || c.HiddenFeatures != 8 || c.ImageShape != [3]int{1, 28, 28} || c.Output != "f" || c.Hash != m.Hash() || c.Parameters != m.Parameters() {
		t.Errorf("config.json: %+v", c)
	}
	if s := c.Sampler; s.Steps != 12 || s.StepSize != 10 || s.Noise != 0.005 || s.GradClip == nil || *s.GradClip != 0.03 || s.Min != -1 || s.Max != 1 {
		t.Errorf("config.json: sampler %+v", s)
	}
	if r := c.Training; r == nil || r.Data != "mnist" || r.Epochs != 1 || r.Steps != 6 || r.LangevinSteps != 4 || r.LearningRate != 0.01 {
		t.Errorf("config.json: training %+v", r)
	}
	if describe(c.Spec) != describe(m.Spec()) {
		t.Errorf("config.json: spec %+v", c.Spec)
	}
}

// checkHubCard looks at the README.md of a model that trained returned.
func checkHubCard(t *testing.T, dir string, m *joule.Model) {
	t.Helper()
	card := string(readFile(t, filepath.Join(dir, "README.md")))
	parts := strings.SplitN(card, "---\n", 3)
	var front struct {
		License  string   `yaml:"license"`
		Library  string   `yaml:"library_name"`
		Pipeline string   `yaml:"pipeline_tag"`
		Tags     []string `yaml:"tags"`
		Datasets []string `yaml:"datasets"`
	}
	if err := yaml.Load([]byte(parts[1]), &front, yaml.WithKnownFields()); err != nil || parts[0] != "" {
		t.Fatalf("front matter: %v", err)
	}
	if front.License != "mit" || front.Library != "joule" || front.Pipeline != "unconditional-image-generation" ||
		!slices.Contains(front.Tags, "energy-based-model") || !slices.Equal(front.Datasets, []string{"ylecun/mnist"}) {
		t.Errorf("front matter: %+v", front)
	}
	for _, want := range []string{
		"model of MNIST handwritten digits", "1×28×28", "outputs f(x) = −E(x)", "| epochs, steps | 1, 6 |", "learning rate 0.01,", "energy of 48 held-out images",
		"nn.Conv2d(1, 4, kernel_size=5, stride=2, padding=4),", "nn.Linear(64, 16),", "return -model(images)", "range(12)", "clamp(-0.03, 0.03)", "## Limits", m.Hash(), "joule sample .",
	} {
		if !strings.Contains(card, want) {
			t.Errorf("the card does not say %q", want)
		}
	}
	if strings.Contains(card, "<no value>") || strings.Contains(card, "%!") {
		t.Error("the card has gaps")
	}
	if t.Failed() {
		t.Log(card)
	}
}

// TestFolderWithoutCard writes a model of which little is known.
func TestFolderWithoutCard(t *testing.T) {
	spec := arch.CNN(6, lane.Shape{C: 3, H: 30, W: 20})
	spec.Layers[3] = nn.Conv2D(12, 1, 1, 0) // in place of a SiLU: not the default network
	m := network(t, spec, 1)
	dir := t.TempDir() // empty
	if err := WriteFolder(dir, m, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
		t.Fatal(err)
	}
	config, card := string(readFile(t, filepath.Join(dir, "config.json"))), string(readFile(t, filepath.Join(dir, "README.md")))
	if strings.Contains(config, "hidden_features") || strings.Contains(config, "training") || !strings.Contains(config, `"steps": 256`) {
		t.Errorf("config.json: %s", config)
	}
	for _, want := range []string{"license: unknown\n", "How it was trained is not known", "outputs the energy E(x)", "return model(images)", "3×30×20"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card does not say %q", want)
		}
	}
	if strings.Contains(card, "datasets:") || strings.Contains(card, "MNIST") {
		t.Errorf("the card names data: %s", card)
	}
}

// TestFolderWithoutClips has two settings that JSON has no number for.
func TestFolderWithoutClips(t *testing.T) {
	m := trained(t)
	card := m.Card() // this test's own
	inf := math.Inf(1)
	card.Config.Sampler.GradClip, card.Config.Optimizer.GradClipNorm, card.Config.Schedule.EveryNEpochs = float32(inf), inf, 2
	dir := filepath.Join(t.TempDir(), "model")
	if err := WriteFolder(dir, m, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
		t.Fatal(err)
	}
	if config := string(readFile(t, filepath.Join(dir, "config.json"))); !strings.Contains(config, `"grad_clip": null`) {
		t.Errorf("config.json: %s", config)
	}
	text := string(readFile(t, filepath.Join(dir, "README.md")))
	if strings.Contains(text, "Inf") || !strings.Contains(text, "(x - 10 * (2 if step < 3 else 1) * gradient).clamp(-1, 1)") || !strings.Contains(text, "after every 2 epochs") {
		t.Errorf("the card: %s", text)
	}
}

// put writes a file into a folder and makes that first.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestFolderReplaced writes an export over an earlier one: what its owner
// added stays.
func TestFolderReplaced(t *testing.T) {
	m, other := document(t), network(t, arch.CNN(4, lane.Shape{C: 1, H: 28, W: 28}), 2)
	dir := filepath.Join(t.TempDir(), "mine")
	put(t, dir, ".gitattributes", "") // a fresh repository
	if err := WriteFolder(dir, m, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "samples.png", "picture")
	if err := WriteFolder(dir, other, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
		t.Fatal(err)
	}
	back, err := joule.LoadModel(filepath.Join(dir, "model.safetensors"))
	if err != nil || back.Hash() != other.Hash() {
		t.Errorf("the folder does not hold the second model: %v", err)
	}
	if !strings.Contains(string(readFile(t, filepath.Join(dir, "README.md"))), other.Hash()) || string(readFile(t, filepath.Join(dir, "samples.png"))) != "picture" {
		t.Error("the card is not the second model's, or another file is gone")
	}
}

// TestFolderInTheWay writes where something is that is no export.
func TestFolderInTheWay(t *testing.T) {
	m := document(t)
	parent := t.TempDir()
	write := func(name string, opt FolderOptions) error {
		return WriteFolder(filepath.Join(parent, name), m, joule.OutputEnergy, opt)
	}
	for name, config := range map[string]string{"bare": "", "bert": `{"library_name":"transformers"}`, "broken": "{", "list": "[]"} {
		dir := filepath.Join(parent, name)
		put(t, dir, "model.safetensors", "theirs")
		if config != "" {
			put(t, dir, "config.json", config)
		}
		var e *Error
		if err := write(name, DefaultFolderOptions()); !errors.As(err, &e) || e.Path != dir || e.Hint == "" {
			t.Errorf("%s: error %v", name, err)
		}
		if string(readFile(t, filepath.Join(dir, "model.safetensors"))) != "theirs" {
			t.Errorf("%s: overwritten", name)
		}
	}
	put(t, parent, "file", "text")
	var e *Error
	if err := write("file", DefaultFolderOptions()); !errors.As(err, &e) {
		t.Errorf("over a file: %v", err)
	}
	if err := write("none/model", DefaultFolderOptions()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	for _, bad := range []string{"", "MIT", "a\nb: c", "-", strings.Repeat("a", 41)} {
		if err := write("bad", FolderOptions{License: bad}); err == nil {
			t.Errorf("licence %q is written", bad)
		}
	}
	if _, err := os.Stat(filepath.Join(parent, "bad")); err == nil {
		t.Error("a folder is left of an export that failed")
	}
}

// Where a network is shown in PyTorch, it is one that a Sequential computes.
func TestTorchLayers(t *testing.T) {
	conv, flat := nn.Conv2D(2, 3, 1, 1), nn.Flatten()
	for _, c := range []struct {
		prefix string
		shown  bool
		layers []nn.LayerSpec
	}{
		{"cnn_layers", true, []nn.LayerSpec{conv, nn.SiLU(), flat, nn.Linear(1)}},
		{"layers", true, []nn.LayerSpec{conv, nn.ReLU(), flat, nn.Linear(1)}},
		{"cnn.layers", false, []nn.LayerSpec{conv, nn.SiLU(), flat, nn.Linear(1)}},
		{"a`b", false, []nn.LayerSpec{flat, nn.Linear(1)}},
		{"", false, []nn.LayerSpec{flat, nn.Linear(1)}},
		{"p", false, []nn.LayerSpec{nn.Linear(1)}},                          // of one pixel
		{"p", false, []nn.LayerSpec{nn.Linear(3), nn.Conv2D(1, 1, 1, 0)}},   // from features to pixels
		{"p", false, []nn.LayerSpec{nn.Conv2D(1, 1, 1, 0)}},                 // N×1×1×1
		{"p", true, []nn.LayerSpec{nn.Conv2D(1, 1, 1, 0), nn.SiLU(), flat}}, // N×1
	} {
		spec := nn.Spec{Input: lane.Shape{C: 2, H: 1, W: 1}, Prefix: c.prefix, Layers: c.layers}
		if err := spec.Validate(); err != nil {
			t.Fatal(err)
		}
		if lines := torchLayers(spec); (lines != nil) != c.shown || c.shown && len(lines) != len(c.layers) {
			t.Errorf("%s: %q", describe(spec), lines)
		}
	}
	if torchLayers(nn.Spec{}) != nil {
		t.Error("a network of nothing is shown")
	}
	rapid.Check(t, func(r *rapid.T) {
		hidden, c := 2*rapid.IntRange(1, 9).Draw(r, "hidden"), rapid.IntRange(1, 4).Draw(r, "channels")
		spec := arch.CNN(hidden, lane.Shape{C: c, H: 28, W: 28})
		if got := hiddenFeatures(spec); got != hidden {
			r.Fatalf("%d hidden features, want %d", got, hidden)
		}
		spec.Layers[4].Stride++
		if got := hiddenFeatures(spec); got != 0 {
			r.Fatalf("another network has %d hidden features", got)
		}
	})
}

// TestHubNames holds the names on the Hub to data sets that there are, and
// keeps other names, which may be private, out of what is written.
func TestHubNames(t *testing.T) {
	for name := range hubNames {
		if _, err := dataset.About(name); err != nil {
			t.Error(err)
		}
	}
	m := trained(t)
	m.Card().Config.Data = "/home/someone/private" // this test's own card
	dir := filepath.Join(t.TempDir(), "model")
	if err := WriteFolder(dir, m, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "config.json"} {
		if text := string(readFile(t, filepath.Join(dir, name))); strings.Contains(text, "private") || strings.Contains(text, "MNIST") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestMarkdown: text of an origin cannot become markup of the model card.
func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"plain × (2021)": "plain × (2021)", "a\n# b": "a # b", "[x](http://y) <script>": `\[x\](http://y) \<script\>`,
		"a|b_c*d`e\\": "a\\|b\\_c\\*d\\`e\\\\", "\x1b]0;a\u202eb\xff": "\\]0;ab\ufffd",
	} {
		if got := markdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
