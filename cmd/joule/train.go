package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/recipe"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
	"github.com/spf13/cobra"
)

// trainFlags are the flags of joule train that are no keys of the
// configuration.
type trainFlags struct {
	data        dataFlags
	recipe      string
	config      string
	overrides   []override
	threads     int
	runDir      string
	name        string
	resume      string
	reproduce   []string // what joule reproduce goes on with; nil for joule train
	printConfig bool
	printSchema bool
}

func (a *app) trainCommand() *cobra.Command {
	var f trainFlags
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a model",
		Long: `Train an energy-based model of a data set's images, or of your own: a folder of
PNG, JPEG, GIF, WebP, BMP and TIFF pictures, which are cropped and scaled to one
size. The path of a folder has a / in it, or begins with a dot.

Settings come from the defaults, then the recipe given by --recipe, then the
file given by --config, then the environment (optimizer.learning_rate is
JOULE_OPTIMIZER_LEARNING_RATE), then the flags; each wins over those before it.
--print-config shows the outcome. --print-schema prints a JSON schema of the
file, with which editors complete and check it; most look for it where a first
line "# yaml-language-server: $schema=joule.schema.json" says.

Everything that a run makes is in its own folder, runs/<name>/version_N: the
settings, the metrics, their curves, checkpoints, pictures of samples and the
model. The path of the model is printed to standard output at the end.

Ctrl-C leaves the batch under way, saves a checkpoint and prints the command that
resumes from it, bit for bit as if nothing had happened. Pressed again, a second
later or more, it quits at once. SIGTERM, a terminal that hangs up and a closed
pipe from stderr save too; under nohup the last two do not stop the training.
--max-time does the same when its time is over.

A training that diverges goes back to an earlier state by itself and on with
other noise and something changed, up to guard.retries times; guard.log tells
of it. --set guard.retries=0 ends it at once instead.

tensorboard --logdir runs shows the curves, pictures and histograms.

` + exitText(),
		Example: `  joule train
  joule train --recipe quick
  joule train --data fashion-mnist --epochs 10 --name fashion
  joule train --data ./photos --size 32x32 --channels 3
  joule train --set optimizer.learning_rate=2e-4 --set sampler.steps=40
  joule train --set 'network.layers=conv2d 16 kernel=5 stride=2 padding=4, silu, flatten, linear 1'
  joule train --limit-train-batches 20 --limit-val-batches 5     # a quick try
  joule train --resume last
  joule train --resume last --epochs 60                          # go on for longer
  joule train --epochs 60 --max-time 90m                         # as far as that goes
  joule train --set early_stop.patience=5 --set checkpoint.top_k=3
  joule train --print-config > joule.yaml && joule train --config joule.yaml
  joule train --print-schema > joule.schema.json`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.data.fromEnv(a, cmd.Flags()); err != nil {
				return err
			}
			err := a.fromEnv(cmd.Flags(), map[string]string{"recipe": envRecipe, "config": envConfig, "threads": envThreads, "run-dir": envRunDir, "name": envName})
			if err != nil {
				return err
			}
			if f.resume != "" {
				if cmd.Flags().Changed("recipe") {
					return &usageError{"--recipe is for a new run, and --resume goes on with the settings of its own", "leave out one of them; --epochs and --set change settings of a run that goes on"}
				}
				f.recipe = ""
			}
			return a.train(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	addSetting(cmd, &f.overrides, "data", "data", "name", "data set: "+strings.Join(dataset.Names(), " or ")+", or the path of a folder of images")
	flags.Var(&sizeFlag{&f.overrides}, "size", "size that a folder's images are made to, such as 28x28")
	addSetting(cmd, &f.overrides, "channels", "image.channels", "1|3", "1 makes them gray, 3 coloured")
	flags.StringVar(&f.recipe, "recipe", "", "start from a recipe's settings; joule recipes lists them (JOULE_RECIPE)")
	flags.StringVar(&f.config, "config", "", "read settings from this YAML file, - for standard input (JOULE_CONFIG)")
	flags.Var(&setFlag{&f.overrides}, "set", "change one setting; may be repeated")
	addSetting(cmd, &f.overrides, "epochs", "epochs", "int", "passes over the training images")
	flags.Var(&timeFlag{&f.overrides}, "max-time", "stop after this time, such as 90m or 1h30m, to be resumed")
	addSetting(cmd, &f.overrides, "batch-size", "batch_size", "int", "images a step")
	addSetting(cmd, &f.overrides, "limit-train-batches", "limit_train_batches", "int", "training batches an epoch; 0 takes all")
	addSetting(cmd, &f.overrides, "limit-val-batches", "limit_val_batches", "int", "validation batches an epoch; 0 takes all")
	addSetting(cmd, &f.overrides, "seed", "seed", "uint", "same seed, same build, same weights")
	flags.IntVar(&f.threads, "threads", 0, "worker threads, which do not change the result; 0 takes all cores (JOULE_THREADS)")
	flags.StringVar(&f.runDir, "run-dir", "runs", "folder of all runs (JOULE_RUN_DIR)")
	flags.StringVar(&f.name, "name", "", "name of the run; the data set's if not given (JOULE_NAME)")
	flags.StringVar(&f.resume, "resume", "", `continue from a checkpoint: its path, a run's folder, or "last" for the newest run`)
	f.data.add(flags)
	flags.BoolVar(&f.printConfig, "print-config", false, "print the settings as YAML and exit")
	flags.BoolVar(&f.printSchema, "print-schema", false, "print a JSON schema of the settings and exit")
	return cmd
}

// maxThreads is more than any machine has use for.
const maxThreads = 4096

func checkThreads(n int) error {
	if n < 0 || n > maxThreads {
		return &usageError{fmt.Sprintf("--threads: %d is not within 0 to %d", n, maxThreads), "0 takes all cores"}
	}
	return nil
}

func (a *app) train(ctx context.Context, f *trainFlags) error {
	if f.printSchema {
		_, err := a.out().Write(joule.ConfigSchema())
		return err
	}
	_, _, err := a.trainRun(ctx, f)
	return err
}

// trainRun trains and returns the run, and whether it is done: it is not where
// its time was over.
func (a *app) trainRun(ctx context.Context, f *trainFlags) (folder *run.Run, done bool, err error) {
	if err := checkThreads(f.threads); err != nil {
		return nil, false, err
	}
	from, folder, base, err := a.resumed(f)
	if err != nil {
		return nil, false, err
	}
	if f.recipe != "" {
		if base, err = withRecipe(base, f.recipe); err != nil {
			return nil, false, err
		}
	}
	cfg, err := a.settings(ctx, base, f.config, f.overrides)
	if err != nil {
		return nil, false, err
	}
	if f.printConfig {
		_, err := a.out().Write(cfg.YAML())
		return nil, false, err
	}
	if from != "" && dataset.IsPath(cfg.Data) && !isFolder(cfg.Data) {
		return nil, false, &dataset.Error{File: cfg.Data, What: "no such folder of images", Hint: "say with --data where the images are that the checkpoint was trained on"}
	}

	train, val, left, err := a.load(ctx, &cfg, f)
	if err != nil {
		return nil, false, err
	}
	if err := a.enoughToTrain(cfg, from, train, val, f.threads); err != nil {
		return nil, false, err
	}
	trainer, err := newTrainer(cfg, from, train, val)
	if err != nil {
		return nil, false, f.orSpare(from, err)
	}
	trainer.SetThreads(f.threads)
	a.tellFitted(cfg, trainer, train)
	if folder == nil {
		name := f.name
		if name == "" {
			name = runName(cfg.Data)
		}
		if folder, err = run.Create(f.runDir, name); err != nil {
			return nil, false, err
		}
		made := folder
		defer func() { discardUnused(made, err) }()
		if err := costOf(trainer).enoughSpace(folder.Dir); err != nil {
			return nil, false, err
		}
	}
	if err := keepSkipped(folder, left); err != nil {
		return nil, false, err
	}
	done, err = a.fit(ctx, f, folder, trainer)
	return folder, done, err
}

// tellFitted says which settings were made to fit.
func (a *app) tellFitted(asked joule.Config, t *joule.Trainer, train *dataset.Set) {
	for _, d := range asked.Diff(t.Config()) {
		what := "the " + plural(train.N, "image")
		if strings.HasPrefix(d.Key, "guard.") {
			what = "the memory for older samples"
		}
		a.screen.line("%s: %s instead of %s, so that it fits %s", d.Key, d.B, d.A, what)
	}
}

// withRecipe returns settings with those of a recipe over them.
func withRecipe(base joule.Config, name string) (joule.Config, error) {
	r, err := recipe.Find(name)
	if err != nil {
		return base, err
	}
	return r.Config(base)
}

// discardUnused removes a new run whose training failed before it had a checkpoint.
func discardUnused(folder *run.Run, err error) {
	if err == nil || exists(folder.CheckpointPath("last")) {
		return
	}
	name := filepath.Dir(folder.Dir)
	if err := folder.Remove(); err != nil {
		return // the error that is told is why there is no run
	}
	if st, err := os.Lstat(name); err == nil && st.IsDir() {
		os.Remove(name) // where there is no other run of this name
	}
}

// resumed finds the checkpoint to go on from, its run, which is nil outside of one,
// and its settings. Without one these are the default ones.
func (a *app) resumed(f *trainFlags) (from string, folder *run.Run, base joule.Config, err error) {
	if f.resume == "" {
		return "", nil, joule.DefaultConfig(), nil
	}
	if from, folder, err = run.FindCheckpoint(f.runDir, f.name, f.resume); err != nil {
		return "", nil, base, noSuchRun(f.resume, f.runDir, []string{"last"}, err)
	}
	if base, err = joule.ReadCheckpointConfig(from); err != nil {
		return "", nil, base, f.orSpare(from, err)
	}
	// A checkpoint tells the name of a folder of images; where it is stands in the
	// run's settings.
	if folder != nil && dataset.IsPath(base.Data) {
		if c, err := folder.Settings(); err == nil && dataset.IsPath(c.Data) {
			base.Data = c.Data
		}
	}
	if at, err := joule.ReadProgress(from); err == nil && at.NoReplay {
		a.screen.line("note: %s has no replay buffer, which starts anew from noise; from last.safetensors training goes on bit for bit", from)
	}
	return from, folder, base, nil
}

func newTrainer(cfg joule.Config, from string, train, val *dataset.Set) (*joule.Trainer, error) {
	if from == "" {
		return joule.NewTrainer(cfg, train, val)
	}
	return joule.ResumeTrainer(from, train, val, func(c *joule.Config) error { *c = cfg; return nil })
}

// fit trains and tells how it went, and whether that is all.
func (a *app) fit(ctx context.Context, f *trainFlags, folder *run.Run, t *joule.Trainer) (done bool, err error) {
	p := newProgress(a.screen, t.Config())
	a.screen.line("training %s parameters on %s in %s", thousands(int64(t.Model().Parameters())), t.Config().Data, a.screen.strong(folder.Dir))
	if n, all := t.Epochs(), t.Config().Epochs; n >= all && f.reproduce == nil {
		a.screen.line("all %s are done already; --epochs asks for more", plural(all, "epoch"))
	}
	costOf(t).tell(a.screen)
	a.saving.Store(true)
	err = record.Fit(ctx, folder, t, joule.Callback{Step: p.step, Epoch: p.epoch, Rollback: p.rollback, Note: p.note})
	a.saving.Store(false)
	a.screen.clear()
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			a.screen.line("interrupted; the state is saved in %s", folder.CheckpointPath("last"))
			a.screen.line("resume with: %s", resumeCommand(f, folder.CheckpointPath("last")))
			return false, exit(exitInterrupted)
		}
		var diverged *joule.DivergedError
		if errors.As(err, &diverged) {
			a.screen.line("the last checkpoint before it is kept in %s", folder.CheckpointPath("last"))
		}
		return false, err
	}
	if stop := t.Stopped(); stop != nil {
		a.screen.line("stopped: %s", stop.Reason)
		if !stop.Done {
			a.screen.line("the state is saved in %s", folder.CheckpointPath("last"))
			a.screen.line("resume with: %s", resumeCommand(f, folder.CheckpointPath("last")))
			return false, nil
		}
	}
	p.summary(folder, threads(f.threads))
	_, err = fmt.Fprintln(a.out(), printable(folder.ModelPath()))
	return err == nil, err
}

// threads is the number of workers that the engine takes for a flag of n.
func threads(n int) int {
	if n == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// resumeCommand returns what to type to go on from a checkpoint. The settings are
// in it; only what is not a setting has to be said again.
func resumeCommand(f *trainFlags, checkpoint string) string {
	words := []string{commandName(), "train"}
	if f.reproduce != nil {
		words = append(words[:1], f.reproduce...)
	}
	words = append(words, "--resume", quote(checkpoint))
	if f.data.dir != "" {
		words = append(words, "--data-dir", quote(f.data.dir))
	}
	if f.data.offline {
		words = append(words, "--offline")
	}
	if f.threads != 0 {
		words = append(words, "--threads", strconv.Itoa(f.threads))
	}
	return strings.Join(words, " ")
}
