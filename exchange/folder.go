package exchange

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"unicode"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/sampler"
)

// The files of a folder.
const (
	modelFile  = "model.safetensors" // as in a run's folder
	configFile = "config.json"
	cardFile   = "README.md"
)

// FolderFiles returns the names of the files that [WriteFolder] writes.
func FolderFiles() []string { return []string{cardFile, configFile, modelFile} }

// FolderOptions say what a model's file does not: the licence.
type FolderOptions struct {
	License string // of the weights, as the Hugging Face Hub names it: mit, cc-by-sa-3.0, unknown …
}

// DefaultFolderOptions leaves the licence open, which is the owner's to choose;
// weights that others published keep the one of their [joule.Origin].
func DefaultFolderOptions() FolderOptions { return FolderOptions{License: "unknown"} }

var license = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,39}$`)

// WriteFolder writes the model to the folder dir as the Hugging Face Hub wants
// it: model.safetensors as of [WriteSafetensors], which Joule samples from as
// it is; config.json with the architecture, the convention, the sampler's
// settings and the training's; and README.md, a model card with how to use it.
//
// A new folder appears whole. In one that is empty, or that an earlier export
// made, each file is replaced whole, the model last; other files stay. A
// folder that holds anything else is refused. Names that begin with a dot,
// such as .git, do not count.
func WriteFolder(dir string, m *joule.Model, c joule.Convention, opt FolderOptions) error {
	if !license.MatchString(opt.License) {
		return &Error{Fault: fmt.Sprintf("%.60q is no name of a licence", opt.License), Hint: "give one as the Hugging Face Hub does, such as mit, cc-by-4.0 or unknown"}
	}
	weights, err := file(m, c)
	if err != nil {
		return err
	}
	about := describeModel(m, c, opt)
	config, err := about.config()
	if err != nil {
		return err
	}
	card, err := about.card()
	if err != nil {
		return err
	}
	fill := func(dir string) error {
		for _, f := range []struct {
			name string
			data []byte
		}{{cardFile, card}, {configFile, config}} {
			err := atomicfile.Write(filepath.Join(dir, f.name), func(w io.Writer) error {
				_, err := w.Write(f.data)
				return err
			})
			if err != nil {
				return err
			}
		}
		return checkpoint.Write(filepath.Join(dir, modelFile), weights)
	}
	dir = filepath.Clean(dir)
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return atomicfile.WriteFolder(dir, fill)
	case err != nil:
		return &Error{Path: dir, Fault: "is no folder that can be read", Hint: "give a new folder, or one that an earlier export made"}
	case !ours(dir, entries):
		return &Error{Path: dir, Fault: "holds something else", Hint: "give a new folder, or one that an earlier export made"}
	}
	return fill(dir)
}

// maxConfig is more than any config.json takes.
const maxConfig = 1 << 20

// ours tells whether a folder may be written to: it is empty or an export.
func ours(dir string, entries []fs.DirEntry) bool {
	empty := true
	for _, e := range entries {
		empty = empty && strings.HasPrefix(e.Name(), ".")
	}
	if empty {
		return true
	}
	path := filepath.Join(dir, configFile)
	b, err := regular.Read(path, maxConfig)
	var c struct {
		Library string `json:"library_name"`
	}
	return err == nil && json.Unmarshal(b, &c) == nil && c.Library == library
}

const library = "joule"

// A description is what the texts of a folder tell of a model.
type description struct {
	License, Images, DatasetID string
	C, H, W                    int
	Parameters                 int
	F                          bool
	Generator                  bool // draws the samples
	Clip, ClipNorm             bool // whether gradients are held within bounds in sampling, in training
	Card                       *joule.Card
	HeldOut                    *heldOut
	Sampler                    sampler.Config
	Patch                      float64
	Steps                      int // of a chain from noise to an image
	Prefix                     string
	Layers                     []string // in PyTorch
	Hash, Version              string
	Origin                     *joule.Origin // of weights that others published

	output joule.Convention
	spec   nn.Spec
}

type heldOut struct {
	N                 int
	Low, Median, High string
}

// hubNames are the data sets' names on the Hugging Face Hub.
var hubNames = map[string]string{"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}

func describeModel(m *joule.Model, c joule.Convention, opt FolderOptions) *description {
	d := &description{
		License: opt.License, Images: "images", Parameters: m.Parameters(), F: c == joule.OutputF,
		Card: m.Card(), Hash: m.Hash(), Version: program.Version(), Generator: m.Latent() > 0, output: c, spec: m.Spec(),
	}
	d.C, d.H, d.W = m.Shape()
	sample := joule.DefaultSampleConfig()
	d.Sampler, d.Steps = sample.Sampler, sample.Sampler.Steps
	if card := m.Card(); card != nil {
		d.ClipNorm = !math.IsInf(card.Config.Optimizer.GradClipNorm, 0)
		g := card.Config.Generation()
		d.Sampler, d.Patch, d.Steps = g.Sampler, g.Patch, g.Sampler.Steps
		d.Images, d.DatasetID = imagesOf(card.Config.Data)
		if q := card.Validation; len(q) > 0 {
			at := func(share int) string { return fmt.Sprintf("%.4g", q[(len(q)-1)*share/100]) }
			d.HeldOut = &heldOut{card.N, at(1), at(50), at(99)}
		}
	}
	if from := m.Origin(); from != nil {
		o := *from
		for _, text := range []*string{&o.Name, &o.Title, &o.Authors, &o.License, &o.Notice} {
			*text = markdown(*text)
		}
		o.Source = strings.Map(func(r rune) rune { // stands within < and >
			if strings.ContainsRune("<>", r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, o.Source)
		d.Origin = &o
		if d.License == DefaultFolderOptions().License && license.MatchString(o.License) {
			d.License = o.License
		}
	}
	d.Clip = !math.IsInf(float64(d.Sampler.GradClip), 0)
	d.Prefix = d.spec.Prefix
	d.Layers = torchLayers(d.spec)
	return d
}

// imagesOf says what images are called by a card's name of them, and the name of
// a public data set on the Hub.
func imagesOf(data string) (images, id string) {
	switch id := hubNames[data]; {
	case id != "":
		info, err := dataset.About(data)
		if err != nil {
			panic("exchange: " + err.Error()) // hubNames has names that dataset knows
		}
		return info.Title, id
	case dataset.IsPath(data): // which may be private
		return "images", ""
	case data == joule.UnknownData:
		return "unknown data", ""
	}
	return strings.Map(func(r rune) rune { // nothing that Markdown would take for its own
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_.,", r) {
			return r
		}
		return '-'
	}, data), ""
}

// markdown is text from elsewhere that stands as it is in a paragraph of Markdown:
// it cannot end the paragraph, begin markup or turn the text around.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		switch {
		case r != ' ' && !unicode.IsPrint(r):
			continue
		case strings.ContainsRune("\\`*_[]<>|", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

