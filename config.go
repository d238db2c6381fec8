package joule

import (
	"strings"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/setting"
)

// Config is everything that decides what a training run computes. Zero means
// zero: start from [DefaultConfig] and change what should differ. The same
// settings are read from YAML by [ParseConfig], from key=value by
// [Config.Set] and from the environment by [Config.SetEnv].
type Config struct {
	Data              string               `yaml:"data"` // a data set's name, or a folder's path; see NewTrainer
	Image             ImageConfig          `yaml:"image"`
	Seed              uint64               `yaml:"seed"`
	Epochs            int                  `yaml:"epochs"`
	BatchSize         int                  `yaml:"batch_size"`
	Holdout           float64              `yaml:"holdout"` // images, or a share below 1
	LimitTrainBatches int                  `yaml:"limit_train_batches"`
	LimitValBatches   int                  `yaml:"limit_val_batches"`
	MaxMinutes        float64              `yaml:"max_minutes"`
	Augment           dataset.Augment      `yaml:"augment"`
	Network           arch.Config          `yaml:"network"`
	Generator         arch.GeneratorConfig `yaml:"generator"`
	Sampler           sampler.Config       `yaml:"sampler"`
	Buffer            replay.Config        `yaml:"buffer"`
	Restart           replay.Restart       `yaml:"restart"`
	Objective         objective.Config     `yaml:"objective"`
	Optimizer         optim.Config         `yaml:"optimizer"`
	Schedule          optim.Schedule       `yaml:"schedule"`
	EMA               optim.EMA            `yaml:"ema"`
	Generate          GenerateConfig       `yaml:"generate"`
	Filmstrip         FilmstripConfig      `yaml:"filmstrip"`
	Snapshot          SnapshotConfig       `yaml:"snapshot"`
	Outliers          OutlierConfig        `yaml:"outliers"`
	Guard             guard.Config         `yaml:"guard"`
	EarlyStop         EarlyStopConfig      `yaml:"early_stop"`
	Checkpoint        CheckpointConfig     `yaml:"checkpoint"`
	TensorBoard       LogConfig            `yaml:"tensorboard"`
}

// ImageConfig is the size that the images of a folder are made to. Zeros are
// left open, see [dataset.OpenFolder]; data sets with a name have a size of
// their own.
type ImageConfig struct {
	Height   int `yaml:"height"`
	Width    int `yaml:"width"`
	Channels int `yaml:"channels"`
}

// Shape returns the size as package dataset takes it.
func (c ImageConfig) Shape() lane.Shape {
	return lane.Shape{C: c.Channels, H: c.Height, W: c.Width}
}

