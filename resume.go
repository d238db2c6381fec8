package joule

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// ReadCheckpointConfig reads the settings of the run that wrote a checkpoint. A
// file that holds a model alone is an error.
func ReadCheckpointConfig(path string) (Config, error) {
	h, err := checkpoint.ReadHeader(path)
	if err != nil {
		return Config{}, err
	}
	return configOf(path, h.Metadata)
}

func configOf(path string, meta map[string]string) (Config, error) {
	if meta[weights.MetaState] == "" || meta[weights.MetaConfig] == "" {
		return Config{}, &checkpoint.Error{
			Path: path, Fault: "is no training checkpoint",
			Hint: "resume from a run's checkpoints/last.safetensors; a model.safetensors has no training state",
		}
	}
	return ParseKeptConfig(path+" (config)", []byte(meta[weights.MetaConfig]), DefaultConfig())
}

// ResumeTrainer returns a trainer that continues a checkpoint with the same
// bits as if it had never stopped. change, where not nil, may alter the
// settings first: more epochs, say. Settings that the saved state depends on
// (the network, the seed, the batch size, the buffer, the objective's kind)
// must stay. One of [Trainer.SaveWithoutReplay] is continued with other bits.
func ResumeTrainer(path string, train, val *dataset.Set, change func(*Config) error) (*Trainer, error) {
	f, err := checkpoint.ReadHalves(path)
	if err != nil {
		return nil, err
	}
	return resume(path, f, train, val, change)
}

// resume is ResumeTrainer with the file of path.
func resume(path string, f *checkpoint.File, train, val *dataset.Set, change func(*Config) error) (*Trainer, error) {
	saved, err := configOf(path, f.Metadata)
	if err != nil {
		return nil, err
	}
	cfg := saved
	if change != nil {
		if err := change(&cfg); err != nil {
			return nil, err
		}
	}
	if err := saved.sameState(cfg); err != nil {
		return nil, err
	}
	// What is measured depends on the method that was asked for, not on what
	// the guard has made of it.
	asked := cfg
	asked.Sampler.Method = askedMethod(f, cfg.Sampler.Method)
	t, err := newTrainer(asked, train, val)
	if err != nil {
		return nil, err
	}
	t.cfg.Sampler.Method = cfg.Sampler.Method
	if err := t.sameData(f.Metadata); err != nil {
		return nil, weights.InFile(path, err)
	}
	if err := t.restore(f); err != nil {
		return nil, weights.InFile(path, err)
	}
	t.otherBits = otherBits(f.Metadata)
	if a, b := saved.Buffer.Precision, cfg.Buffer.Precision; t.Buffer() != nil && a != b {
		t.otherBits = otherPrecision(a, b, t.otherBits)
	}
	if t.history != nil && !saved.sameCourse(cfg) {
		t.history.tries = 0 // other settings have not been tried yet
	}
	return t, nil
}

// OtherBits says in a sentence or two how the program that wrote the checkpoint
// that t goes on from differs from this one, where that makes other bits, or may,
// and that the replay buffer has another precision now. It is empty where there is
// nothing of it, and where the checkpoint, of an earlier version, does not tell.
func (t *Trainer) OtherBits() string { return t.otherBits }

func otherBits(meta map[string]string) string {
	kernels, version := meta[weights.MetaKernels], meta[weights.MetaVersion]
	switch {
	case kernels == "":
		return ""
	case !kernel.SameBits(kernels, kernel.Name()):
		return fmt.Sprintf("the checkpoint was written with %.40q kernels, and these are %q: from here on bits differ from those of a run with one kind", kernels, kernel.Name())
	case version != program.Version():
		return fmt.Sprintf("version %.40q wrote the checkpoint, and this is %q: from here on bits may differ", version, program.Version())
	}
	return ""
}

// otherPrecision says that the buffer's precision has become another, before what
// else there is to say.
func otherPrecision(before, now, more string) string {
	text := fmt.Sprintf("buffer.precision was %s and is now %s: the samples in the replay buffer are rounded to it, and from here on bits differ from those of a run with one precision", before, now)
	if more != "" {
		text += "; " + more
	}
	return text
}

// sameState reports the first setting that differs and may not.
func (c Config) sameState(d Config) error {
	for _, s := range []struct {
		key  string
		a, b any
	}{
		{"data", sameName(c.Data), sameName(d.Data)},
		{"image.height", c.Image.Height, d.Image.Height},
		{"image.width", c.Image.Width, d.Image.Width},
		{"image.channels", c.Image.Channels, d.Image.Channels},
		{"seed", c.Seed, d.Seed},
		{"batch_size", c.BatchSize, d.BatchSize},
		{"network.kind", c.Network.Kind, d.Network.Kind},
		{"network.layers", c.Network.Layers.String(), d.Network.Layers.String()},
		{"network.code", c.Network.Code, d.Network.Code},
		{"network.hidden_features", c.Network.HiddenFeatures, d.Network.HiddenFeatures},
		{"generator.kind", c.Generator.Kind, d.Generator.Kind},
		{"generator.layers", c.Generator.Layers.String(), d.Generator.Layers.String()},
		{"generator.hidden_features", c.Generator.HiddenFeatures, d.Generator.HiddenFeatures},
		{"generator.code", c.Generator.Code, d.Generator.Code},
		{"buffer.size", c.Buffer.Size, d.Buffer.Size},
		{"objective.kind", c.Objective.Kind, d.Objective.Kind},
		{"ema.decay", c.EMA.Decay > 0, d.EMA.Decay > 0},
	} {
		if s.a != s.b {
			return &setting.Error{Key: s.key, Problem: fmt.Sprintf("cannot become %v: the checkpoint was trained with %v", s.b, s.a), Hint: "leave it out, or start a new run"}
		}
	}
	return nil
}

