package joule

import (
	"fmt"
	"math"
	"strings"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
)

// Config is everything that decides what a training run computes. Zero means
// zero: start from [DefaultConfig] and change what should differ. The same
// settings are read from YAML by [ParseConfig], from key=value by
// [Config.Set] and from the environment by [Config.SetEnv].
type Config struct {
	Data              string           `yaml:"data"` // a data set's name, or a folder's path
	Image             ImageConfig      `yaml:"image"`
	Seed              uint64           `yaml:"seed"`
	Epochs            int              `yaml:"epochs"`
	BatchSize         int              `yaml:"batch_size"`
	Holdout           int              `yaml:"holdout"`
	LimitTrainBatches int              `yaml:"limit_train_batches"`
	LimitValBatches   int              `yaml:"limit_val_batches"`
	MaxMinutes        float64          `yaml:"max_minutes"`
	Augment           AugmentConfig    `yaml:"augment"`
	Network           NetworkConfig    `yaml:"network"`
	Sampler           sampler.Config   `yaml:"sampler"`
	Buffer            BufferConfig     `yaml:"buffer"`
	Restart           RestartConfig    `yaml:"restart"`
	Objective         ObjectiveConfig  `yaml:"objective"`
	Optimizer         OptimizerConfig  `yaml:"optimizer"`
	Schedule          ScheduleConfig   `yaml:"schedule"`
	EMA               EMAConfig        `yaml:"ema"`
	Generate          GenerateConfig   `yaml:"generate"`
	Filmstrip         FilmstripConfig  `yaml:"filmstrip"`
	Snapshot          SnapshotConfig   `yaml:"snapshot"`
	Outliers          OutlierConfig    `yaml:"outliers"`
	Guard             GuardConfig      `yaml:"guard"`
	EarlyStop         EarlyStopConfig  `yaml:"early_stop"`
	Checkpoint        CheckpointConfig `yaml:"checkpoint"`
	TensorBoard       LogConfig        `yaml:"tensorboard"`
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

// NetworkConfig gives the size of the energy network.
type NetworkConfig struct {
	HiddenFeatures int `yaml:"hidden_features"`
}

// BufferConfig describes the replay buffer of samples.
type BufferConfig struct {
	Size               int     `yaml:"size"`
	Policy             string  `yaml:"policy"`
	RestartProbability float64 `yaml:"restart_probability"`
	// Chains that have been through OldAfter training steps restart with a
	// probability of their own; 0 makes no difference between chains.
	OldAfter              int     `yaml:"old_after"`
	OldRestartProbability float64 `yaml:"old_restart_probability"`
}

// RestartConfig gives the shares of what chains start from that do not start
// from the buffer.
type RestartConfig struct {
	Uniform   float64 `yaml:"uniform"`
	Patch     float64 `yaml:"patch"`
	Data      float64 `yaml:"data"`
	DataNoise float32 `yaml:"data_noise"`
	Gray      float64 `yaml:"gray"`
	Blank     float64 `yaml:"blank"`
	Shifted   float64 `yaml:"shifted"`
}

// EMAConfig says whether the model is the weights' moving average.
type EMAConfig struct {
	Decay float64 `yaml:"decay"`
}

// ObjectiveConfig describes the loss.
type ObjectiveConfig struct {
	Alpha     float64 `yaml:"alpha"`
	DataNoise float32 `yaml:"data_noise"`
}

// OptimizerConfig holds Adam's constants and the gradient's clip.
type OptimizerConfig struct {
	LearningRate float64 `yaml:"learning_rate"`
	Beta1        float64 `yaml:"beta1"`
	Beta2        float64 `yaml:"beta2"`
	Epsilon      float64 `yaml:"epsilon"`
	GradClipNorm float64 `yaml:"grad_clip_norm"`
	SpectralNorm float64 `yaml:"spectral_norm"`
}

// ScheduleConfig multiplies the learning rate by Gamma and the share of
// restarts by RestartGamma every EveryNEpochs.
type ScheduleConfig struct {
	Gamma        float64 `yaml:"gamma"`
	RestartGamma float64 `yaml:"restart_gamma"`
	EveryNEpochs int     `yaml:"every_n_epochs"`
}

// GenerateConfig describes how samples are drawn, see [Config.Generation], and
// the pictures of them made during training.
type GenerateConfig struct {
	Chains       int     `yaml:"chains"`
	Steps        int     `yaml:"steps"`
	Anneal       float32 `yaml:"anneal"`
	EveryNEpochs int     `yaml:"every_n_epochs"`
}

// FilmstripConfig describes the pictures of chains on their way, see
// [Generate].
type FilmstripConfig struct {
	Chains       int `yaml:"chains"`
	Pictures     int `yaml:"pictures"`
	Steps        int `yaml:"steps"`
	EveryNEpochs int `yaml:"every_n_epochs"`
}

// SnapshotConfig describes the pictures of the replay buffer, see
// [BufferSnapshot].
type SnapshotConfig struct {
	Images       int `yaml:"images"`
	EveryNEpochs int `yaml:"every_n_epochs"`
}

// OutlierConfig describes the images of noise that are judged, see [Outliers].
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

// CheckpointConfig says what is saved beside the state after each epoch, and
// when. Monitor and Mode decide what is best.
type CheckpointConfig struct {
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
		Network:   NetworkConfig{HiddenFeatures: 32},
		Sampler:   sampler.DefaultConfig(),
		Buffer:    BufferConfig{Size: 8192, Policy: policyFIFO, RestartProbability: 0.05},
		Restart:   RestartConfig{Uniform: 1, DataNoise: 0.3},
		Objective: ObjectiveConfig{Alpha: 0.1, DataNoise: 0.005},
		Optimizer: OptimizerConfig{LearningRate: 1e-4, Beta1: 0, Beta2: 0.999, Epsilon: 1e-8, GradClipNorm: 0.1},
		Schedule:  ScheduleConfig{Gamma: 0.97, RestartGamma: 1, EveryNEpochs: 1},
		Generate:  GenerateConfig{Chains: 64, Steps: 256, EveryNEpochs: 1},
		Filmstrip: FilmstripConfig{Chains: 8, Pictures: 8, Steps: 256, EveryNEpochs: 1},
		Snapshot:  SnapshotConfig{Images: 32, EveryNEpochs: 1},
		Outliers:  OutlierConfig{Images: 1024, EveryNEpochs: 1},
		Guard:     DefaultGuard(),
		EarlyStop: EarlyStopConfig{Monitor: tagValDivergence, Mode: modeMin},

		Checkpoint:  CheckpointConfig{Monitor: tagValDivergence, Mode: modeMin},
		TensorBoard: LogConfig{EveryNSteps: 10, HistogramsEveryNEpochs: 1},
	}
}

