package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/pretrained"
	"github.com/joule-ml/joule/run"
	"github.com/spf13/cobra"
)

func (a *app) reproduceCommand() *cobra.Command {
	var train trainFlags
	var noEval bool
	cmd := &cobra.Command{
		Use:   "reproduce NAME",
		Short: "Train a built-in model again and compare",
		Long: `Train a built-in model again by its recipe, and compare what comes out with what
is built in: the weights, which on processors with AVX2 or AVX-512 are the same
bits, whatever the number of cores; and the figures of joule eval, which are
written to the run's folder with the report.

NAME is a built-in model or its recipe. The run is a run like others: Ctrl-C
saves it and prints the command that goes on with it, and compares in the end.

Exit code 1 says that the weights are not the same.`,
		Example: `  joule reproduce mnist-best
  joule reproduce mnist-best --resume last
  joule reproduce mnist-best --no-eval`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no model is named", "joule models lists them"}
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := train.data.fromEnv(a, cmd.Flags()); err != nil {
				return err
			}
			if err := a.fromEnv(cmd.Flags(), map[string]string{"threads": envThreads, "run-dir": envRunDir}); err != nil {
				return err
			}
			model, err := builtIn(args[0])
			if err != nil {
				return err
			}
			train.name = model.Recipe
			train.reproduce = []string{"reproduce", model.Name}
			if noEval {
				train.reproduce = append(train.reproduce, "--no-eval")
			}
			if train.resume == "" {
				train.recipe = model.Recipe
			}
			return a.reproduce(cmd.Context(), &train, model, !noEval)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&train.resume, "resume", "", `continue from a checkpoint: its path, a run's folder, or "last" for the newest run of the recipe`)
	flags.BoolVar(&noEval, "no-eval", false, "compare the weights alone")
	flags.IntVar(&train.threads, "threads", 0, "worker threads, which do not change the result; 0 takes all cores (JOULE_THREADS)")
	flags.StringVar(&train.runDir, "run-dir", defaultRunDir, "folder of all runs (JOULE_RUN_DIR)")
	train.data.add(flags)
	return cmd
}

func (a *app) reproduce(ctx context.Context, f *trainFlags, model pretrained.Model, judge bool) error {
	folder, done, err := a.trainRun(ctx, f)
	if err != nil || !done {
		return err
	}
	got, err := joule.LoadModel(folder.ModelPath())
	if err != nil {
		return err
	}
	built := model.Load()
	same := got.Hash() == built.Hash()
	if same {
		a.screen.line("the same weights as the built-in model %s, bit for bit: %s", model.Name, got.Hash())
	} else {
		a.screen.line("not the weights of the built-in model %s: %s, not %s", model.Name, got.Hash(), built.Hash())
		for _, d := range built.Card().Config.Diff(got.Card().Config) {
			a.screen.line("  %s is %s here, and was %s", d.Key, d.B, d.A)
		}
	}
	if judge {
		if err := a.judgeAgain(ctx, f, folder, got, model); err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				a.screen.line("judge it again with: %s", resumeCommand(f, folder.CheckpointPath("last")))
			}
			return err
		}
	}
	if !same {
		return exit(exitFailure)
	}
	return nil
}

// judgeAgain judges a model as the built-in one was, and prints both.
func (a *app) judgeAgain(ctx context.Context, f *trainFlags, folder *run.Run, m *joule.Model, model pretrained.Model) error {
	was := model.Report()
	cfg := evaluate.DefaultConfig(was.Suite, m)
	cfg.Samples, cfg.Sampler.Steps, cfg.Seed, cfg.Threads = was.Samples.N, was.Samples.Sampler.Steps, was.Seed, f.threads
	cfg.Betas = 0
	ref := modelRef{path: folder.ModelPath()}
	e := evalFlags{data: f.data, out: filepath.Join(folder.Dir, "report")}
	if err := e.prepare(ref); err != nil {
		return err
	}
	now, err := a.judge(ctx, &e, ref, m, cfg)
	if err != nil {
		return err
	}
	built := evaluate.Column{Name: "built in", Report: was}
	if err := e.write(now, []evaluate.Column{built}); err != nil {
		return err
	}
	return a.printReports([]evaluate.Column{built, {Name: "here", Report: now}}, false)
}