//go:embed card.md
var cardText string

func (d *description) card() ([]byte, error) {
	t, err := template.New(cardFile).Parse(cardText)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return b.Bytes(), nil
}

// hubConfig is config.json. What is not known is left out.
type hubConfig struct {
	Library        string           `json:"library_name"`
	Version        string           `json:"joule_version"`
	ModelType      string           `json:"model_type"`
	Architectures  []string         `json:"architectures"`
	DType          string           `json:"torch_dtype"`
	HiddenFeatures int              `json:"hidden_features,omitempty"` // of the default network
	ImageShape     [3]int           `json:"image_shape"`               // channels, height, width
	Output         joule.Convention `json:"output"`
	Parameters     int              `json:"parameters"`
	Hash           string           `json:"hash"`
	Spec           nn.Spec          `json:"spec"`
	Sampler        hubSampler       `json:"sampler"`
	Training       *hubTraining     `json:"training,omitempty"`
}

type hubSampler struct {
	Method      string   `json:"method,omitempty"` // empty for Langevin
	Steps       int      `json:"steps"`
	StepSize    float32  `json:"step_size"`
	Noise       float32  `json:"noise"`
	Anneal      float32  `json:"anneal"`
	BurnIn      int      `json:"burn_in"`
	BurnInScale float32  `json:"burn_in_scale"`
	GradClip    *float32 `json:"grad_clip"` // null for no clip
	Patch       float64  `json:"patch"`     // share of chains that start from noise in a rectangle
	Min         float32  `json:"min"`
	Max         float32  `json:"max"`
}

type hubTraining struct {
	Data          string  `json:"data,omitempty"`
	Epochs        int     `json:"epochs"`
	Steps         int     `json:"steps"`
	BatchSize     int     `json:"batch_size"`
	LangevinSteps int     `json:"langevin_steps"`
	Alpha         float64 `json:"alpha"`
	LearningRate  float64 `json:"learning_rate"`
	Seed          uint64  `json:"seed"`
}

func (d *description) config() ([]byte, error) {
	c := hubConfig{
		Library: library, Version: d.Version, ModelType: "joule", Architectures: []string{"Model"}, DType: "float32",
		ImageShape: [3]int{d.C, d.H, d.W}, Output: d.output, Parameters: d.Parameters, Hash: d.Hash, Spec: d.spec,
		Sampler: hubSampler{Method: d.Sampler.Other(), Steps: d.Steps, StepSize: d.Sampler.StepSize, Noise: d.Sampler.Noise, Anneal: d.Sampler.Anneal, Patch: d.Patch, BurnIn: d.Sampler.BurnIn, BurnInScale: d.Sampler.BurnInScale, Min: d.Sampler.Min, Max: d.Sampler.Max},
	}
	if d.Clip {
		c.Sampler.GradClip = &d.Sampler.GradClip
	}
	c.HiddenFeatures = hiddenFeatures(d.spec)
	if card := d.Card; card != nil {
		t := card.Config
		c.Training = &hubTraining{
			Epochs: card.Epochs, Steps: card.Steps, BatchSize: t.BatchSize, LangevinSteps: t.Sampler.Steps,
			Alpha: t.Objective.Alpha, LearningRate: t.Optimizer.LearningRate, Seed: t.Seed,
		}
		if !dataset.IsPath(t.Data) {
			c.Training.Data = t.Data
		}
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	return append(b, '\n'), nil
}
