package joule

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/setting"
)

// Settings lists every key of the configuration once, in the order of the
// file: where its value lives, what is allowed and what it means. Reading,
// checking and printing all go through this list.
func (c *Config) Settings() setting.List {
	return slices.Concat(
		setting.List{
			{Key: "data", Value: &c.Data, Names: dataset.Names(), Path: dataset.IsPath, Suggest: dataset.Suggest, About: "data set: " + strings.Join(dataset.Names(), " or ") + ", or the path of a folder of images"},
			{Key: "seed", Value: &c.Seed, Hi: math.MaxUint64, About: "same seed, same build, same weights"},
			{Key: "epochs", Value: &c.Epochs, Lo: 1, Hi: 1e6, About: "passes over the training images"},
			{Key: "batch_size", Value: &c.BatchSize, Lo: 1, Hi: 16384, About: "real images a step, and as many samples"},
			{Key: "holdout", Value: &c.Holdout, Hi: 1e9, Share: true, About: "training images, or a share (10%), to validate on; 0: the test set"},
			{Key: "limit_train_batches", Value: &c.LimitTrainBatches, Hi: 1e9, About: "training batches an epoch; 0 takes all"},
			{Key: "limit_val_batches", Value: &c.LimitValBatches, Hi: 1e9, About: "validation batches an epoch; 0 takes all"},
			{Key: "max_minutes", Value: &c.MaxMinutes, Hi: 1e6, About: "time after which training stops, to be resumed; 0 for no limit"},

			{Key: "image.height", Value: &c.Image.Height, Hi: dataset.MaxSide, About: "height that a folder's images are made to; 0 takes their own"},
			{Key: "image.width", Value: &c.Image.Width, Hi: dataset.MaxSide, About: "width of the same"},
			{Key: "image.channels", Value: &c.Image.Channels, Hi: 3, About: "1 for gray, 3 for colour; 0 takes their own"},
		},
		c.Augment.Settings().Under("augment"),
		c.Network.Settings().Under("network"), c.Generator.Settings().Under("generator"),
		c.Sampler.Settings().Under("sampler"),
		c.Buffer.Settings().Under("buffer"),
		c.Restart.Settings().Under("restart"),
		c.Objective.Settings().Under("objective"),
		c.Optimizer.Settings().Under("optimizer"),
		c.Schedule.Settings().Under("schedule"),
		c.EMA.Settings().Under("ema"),
		setting.List{
			{Key: "generate.chains", Value: &c.Generate.Chains, Lo: 1, Hi: 4096, About: "samples in the picture of an epoch"},
			{Key: "generate.steps", Value: &c.Generate.Steps, Hi: sampler.MaxSteps, About: "Langevin steps from noise to a sample"},
			{Key: "generate.anneal", Value: &c.Generate.Anneal, Hi: 1, About: "as sampler.anneal, for samples; the greater of both"},
			{Key: "generate.every_n_epochs", Value: &c.Generate.EveryNEpochs, Hi: 1e6, Auto: true, About: "epochs between two pictures; 0 makes none"},

			{Key: "filmstrip.chains", Value: &c.Filmstrip.Chains, Lo: 1, Hi: 256, About: "chains shown on their way from noise"},
			{Key: "filmstrip.pictures", Value: &c.Filmstrip.Pictures, Lo: 1, Hi: 256, About: "pictures of each chain, evenly apart"},
			{Key: "filmstrip.steps", Value: &c.Filmstrip.Steps, Hi: sampler.MaxSteps, About: "Langevin steps of the chains"},
			{Key: "filmstrip.every_n_epochs", Value: &c.Filmstrip.EveryNEpochs, Hi: 1e6, Auto: true, About: "epochs between two filmstrips; 0 makes none"},

			{Key: "snapshot.images", Value: &c.Snapshot.Images, Lo: 1, Hi: 4096, About: "images of the replay buffer in a picture of it"},
			{Key: "snapshot.every_n_epochs", Value: &c.Snapshot.EveryNEpochs, Hi: 1e6, Auto: true, About: "epochs between two such pictures; 0 makes none"},

			{Key: "outliers.images", Value: &c.Outliers.Images, Lo: 1, Hi: 1 << 20, About: "images of noise, whose mean f = −E is logged as rand_out"},
			{Key: "outliers.every_n_epochs", Value: &c.Outliers.EveryNEpochs, Hi: 1e6, About: "epochs between two measurements; 0 makes none"},
		},
		c.Guard.Settings().Under("guard"),
		setting.List{
			{Key: "early_stop.monitor", Value: &c.EarlyStop.Monitor, Names: metric.Monitors(), About: "metric that has to become better"},
			{Key: "early_stop.mode", Value: &c.EarlyStop.Mode, Names: []string{metric.Lower, metric.Higher}, About: "which is better"},
			{Key: "early_stop.min_delta", Value: &c.EarlyStop.MinDelta, Hi: 1e6, About: "least change that counts as better"},
			{Key: "early_stop.patience", Value: &c.EarlyStop.Patience, Hi: 1e6, About: "epochs without a better one until it stops; 0 never"},

			{Key: "checkpoint.every_n_epochs", Value: &c.Checkpoint.EveryNEpochs, Hi: 1e6, Auto: true, About: "epochs between checkpoints; 0 only at the end"},
			{Key: "checkpoint.every_n_steps", Value: &c.Checkpoint.EveryNSteps, Hi: 1e9, About: "training steps between checkpoints; 0 only as epochs end"},
			{Key: "checkpoint.every_n_minutes", Value: &c.Checkpoint.EveryNMinutes, Hi: 1e6, About: "minutes between checkpoints; 0 only as epochs end"},
			{Key: "checkpoint.monitor", Value: &c.Checkpoint.Monitor, Names: metric.Monitors(), About: "metric of the best checkpoint"},
			{Key: "checkpoint.mode", Value: &c.Checkpoint.Mode, Names: []string{metric.Lower, metric.Higher}, About: "which is better"},
			{Key: "checkpoint.top_k", Value: &c.Checkpoint.TopK, Hi: 1000, About: "models of the best epochs to keep"},

			{Key: "tensorboard.every_n_steps", Value: &c.TensorBoard.EveryNSteps, Hi: 1e9, About: "training steps between points of a curve; 0 for no event files"},
			{Key: "tensorboard.histograms_every_n_epochs", Value: &c.TensorBoard.HistogramsEveryNEpochs, Hi: 1e6, About: "epochs between two histograms; 0 makes none"},
		},
	)
}