// Generation returns the settings that samples are drawn with: the sampler of
// training with its burn-in and the changes of Generate, from the noise that
// chains started from in training.
func (c Config) Generation() SampleConfig {
	s := SampleConfig{N: c.Generate.Chains, Seed: c.Seed, Sampler: c.Sampler}
	s.Sampler.Steps, s.Sampler.Anneal = c.Generate.Steps, max(s.Sampler.Anneal, c.Generate.Anneal)
	if noise := c.Restart.Uniform + c.Restart.Patch; c.Restart.Patch > 0 {
		s.Patch = c.Restart.Patch / noise
	}
	return s
}

// settings lists every key of the configuration once, in the order of the
// file: where its value lives, what is allowed and what it means. Reading,
// checking and printing all go through this list.
func (c *Config) settings() []setting {
	inf := math.Inf(1)
	return []setting{
		{key: "data", value: &c.Data, names: dataset.Names(), paths: true, about: "data set: " + strings.Join(dataset.Names(), " or ") + ", or the path of a folder of images"},
		{key: "seed", value: &c.Seed, hi: math.MaxUint64, about: "same seed, same build, same weights"},
		{key: "epochs", value: &c.Epochs, lo: 1, hi: 1e6, about: "passes over the training images"},
		{key: "batch_size", value: &c.BatchSize, lo: 1, hi: 16384, about: "real images a step, and as many samples"},
		{key: "holdout", value: &c.Holdout, hi: 1e9, about: "training images held out for the validation; 0 takes the test images"},
		{key: "limit_train_batches", value: &c.LimitTrainBatches, hi: 1e9, about: "training batches an epoch; 0 takes all"},
		{key: "limit_val_batches", value: &c.LimitValBatches, hi: 1e9, about: "validation batches an epoch; 0 takes all"},
		{key: "max_minutes", value: &c.MaxMinutes, hi: 1e6, about: "time after which training stops, to be resumed; 0 for no limit"},

		{key: "image.height", value: &c.Image.Height, hi: dataset.MaxSide, about: "height that a folder's images are made to; 0 takes their own"},
		{key: "image.width", value: &c.Image.Width, hi: dataset.MaxSide, about: "width of the same"},
		{key: "image.channels", value: &c.Image.Channels, hi: 3, about: "1 for gray, 3 for colour; 0 takes their own"},

		{key: "augment.shift", value: &c.Augment.Shift, hi: dataset.MaxSide, about: "pixels by which real images are moved at most, either way, each time"},
		{key: "augment.flip", value: &c.Augment.Flip, hi: 1, about: "share of real images that are mirrored, left to right"},

		{key: "network.hidden_features", value: &c.Network.HiddenFeatures, lo: 2, hi: 1024, about: "width of the network, even"},

		{key: "sampler.steps", value: &c.Sampler.Steps, hi: 1e6, about: "Langevin steps a training step"},
		{key: "sampler.step_size", value: &c.Sampler.StepSize, hi: 1e6, about: "pixels move by this times the energy's gradient"},
		{key: "sampler.noise", value: &c.Sampler.Noise, hi: 1e3, about: "standard deviation of the noise a step"},
		{key: "sampler.anneal", value: &c.Sampler.Anneal, hi: 1, about: "share of the noise that is gone at a chain's last step"},
		{key: "sampler.burn_in", value: &c.Sampler.BurnIn, hi: 1e6, about: "first steps of generation that are larger; training has none"},
		{key: "sampler.burn_in_scale", value: &c.Sampler.BurnInScale, hi: 1e6, about: "factor on the step size in these"},
		{key: "sampler.grad_clip", value: &c.Sampler.GradClip, hi: inf, about: "each gradient value is held within ± this; .inf for no clip"},
		{key: "sampler.min", value: &c.Sampler.Min, lo: -1e6, hi: 1e6, about: "smallest pixel value"},
		{key: "sampler.max", value: &c.Sampler.Max, lo: -1e6, hi: 1e6, about: "largest pixel value"},

		{key: "buffer.size", value: &c.Buffer.Size, lo: 1, hi: 1 << 20, about: "samples kept to start new chains from"},
		{key: "buffer.policy", value: &c.Buffer.Policy, names: []string{policyFIFO, policyReservoir}, about: "what makes room in a full buffer: age or chance"},
		{key: "buffer.restart_probability", value: &c.Buffer.RestartProbability, hi: 1, about: "share of chains that do not start from the buffer"},

		{key: "buffer.old_after", value: &c.Buffer.OldAfter, hi: math.MaxUint16, about: "training steps after which a chain is old; 0 for never"},
		{key: "buffer.old_restart_probability", value: &c.Buffer.OldRestartProbability, hi: 1, about: "share of old chains that begin again"},

		{key: "restart.uniform", value: &c.Restart.Uniform, hi: 1, about: "share of these that start from uniform noise"},
		{key: "restart.patch", value: &c.Restart.Patch, hi: 1, about: "share that starts from uniform noise in a rectangle, dark around it"},
		{key: "restart.data", value: &c.Restart.Data, hi: 1, about: "share that starts from real images with noise"},
		{key: "restart.data_noise", value: &c.Restart.DataNoise, hi: 1e3, about: "standard deviation of that noise"},
		{key: "restart.gray", value: &c.Restart.Gray, hi: 1, about: "share that starts from a constant gray"},
		{key: "restart.blank", value: &c.Restart.Blank, hi: 1, about: "share that starts from the darkest image"},
		{key: "restart.shifted", value: &c.Restart.Shifted, hi: 1, about: "share that starts from samples moved by a few pixels"},

		{key: "objective.alpha", value: &c.Objective.Alpha, hi: 1e6, about: "weight of the squared energies in the loss"},
		{key: "objective.data_noise", value: &c.Objective.DataNoise, hi: 1e3, about: "standard deviation of the noise on real images"},

		{key: "optimizer.learning_rate", value: &c.Optimizer.LearningRate, hi: 1e3, about: "Adam's learning rate in the first epoch"},
		{key: "optimizer.beta1", value: &c.Optimizer.Beta1, hi: 0.999999, about: "decay of Adam's first moment"},
		{key: "optimizer.beta2", value: &c.Optimizer.Beta2, hi: 0.999999, about: "decay of Adam's second moment"},
		{key: "optimizer.epsilon", value: &c.Optimizer.Epsilon, lo: 1e-30, hi: 1, about: "keeps Adam's quotient finite"},
		{key: "optimizer.grad_clip_norm", value: &c.Optimizer.GradClipNorm, lo: 1e-30, hi: inf, about: "largest norm of the whole gradient; .inf for no clip"},
		{key: "optimizer.spectral_norm", value: &c.Optimizer.SpectralNorm, hi: 1e6, about: "largest spectral norm of a layer; 0 for no limit"},

		{key: "schedule.gamma", value: &c.Schedule.Gamma, hi: 10, about: "factor on the learning rate"},
		{key: "schedule.restart_gamma", value: &c.Schedule.RestartGamma, hi: 1, about: "factor on buffer.restart_probability"},
		{key: "schedule.every_n_epochs", value: &c.Schedule.EveryNEpochs, lo: 1, hi: 1e6, about: "epochs after which each of these is applied again"},

		{key: "ema.decay", value: &c.EMA.Decay, hi: 0.999999, about: "the model is the weights' average with this decay; 0 for none"},

		{key: "generate.chains", value: &c.Generate.Chains, lo: 1, hi: 4096, about: "samples in the picture of an epoch"},
		{key: "generate.steps", value: &c.Generate.Steps, hi: 1e6, about: "Langevin steps from noise to a sample"},
		{key: "generate.anneal", value: &c.Generate.Anneal, hi: 1, about: "as sampler.anneal, for samples; the greater of both"},
		{key: "generate.every_n_epochs", value: &c.Generate.EveryNEpochs, hi: 1e6, about: "epochs between two pictures; 0 makes none"},

		{key: "filmstrip.chains", value: &c.Filmstrip.Chains, lo: 1, hi: 256, about: "chains shown on their way from noise"},
		{key: "filmstrip.pictures", value: &c.Filmstrip.Pictures, lo: 1, hi: 256, about: "pictures of each chain, evenly apart"},
		{key: "filmstrip.steps", value: &c.Filmstrip.Steps, hi: 1e6, about: "Langevin steps of the chains"},
		{key: "filmstrip.every_n_epochs", value: &c.Filmstrip.EveryNEpochs, hi: 1e6, about: "epochs between two filmstrips; 0 makes none"},

		{key: "snapshot.images", value: &c.Snapshot.Images, lo: 1, hi: 4096, about: "images of the replay buffer in a picture of it"},
		{key: "snapshot.every_n_epochs", value: &c.Snapshot.EveryNEpochs, hi: 1e6, about: "epochs between two such pictures; 0 makes none"},

		{key: "outliers.images", value: &c.Outliers.Images, lo: 1, hi: 1 << 20, about: "images of noise, whose mean f = −E is logged as rand_out"},
		{key: "outliers.every_n_epochs", value: &c.Outliers.EveryNEpochs, hi: 1e6, about: "epochs between two measurements; 0 makes none"},

		{key: "guard.retries", value: &c.Guard.Retries, hi: 1000, about: "times to go back when training diverges; 0 for no guard"},
		{key: "guard.every_n_steps", value: &c.Guard.EveryNSteps, lo: 1, hi: 1e6, about: "training steps between states to go back to"},
		{key: "guard.window", value: &c.Guard.Window, lo: 1, hi: 1e4, about: "training steps whose median the rules judge"},
		{key: "guard.max_energy", value: &c.Guard.MaxEnergy, hi: inf, about: "trouble: mean energies beyond ± this; .inf for no such rule"},
		{key: "guard.min_gap", value: &c.Guard.MinGap, lo: -inf, about: "trouble: E(fake) − E(real) below this; -.inf for no such rule"},
		{key: "guard.max_gap", value: &c.Guard.MaxGap, hi: inf, about: "trouble: E(fake) − E(real) above this"},
		{key: "guard.max_grad_norm", value: &c.Guard.MaxGradNorm, hi: inf, about: "trouble: norm of the weights' gradient above this"},
		{key: "guard.min_chain_grad_norm", value: &c.Guard.MinChainGradNorm, hi: inf, about: "trouble: norm of ∂E/∂x at samples below this"},
		{key: "guard.max_at_bounds", value: &c.Guard.MaxAtBounds, hi: 1, about: "trouble: share of samples' pixels at bounds above this"},
		{key: "guard.max_blank", value: &c.Guard.MaxBlank, hi: 1, about: "trouble: share of blank samples above this"},
		{key: "guard.min_diversity", value: &c.Guard.MinDiversity, hi: 1, about: "trouble: spread of samples over that of data below this"},

		{key: "early_stop.monitor", value: &c.EarlyStop.Monitor, names: Monitors(), about: "metric that has to become better"},
		{key: "early_stop.mode", value: &c.EarlyStop.Mode, names: []string{modeMin, modeMax}, about: "which is better"},
		{key: "early_stop.min_delta", value: &c.EarlyStop.MinDelta, hi: 1e6, about: "least change that counts as better"},
		{key: "early_stop.patience", value: &c.EarlyStop.Patience, hi: 1e6, about: "epochs without a better one until it stops; 0 never"},

		{key: "checkpoint.every_n_steps", value: &c.Checkpoint.EveryNSteps, hi: 1e9, about: "training steps between checkpoints; 0 only at an epoch's end"},
		{key: "checkpoint.every_n_minutes", value: &c.Checkpoint.EveryNMinutes, hi: 1e6, about: "minutes between checkpoints; 0 only at an epoch's end"},
		{key: "checkpoint.monitor", value: &c.Checkpoint.Monitor, names: Monitors(), about: "metric of the best checkpoint"},
		{key: "checkpoint.mode", value: &c.Checkpoint.Mode, names: []string{modeMin, modeMax}, about: "which is better"},
		{key: "checkpoint.top_k", value: &c.Checkpoint.TopK, hi: 1000, about: "models of the best epochs to keep"},

		{key: "tensorboard.every_n_steps", value: &c.TensorBoard.EveryNSteps, hi: 1e9, about: "training steps between points of a curve; 0 for no event files"},
		{key: "tensorboard.histograms_every_n_epochs", value: &c.TensorBoard.HistogramsEveryNEpochs, hi: 1e6, about: "epochs between two histograms; 0 makes none"},
	}
}