// ForOthers returns the settings as they stand in files that are made to be handed
// on, such as models and event files: of a folder of images they tell the name and
// not where it is. The path is in a run's config.yaml alone.
func (c Config) ForOthers() Config {
	if !dataset.IsPath(c.Data) {
		return c
	}
	name := strings.TrimRight(c.Data, `/\`)
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if strings.Trim(name, ".") == "" {
		name = "images"
	}
	c.Data = "./" + name
	return c
}

// GenerateConfig describes how samples are drawn, see [Config.Generation], and
// the pictures of them made during training.
type GenerateConfig struct {
	Chains       int     `yaml:"chains"`
	Steps        int     `yaml:"steps"`
	Anneal       float32 `yaml:"anneal"`
	EveryNEpochs int     `yaml:"every_n_epochs"`
}

// FilmstripConfig describes the pictures of chains on their way, which the
// function Filmstrip of package record makes.
type FilmstripConfig struct {
	Chains       int `yaml:"chains"`
	Pictures     int `yaml:"pictures"`
	Steps        int `yaml:"steps"`
	EveryNEpochs int `yaml:"every_n_epochs"`
}

// SnapshotConfig describes the pictures of the replay buffer, which the function
// Snapshot of package record makes.
type SnapshotConfig struct {
	Images       int `yaml:"images"`
	EveryNEpochs int `yaml:"every_n_epochs"`
}

// OutlierConfig describes the images of noise whose energy the function Outliers
// of package record logs.
type OutlierConfig struct {
	Images       int `yaml:"images"`
	EveryNEpochs int `yaml:"every_n_epochs"`
}

// EarlyStopConfig says when to end before the last epoch, see [EarlyStop].
type EarlyStopConfig struct {
	Monitor  string  `yaml:"monitor"`
	Mode     string  `yaml:"mode"`
	MinDelta float64 `yaml:"min_delta"`
	Patience int     `yaml:"patience"`
}

// Auto is the EveryNEpochs that fits the run. Pictures are made of the first and
// the last epoch and so many between that drawing them takes a twentieth of the
// chains' steps or less: which ones depends on the settings and the number of
// images alone. A checkpoint is saved at the end of an epoch where saving takes a
// twentieth of the time or less, and at the end; what is in it does not depend on
// when that is.
const Auto = setting.Auto

// CheckpointConfig says when the state is saved, and what beside it. Monitor and
// Mode decide what is best.
type CheckpointConfig struct {
	EveryNEpochs  int     `yaml:"every_n_epochs"`
	EveryNSteps   int     `yaml:"every_n_steps"`
	EveryNMinutes float64 `yaml:"every_n_minutes"`
	Monitor       string  `yaml:"monitor"`
	Mode          string  `yaml:"mode"`
	TopK          int     `yaml:"top_k"`
}

// LogConfig says what goes into TensorBoard's event files.
type LogConfig struct {
	EveryNSteps            int `yaml:"every_n_steps"`
	HistogramsEveryNEpochs int `yaml:"histograms_every_n_epochs"`
}

// DefaultConfig returns the settings of the recipe that Joule reproduces:
// an energy-based model of MNIST, three epochs, seed 42.
func DefaultConfig() Config {
	return Config{
		Data:      "mnist",
		Seed:      42,
		Epochs:    3,
		BatchSize: 64,
		Network:   arch.Config{Kind: "cnn", HiddenFeatures: 32},
		Generator: arch.GeneratorConfig{Kind: arch.ConvGenerator, HiddenFeatures: 32, Code: 100},
		Sampler:   sampler.DefaultConfig(),
		Buffer:    replay.Config{Size: 8192, Precision: replay.Float32, Policy: replay.FIFO, RestartProbability: 0.05},
		Restart:   replay.Restart{Uniform: 1, DataNoise: 0.3},
		Objective: objective.Config{Kind: objective.ContrastiveDivergence, Alpha: 0.1, DataNoise: 0.005, Sigma: 0.3, Margin: 10, Latent: objective.Uniform},
		Optimizer: optim.Config{LearningRate: 1e-4, Beta1: 0, Beta2: 0.999, Epsilon: 1e-8, GradClipNorm: 0.1},
		Schedule:  optim.Schedule{Gamma: 0.97, RestartGamma: 1, MarginGamma: 1, EveryNEpochs: 1},
		Generate:  GenerateConfig{Chains: 64, Steps: 256, EveryNEpochs: Auto},
		Filmstrip: FilmstripConfig{Chains: 8, Pictures: 8, Steps: 256, EveryNEpochs: Auto},
		Snapshot:  SnapshotConfig{Images: 32, EveryNEpochs: Auto},
		Outliers:  OutlierConfig{Images: 1024, EveryNEpochs: 1},
		Guard:     guard.Default(),
		EarlyStop: EarlyStopConfig{Monitor: metric.ValDivergence, Mode: metric.Lower},

		Checkpoint:  CheckpointConfig{EveryNEpochs: Auto, Monitor: metric.ValDivergence, Mode: metric.Lower},
		TensorBoard: LogConfig{EveryNSteps: 10, HistogramsEveryNEpochs: 1},
	}
}
