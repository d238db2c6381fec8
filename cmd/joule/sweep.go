package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/sweep"
	"github.com/spf13/cobra"
)

type sweepFlags struct {
	train    trainFlags
	grid     []string
	list     string
	seeds    string
	metric   string
	eval     string
	parallel int
	maxTime  time.Duration
	retry    bool
}

func (a *app) sweepCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Train with many combinations of settings and compare",
		Long: `Train with each combination of the values that --grid gives to settings, and of
the rows that --list has in a file, and compare the runs in one table. What does
not vary comes from the recipe and the rest as in joule train. All settings are
checked before the first run.

Each run is a run like others, in runs/<name>/version_N. runs/<name> has the table
as sweep.csv and as sweep.html, with a plot, while it runs and in the end. A run
that fails is a row with the reason and the exit code that joule train gives.

Ctrl-C, the end of --max-time or a kill lose nothing: the same command goes on
where it was, does nothing again that is done, and may have more values. With
--parallel, runs share the cores; the results are the same bits.

A list in YAML has a row after each dash, with its settings, - name: wide,
network.hidden_features: 64 on lines of their own. A list in CSV has the settings
in its first line. Values with commas stand in double quotes in a grid and in CSV.

--metric is a column of metrics.csv, its mean over the last epoch, or a figure of
an evaluation such as eval.frechet, for which the models are judged as by joule
eval --quick: by the test images, or by those that --set holdout keeps from the
training, which is how to choose settings.`,
		Example: `  joule sweep --grid optimizer.learning_rate=1e-3,3e-4 --grid sampler.steps=20,60 --seeds 42,43 --max-time 2h
  joule sweep --recipe mnist-best --list rows.yaml --name ablation --parallel 2
  joule sweep --recipe quick --grid ema.decay=0,0.99 --set holdout=10000 --metric eval.frechet
  joule sweep --grid 'network.layers="flatten, linear 1","flatten, linear 16, silu, linear 1"'`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.train.data.fromEnv(a, cmd.Flags()); err != nil {
				return err
			}
			err := a.fromEnv(cmd.Flags(), map[string]string{"recipe": envRecipe, "config": envConfig, "threads": envThreads, "run-dir": envRunDir, "name": envName})
			if err != nil {
				return err
			}
			return a.sweep(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.grid, "grid", nil, "give a setting each of some values, `key=value,value`; may be repeated")
	flags.StringVar(&f.list, "list", "", "take combinations from this YAML or CSV file, - for YAML from standard input")
	flags.StringVar(&f.seeds, "seeds", "", "train each combination with these seeds, such as 42,43")
	flags.StringVar(&f.metric, "metric", "val_contrastive_divergence", "figure to compare by, such as eval.frechet")
	flags.StringVar(&f.eval, "eval", "", "judge each model: quick, or long for chains of 3,000 steps, too")
	flags.IntVar(&f.parallel, "parallel", 1, "runs at a time, which share the cores")
	flags.DurationVar(&f.maxTime, "max-time", 0, "stop after this time, such as 2h, to go on later")
	flags.BoolVar(&f.retry, "retry", false, "try failed runs again")
	flags.StringVar(&f.train.recipe, "recipe", "", "start from a recipe's settings; joule recipes lists them (JOULE_RECIPE)")
	flags.StringVar(&f.train.config, "config", "", "read settings from this YAML file (JOULE_CONFIG)")
	flags.Var(&setFlag{&f.train.overrides}, "set", "change one setting of all runs; may be repeated")
	addSetting(cmd, &f.train.overrides, "data", "data", "name", "data set, or the path of a folder of images")
	addSetting(cmd, &f.train.overrides, "epochs", "epochs", "int", "passes over the training images")
	flags.IntVar(&f.train.threads, "threads", 0, "worker threads of all runs together; 0 takes all cores (JOULE_THREADS)")
	flags.StringVar(&f.train.runDir, "run-dir", defaultRunDir, "folder of all runs (JOULE_RUN_DIR)")
	flags.StringVar(&f.train.name, "name", "sweep", "name of the sweep, whose runs are in runs/<name> (JOULE_NAME)")
	f.train.data.add(flags)
	return cmd
}

// check finds what is wrong with the flags.
func (f *sweepFlags) check() (figure sweep.Figure, err error) {
	if err := checkThreads(f.train.threads); err != nil {
		return figure, err
	}
	if f.parallel < 1 || f.parallel > threads(f.train.threads) {
		return figure, &usageError{fmt.Sprintf("--parallel: %d is not within 1 to %d, the cores", f.parallel, threads(f.train.threads)), "each run needs a core"}
	}
	if f.maxTime < 0 {
		return figure, &usageError{fmt.Sprintf("--max-time: %v is less than nothing", f.maxTime), "give a time such as 90m or 2h; 0 is no limit"}
	}
	if f.eval != "" && !slices.Contains(sweep.Depths(), f.eval) {
		return figure, &usageError{fmt.Sprintf("--eval: %q is not one of %s", f.eval, strings.Join(sweep.Depths(), ", ")), "quick is as joule eval --quick"}
	}
	if len(f.grid) == 0 && f.list == "" && f.seeds == "" {
		return figure, &usageError{"there is nothing to vary", "give --grid key=value,value, --list FILE or --seeds 42,43"}
	}
	if figure, err = sweep.FindFigure(f.metric); err != nil {
		return figure, placed("--metric", err)
	}
	if figure.OfEval() && f.eval == "" {
		f.eval = sweep.Quick
	}
	return figure, nil
}