// sameCourse reports whether training goes on in the same way from one state
// with two settings.
func (c Config) sameCourse(d Config) bool {
	return c.Sampler == d.Sampler && c.Objective == d.Objective && c.Optimizer == d.Optimizer && c.Guard == d.Guard
}

// UnknownData is the name of the data of which nothing is known.
const UnknownData = "unknown"

// dataName returns what the data is called by settings that name it and a set
// that may have a name.
func dataName(asked, set string) string {
	set = path.Base(strings.ReplaceAll(set, `\`, "/")) // a path may be private
	set = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(set, " ")))
	const longest = 100
	if runes := []rune(set); len(runes) > longest {
		set = strings.TrimSpace(string(runes[:longest]))
	}
	switch {
	case dataset.IsPath(asked):
		return asked
	case strings.Trim(set, "./") != "":
		return set
	case slices.Contains(dataset.Names(), asked):
		return UnknownData
	}
	return asked
}

// sameName makes all data but the public sets one: its name and place may
// change, and what it holds is for sameData to compare.
func sameName(data string) string {
	if !slices.Contains(dataset.Names(), data) {
		return "a folder of images"
	}
	return data
}

// A dataPrint tells the images that a run is trained on from any others, so
// that it does not go on with a folder that has changed in the meantime.
type dataPrint struct {
	Train dataset.Fingerprint `json:"train"`
	Val   dataset.Fingerprint `json:"val"`
}

// dataPrint returns that of the trainer's sets. It takes a second for each
// gigabyte, the first time.
func (t *Trainer) dataPrint() dataPrint {
	if t.data == nil {
		t.data = &dataPrint{t.train.Fingerprint(), t.val.Fingerprint()}
	}
	return *t.data
}

func (p dataPrint) json() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("joule: " + err.Error()) // a dataPrint is plain data
	}
	return string(b)
}

// sameData reports that the trainer's images are not those of a checkpoint.
// One without a dataPrint, of an earlier version, passes.
func (t *Trainer) sameData(meta map[string]string) error {
	if meta[weights.MetaData] == "" {
		return nil
	}
	var saved dataPrint
	d := json.NewDecoder(strings.NewReader(meta[weights.MetaData]))
	d.DisallowUnknownFields()
	if err := d.Decode(&saved); err != nil {
		return &checkpoint.Error{Fault: "the description of its data: " + err.Error(), Hint: "resume from another checkpoint of the run"}
	}
	now := t.dataPrint()
	if saved == now {
		return nil
	}
	what := "the same numbers of images, but other ones"
	if saved.Train.Images != now.Train.Images || saved.Val.Images != now.Val.Images {
		what = fmt.Sprintf("%d training and %d held-out images, and was trained with %d and %d", now.Train.Images, now.Val.Images, saved.Train.Images, saved.Val.Images)
	}
	return &setting.Error{Key: "data", Problem: fmt.Sprintf("%s is not the data of the checkpoint: it has %s", setting.Quote(t.cfg.Data), what),
		Hint: "bring back the images as they were, or start a new run"}
}

// Progress is how far a training had come when a checkpoint or a model was
// written.
type Progress struct {
	Config        *Config // of the run; nil where there is none
	Epochs, Steps int     // done
	Stopped       bool    // a callback ended the run before its last epoch
	NoReplay      bool    // a checkpoint of Trainer.SaveWithoutReplay
}

// ReadProgress reads what the file of a checkpoint or a model tells of its
// training, without the weights.
func ReadProgress(path string) (Progress, error) {
	h, err := checkpoint.ReadHeader(path)
	if err != nil {
		return Progress{}, err
	}
	card, err := cardOf(path, h.Metadata)
	if err != nil {
		return Progress{}, weights.InFile(path, err)
	}
	var at place
	if state := h.Metadata[weights.MetaState]; state != "" {
		err = json.Unmarshal([]byte(state), &at)
	} else if card != nil {
		at.Epoch, at.Step = card.Epochs, card.Steps
	}
	if err != nil || card == nil || at.Epoch < 0 || at.Step < 0 {
		return Progress{}, &checkpoint.Error{Path: path, Fault: "does not tell how it was trained", Hint: weights.NotOurs}
	}
	return Progress{Config: &card.Config, Epochs: at.Epoch, Steps: at.Step, Stopped: at.Stopped, NoReplay: h.Metadata[weights.MetaReplay] == noReplay}, nil
}