// Validate reports the first value that is out of range, as a [*setting.Error]
// that names the key, the value and what is allowed.
func (c Config) Validate() error { return c.validate(c.Settings()) }

// kept is Settings of a run or a model, whose data may have any name.
func (c *Config) kept() setting.List {
	list := c.Settings()
	for i := range list {
		if list[i].Key == "data" {
			list[i].Path = func(name string) bool { return name != "" }
		}
	}
	return list
}

func (c Config) validate(list setting.List) error {
	if err := list.Check(); err != nil {
		return err
	}
	if n := c.Image.Channels; n == 2 {
		return &setting.Error{Key: "image.channels", Problem: "2 is neither 1 nor 3", Hint: "1 is gray, 3 is colour"}
	}
	if h := c.Holdout; h > 1 && h != math.Trunc(h) {
		return &setting.Error{Key: "holdout", Problem: fmt.Sprintf("%v is neither a whole number of images nor a share below 1", h), Hint: "write 5000 for as many images, or 10% for a tenth"}
	}
	if i := c.Image; (i.Height == 0) != (i.Width == 0) {
		return &setting.Error{Key: "image.height", Problem: fmt.Sprintf("%d, and image.width is %d", i.Height, i.Width), Hint: "give both, or leave both at 0"}
	}
	if err := setting.Under("network", c.Network.Validate()); err != nil {
		return err
	}
	if r := c.Restart; !(r.Uniform+r.Patch+r.Data+r.Gray+r.Blank+r.Shifted > 0) {
		return &setting.Error{Key: "restart", Problem: "no source of restarts has a share", Hint: "set restart.uniform=1"}
	}
	if err := setting.Under("buffer", c.Buffer.Validate()); err != nil {
		return err
	}
	if err := setting.Under("sampler", c.Sampler.Validate()); err != nil {
		return err
	}
	if lo, hi := c.Sampler.Min, c.Sampler.Max; c.Buffer.Precision == replay.Float16 && max(-lo, hi) > replay.MaxHalf {
		return &setting.Error{Key: "buffer.precision", Problem: fmt.Sprintf("float16 has no values beyond ±%d, and pixels go from %g to %g", replay.MaxHalf, lo, hi), Hint: "set buffer.precision=float32 or uint8, or take a smaller sampler.max"}
	}
	if err := setting.Under("generate", c.Generation().Sampler.Validate()); err != nil {
		return err
	}
	if err := setting.Under("objective", c.Objective.Validate()); err != nil {
		return err
	}
	if err := c.validateGenerator(); err != nil {
		return err
	}
	return setting.Under("guard", c.Guard.Validate())
}