// placed says at which flag an error about a setting is.
func placed(flag string, err error) error {
	var e *setting.Error
	if errors.As(err, &e) && e.Place == "" {
		e.Place = flag
	}
	return err
}

// trials reads the combinations.
func (f *sweepFlags) trials(ctx context.Context, base joule.Config) ([]sweep.Trial, error) {
	var axes []sweep.Axis
	add := func(flag, text string) error {
		axis, err := sweep.ParseAxis(text)
		axes = append(axes, axis)
		return placed(flag, err)
	}
	if f.seeds != "" { // the first, so that there soon is a run of each combination
		if err := add("--seeds", "seed="+f.seeds); err != nil {
			return nil, err
		}
	}
	for _, text := range f.grid {
		if err := add("--grid", text); err != nil {
			return nil, err
		}
	}
	var rows []sweep.Row
	if f.list != "" {
		data, err := readSettings(ctx, "the list", f.list, "name a YAML or CSV file; joule sweep --help says what is in it")
		if err != nil {
			return nil, err
		}
		if rows, err = sweep.ParseRows(f.list, data); err != nil {
			return nil, err
		}
	}
	trials, err := sweep.Combine(base, rows, axes)
	return trials, placed("--grid", err)
}

func (a *app) sweep(ctx context.Context, f *sweepFlags) error {
	figure, err := f.check()
	if err != nil {
		return err
	}
	base := joule.DefaultConfig()
	if f.train.recipe != "" {
		if base, err = withRecipe(base, f.train.recipe); err != nil {
			return err
		}
	}
	if base, err = a.settings(ctx, base, f.train.config, f.train.overrides); err != nil {
		return err
	}
	trials, err := f.trials(ctx, base)
	if err != nil {
		return err
	}
	w := a.sweepWorker(f)
	if err := w.Check(ctx, base, trials); err != nil {
		return err
	}
	release, err := sweep.Lock(w.Dir)
	if err != nil {
		return err
	}
	defer release()
	s, err := sweep.Open(w.Dir, base, figure, trials)
	if err != nil {
		return err
	}
	return a.runSweep(ctx, f, s, w, trials)
}

// sweepWorker returns what trains and judges the runs.
func (a *app) sweepWorker(f *sweepFlags) *sweep.Worker {
	each := max(1, threads(f.train.threads)/f.parallel)
	return &sweep.Worker{
		Dir: filepath.Join(f.train.runDir, f.train.name), Threads: each, Judge: f.eval,
		Open: a.openSweep(f), Enough: a.enoughInSweep(each),
		Space:     func(t *joule.Trainer, dir string) error { return costOf(t).enoughSpace(dir) },
		Callbacks: a.sweepProgress(f),
		Tell:      func(what string) { a.screen.line("%s", what) },
	}
}

// runSweep does what is left and tells what came out.
func (a *app) runSweep(ctx context.Context, f *sweepFlags, s *sweep.Sweep, w *sweep.Worker, trials []sweep.Trial) error {
	t := &sweepTeller{screen: a.screen, sweep: s, keys: s.Keys(), parallel: f.parallel}
	opt := sweep.Options{Parallel: f.parallel, Judge: f.eval, Retry: f.retry, Code: codeOf, Begin: t.begin, End: t.end}
	left := s.Left(trials, opt)
	t.left, t.all = len(left), len(trials)
	a.screen.line("%s, %d of them done, by %s into %s", plural(len(trials), "run"), len(trials)-len(left), s.Metric.Name, a.screen.strong(s.Dir))
	limited, cancel := ctx, context.CancelFunc(func() {})
	if f.maxTime > 0 {
		limited, cancel = context.WithTimeout(ctx, f.maxTime)
	}
	defer cancel()
	a.saving.Store(true)
	err := s.Run(limited, left, opt, w.Work)
	a.saving.Store(false)
	a.screen.clear()
	if err != nil && limited.Err() == nil {
		return err
	}
	if err := a.printSweep(s); err != nil {
		return err
	}
	opt.Retry = false
	unfinished := s.Left(trials, opt)
	if len(unfinished) == 0 {
		return tellBest(a.screen, s)
	}
	a.screen.line("%s left; go on with: %s", plural(len(unfinished), "run"), commandLine())
	if ctx.Err() != nil {
		return exit(exitInterrupted)
	}
	return nil
}

// enoughInSweep is [app.enoughToTrain] for runs of so many threads.
func (a *app) enoughInSweep(threads int) func(joule.Config, string, *dataset.Set, *dataset.Set) error {
	return func(cfg joule.Config, from string, train, val *dataset.Set) error {
		return a.enoughToTrain(cfg, from, train, val, threads)
	}
}