// Validate reports the first value that is out of range, as a [*ConfigError]
// that names the key, the value and what is allowed.
func (c Config) Validate() error {
	for _, s := range c.settings() {
		if err := s.check(); err != nil {
			return err
		}
	}
	if n := c.Image.Channels; n == 2 {
		return &ConfigError{Key: "image.channels", Problem: "2 is neither 1 nor 3", Hint: "1 is gray, 3 is colour"}
	}
	if i := c.Image; (i.Height == 0) != (i.Width == 0) {
		return &ConfigError{Key: "image.height", Problem: fmt.Sprintf("%d, and image.width is %d", i.Height, i.Width), Hint: "give both, or leave both at 0"}
	}
	if n := c.Network.HiddenFeatures; n%2 != 0 {
		return &ConfigError{Key: "network.hidden_features", Problem: fmt.Sprintf("%d is odd", n), Hint: "the first layer has half as many channels: choose an even number"}
	}
	if r := c.Restart; !(r.Uniform+r.Patch+r.Data+r.Gray+r.Blank+r.Shifted > 0) {
		return &ConfigError{Key: "restart", Problem: "no source of restarts has a share", Hint: "set restart.uniform=1"}
	}
	if c.Buffer.OldAfter > 0 && c.Buffer.Policy != policyFIFO {
		return &ConfigError{Key: "buffer.old_after", Problem: "a " + c.Buffer.Policy + " keeps no ages", Hint: "set buffer.policy=fifo, or buffer.old_after=0"}
	}
	if c.Sampler.Min >= c.Sampler.Max {
		return &ConfigError{Key: "sampler.min", Problem: fmt.Sprintf("%g is not below sampler.max = %g", c.Sampler.Min, c.Sampler.Max), Hint: "pixels lie between sampler.min and sampler.max"}
	}
	if g := c.Guard; g.Window > g.EveryNSteps {
		return &ConfigError{Key: "guard.window", Problem: fmt.Sprintf("%d is more than guard.every_n_steps = %d", g.Window, g.EveryNSteps), Hint: "the guard goes back by at least guard.every_n_steps, to before what the window shows"}
	}
	return nil
}

// A ConfigError is a setting that cannot be used, and how to mend it.
type ConfigError struct {
	Place   string // "run.yaml:3:5", "JOULE_EPOCHS", "--set"; may be empty
	Key     string // may be empty
	Problem string
	Hint    string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Place != "" {
		b.WriteString(e.Place + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}