// validateGenerator checks what concerns a generator, where there is one.
func (c Config) validateGenerator() error {
	if !c.Objective.Generates() {
		return nil
	}
	if c.BatchSize == 1 && c.Objective.PullingAway > 0 && c.Objective.Kind == objective.EBGAN {
		return &setting.Error{Key: "batch_size", Problem: "1 image has no other to be kept apart from by objective.pulling_away", Hint: "set batch_size=64, or objective.pulling_away=0"}
	}
	return setting.Under("generator", c.Generator.Validate())
}

// Set changes one value given as "key=value", for example
// "optimizer.learning_rate=1e-3". On an error c is unchanged.
func (c *Config) Set(assignment string) error { return c.Settings().Set(assignment) }

// SetEnv applies the JOULE_* variables of environ, see [setting.List.SetEnv].
// On an error c is unchanged.
func (c *Config) SetEnv(environ []string, others ...string) error {
	next := *c
	if err := next.Settings().SetEnv(environ, others...); err != nil {
		return err
	}
	*c = next
	return nil
}

// ParseConfig reads YAML over base: keys that the file does not have keep
// base's value. It is strict. An unknown key, a value of the wrong type or
// out of range is a [*setting.Error] with file, line and column, for which
// name stands for the file. Call [Config.Validate] on the final settings; it
// also checks what concerns several keys at once.
func ParseConfig(name string, data []byte, base Config) (Config, error) {
	next := base
	if err := next.Settings().Parse(name, data); err != nil {
		return base, err
	}
	return next, nil
}

// ParseKeptConfig is [ParseConfig] of settings that a run or a model has kept: their
// data may also be the name of images that a program gave to [NewTrainer].
func ParseKeptConfig(name string, data []byte, base Config) (Config, error) {
	next := base
	if err := next.kept().Parse(name, data); err != nil {
		return base, err
	}
	return next, nil
}

// YAML returns c as a file that [ParseConfig] reads back, each key with a
// comment on its meaning and on what is allowed.
func (c Config) YAML() []byte { return c.Settings().YAML() }

// ConfigSchema returns a JSON schema, draft 2020-12, of the configurations
// that [ParseConfig] reads, for editors: every key with its type, range,
// default and meaning. What concerns several keys at once is for
// [Config.Validate].
func ConfigSchema() []byte {
	c := DefaultConfig()
	return c.Settings().Schema("Settings of joule train")
}

// Diff lists the keys in which c and d differ. A is the setting of c, B that of
// d.
func (c Config) Diff(d Config) []setting.Difference { return c.Settings().Diff(d.Settings()) }
