package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/sampler"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

type sampleFlags struct {
	n          int
	steps      int
	seed       uint64
	out        string
	checkpoint string
	threads    int
	runDir     string
}

func (a *app) sampleCommand() *cobra.Command {
	var f sampleFlags
	cmd := &cobra.Command{
		Use:   "sample [MODEL|RUN]",
		Short: "Draw images from a model",
		Long: `Draw images from a model by Langevin dynamics, starting from uniform noise, and
write them as one PNG picture, eight in a row.

MODEL is a .safetensors file that joule train made, a model or a checkpoint.
RUN is a run's folder, or the folder of several, of which the newest is taken.
Without either, it is the newest run under --run-dir.

The picture's text chunks tell the model's hash, the seed and the sampler's
settings. The same model, seed and settings give the same picture.`,
		Example: `  joule sample
  joule sample runs/mnist/version_0 -n 16 --seed 7 -o digits.png
  joule sample --checkpoint best --steps 1000
  joule sample model.safetensors -o - | display`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.fromEnv(cmd.Flags(), map[string]string{"threads": envThreads, "run-dir": envRunDir})
			if err != nil {
				return err
			}
			path, err := f.model(args)
			if err != nil {
				return err
			}
			return a.sample(cmd.Context(), &f, path)
		},
	}
	d := joule.DefaultConfig()
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVarP(&f.n, "count", "n", d.Generate.Chains, "number of images")
	flags.IntVar(&f.steps, "steps", d.Generate.Steps, "Langevin steps from noise to image")
	flags.Uint64Var(&f.seed, "seed", d.Seed, "another seed, other images")
	flags.StringVarP(&f.out, "output", "o", "samples.png", "file to write, - for standard output")
	flags.StringVar(&f.checkpoint, "checkpoint", "", "take this checkpoint, not the run's model: last, best or a path")
	flags.IntVar(&f.threads, "threads", 0, "worker threads, which do not change the result; 0 takes all cores (JOULE_THREADS)")
	flags.StringVar(&f.runDir, "run-dir", "runs", "folder of all runs (JOULE_RUN_DIR)")
	return cmd
}

// Limits on what may be asked for: a picture of some thousand images is as
// large as viewers can show.
const (
	maxSamples     = 16384
	maxSampleSteps = 1e6
)

// model checks the flags and returns the path of the model they mean.
func (f *sampleFlags) model(args []string) (string, error) {
	if f.n < 1 || f.n > maxSamples {
		return "", &usageError{fmt.Sprintf("-n: %d is not within 1 to %d", f.n, maxSamples), "ask for several pictures with different seeds"}
	}
	if f.steps < 0 || f.steps > maxSampleSteps {
		return "", &usageError{fmt.Sprintf("--steps: %d is not within 0 to %d", f.steps, int(maxSampleSteps)), "256 are usual"}
	}
	if err := checkThreads(f.threads); err != nil {
		return "", err
	}
	if f.out == "" {
		return "", &usageError{"-o: no file name", "name a PNG file, or - for standard output"}
	}
	switch f.checkpoint {
	case "", "last", "best":
		if len(args) > 0 {
			return joule.FindModel(args[0], f.checkpoint)
		}
		run, err := joule.NewestRun(f.runDir)
		if err != nil {
			return "", err
		}
		return joule.FindModel(run.Dir, f.checkpoint)
	}
	if len(args) > 0 {
		return "", &usageError{fmt.Sprintf("both %s and --checkpoint %s name a model", args[0], f.checkpoint), "give one of them, or --checkpoint last or best"}
	}
	return joule.FindModel(f.checkpoint, "")
}

func (a *app) sample(ctx context.Context, f *sampleFlags, path string) error {
	if f.out == "-" {
		if out, ok := a.stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
			return &usageError{"-o -: standard output is a terminal", "send it to a file or a program"}
		}
	} else if err := writable(f.out); err != nil {
		return err
	}
	m, err := joule.LoadModel(path)
	if err != nil {
		return err
	}
	cfg := joule.SampleConfig{N: f.n, Seed: f.seed, Threads: f.threads}
	cfg.Sampler = sampler.DefaultConfig()
	if card := m.Card(); card != nil {
		cfg.Sampler = card.Config.Sampler
	}
	cfg.Sampler.Steps = f.steps
	a.screen.line("sampling %s from %s", plural(f.n, "image"), path)
	samples, err := m.Sample(ctx, cfg)
	var diverged *joule.DivergedError
	if errors.As(err, &diverged) {
		return &joule.RunError{Path: path, Fault: diverged.What + " is not finite", Hint: "take an earlier checkpoint, or fewer --steps"}
	}
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return joule.WriteSamples(w, m, cfg, samples) }
	if f.out == "-" {
		return write(a.stdout)
	}
	if err := atomicfile.Write(f.out, write); err != nil {
		return err
	}
	a.screen.line("wrote %s", f.out)
	return nil
}

// writable finds out before the work whether the picture can be written.
func writable(path string) error {
	dir := filepath.Dir(path)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return &usageError{fmt.Sprintf("-o: there is no folder %s", dir), "create it first"}
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return &usageError{fmt.Sprintf("-o: %s is a folder", path), "name a file in it"}
	}
	probe, err := os.CreateTemp(dir, ".joule-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}
