package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/sampler"
	"github.com/spf13/cobra"
)

type sampleFlags struct {
	n          int
	steps      int
	stepsGiven bool
	seed       uint64
	out        string
	format     string
	filmstrip  string
	gif, apng  string
	columns    int
	padding    int
	scale      int
	delay      time.Duration
	hold       time.Duration
	noDraw     bool
	replay     string
	langevin   bool
	modelFlags
	threads int
}

func (a *app) sampleCommand() *cobra.Command {
	var f sampleFlags
	cmd := &cobra.Command{
		Use:   "sample [MODEL|RUN]",
		Short: "Draw images from a model",
		Long: `Draw images from a model and write them as one PNG picture, eight in a row. A
terminal that has the colours for it shows them, too. A model that was trained
beside a generator has that make them; others, and with --langevin all, draw
them by Langevin dynamics, starting from uniform noise.

MODEL is a .safetensors file that joule train made, a model or a checkpoint.
RUN is a run's folder, or the folder of several, of which the newest is taken.
Without either, it is the newest run under --run-dir, and the built-in model of
MNIST where there is none yet; joule models lists those.

--format npy writes the values themselves, float32 N×C×H×W for numpy.load, and
--format dir a folder that must be new: a PNG for each image and energies.csv.
--filmstrip adds a picture of the way there, a row for each chain; --gif and
--apng add animations of all chains.

The text chunks of a PNG tell the model's hash and the path that was given for
it, the seed, the settings, the version and the instruction set, so that
--replay can make it again: the same bytes with the same program and
instruction set. joule show prints them.`,
		Example: `  joule sample
  joule sample runs/mnist/version_0 -n 16 --seed 7 -o digits.png
  joule sample --model mnist -n 100 --columns 10     # no training needed
  joule sample --checkpoint best --steps 1000
  joule sample -n 8 --filmstrip chains.png --gif chains.gif
  joule sample --format npy -o digits.npy
  joule sample --format dir -o digits
  joule sample --replay digits.png -o again.png
  joule sample model.safetensors -o - | display`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.fromEnv(cmd.Flags(), map[string]string{"threads": envThreads, "run-dir": envRunDir})
			if err != nil {
				return err
			}
			if err := checkThreads(f.threads); err != nil {
				return err
			}
			f.stepsGiven = cmd.Flags().Changed("steps")
			if cmd.Flags().Changed("replay") {
				if err := f.checkReplay(cmd.Flags()); err != nil {
					return err
				}
				return a.replay(cmd.Context(), &f, args)
			}
			if err := f.check(cmd.Flags().Changed("output")); err != nil {
				return err
			}
			ref, err := f.find(a, args)
			if err != nil {
				return err
			}
			return a.sample(cmd.Context(), &f, ref)
		},
	}
	d, p := joule.DefaultConfig(), picture.DefaultLayout(picture.Animation)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVarP(&f.n, "count", "n", d.Generate.Chains, "number of images")
	flags.IntVar(&f.steps, "steps", 0, "Langevin steps from noise to image; if not given as the model has it, usually 256")
	flags.BoolVar(&f.langevin, "langevin", false, "draw by Langevin dynamics, not by the model's generator")
	flags.Uint64Var(&f.seed, "seed", d.Seed, "another seed, other images")
	flags.StringVarP(&f.out, "output", "o", "samples.png", "file to write, - for standard output")
	flags.StringVar(&f.format, "format", "", "what to write: png, npy or dir; png unless -o ends in .npy")
	flags.StringVar(&f.filmstrip, "filmstrip", "", "also write a PNG of eight pictures along each chain")
	flags.StringVar(&f.gif, "gif", "", "also write an animated GIF of all chains")
	flags.StringVar(&f.apng, "apng", "", "also write an animated PNG of all chains")
	flags.IntVar(&f.columns, "columns", p.Columns, "images in a row")
	flags.IntVar(&f.padding, "padding", p.Padding, "black pixels around each image")
	flags.IntVar(&f.scale, "scale", 0, "make each pixel a square of so many; 0 enlarges small animations")
	flags.DurationVar(&f.delay, "delay", p.Delay, "time that an animation shows each picture")
	flags.DurationVar(&f.hold, "hold", p.Hold, "time that it shows the last one")
	flags.BoolVar(&f.noDraw, "no-draw", false, "do not draw the images in the terminal")
	flags.StringVar(&f.replay, "replay", "", "make this PNG again, from the model of the same hash")
	flags.IntVar(&f.threads, "threads", 0, "worker threads, which do not change the result; 0 takes all cores (JOULE_THREADS)")
	f.modelFlags.add(flags)
	return cmd
}

// check checks the flags but those on the model.
func (f *sampleFlags) check(named bool) error {
	if f.n < 1 || f.n > picture.MaxImages {
		return &usageError{fmt.Sprintf("-n: %d is not within 1 to %d", f.n, picture.MaxImages), "ask for several pictures with different seeds"}
	}
	if f.steps < 0 || f.steps > sampler.MaxSteps {
		return &usageError{fmt.Sprintf("--steps: %d is not within 0 to %d", f.steps, int(sampler.MaxSteps)), "256 are usual"}
	}
	if f.format == "" {
		f.format = formatPNG
		if strings.HasSuffix(strings.ToLower(f.out), ".npy") {
			f.format = formatNPY
		}
	}
	switch f.format {
	case formatPNG:
	case formatNPY:
		if !named {
			f.out = "samples.npy"
		}
	case formatDir:
		if !named {
			f.out = "samples"
		}
	default:
		return &usageError{fmt.Sprintf("--format: %.100q is not one of png, npy, dir", f.format), "see joule sample --help"}
	}
	if f.columns < 1 || f.columns > picture.MaxImages {
		return &usageError{fmt.Sprintf("--columns: %d is not within 1 to %d", f.columns, picture.MaxImages), "8 are usual"}
	}
	for _, kind := range []string{picture.Grid, picture.Animation} {
		if err := f.layout(kind).Validate(); err != nil {
			return &usageError{err.Error(), "see joule sample --help"}
		}
	}
	return nil
}

// layout returns what the flags ask for.
func (f *sampleFlags) layout(kind string) picture.Layout {
	p := picture.Layout{Kind: kind, Columns: f.columns, Padding: f.padding, Scale: f.scale}
	if kind == picture.Animation {
		p.Delay, p.Hold = f.delay, f.hold
	}
	return p
}

func (a *app) sample(ctx context.Context, f *sampleFlags, ref modelRef) error {
	outputs := f.outputs()
	if err := a.writable(outputs); err != nil {
		return err
	}
	if err := allApart(outputs, "the model itself", ref.path); err != nil {
		return err
	}
	if err := f.checkNames(); err != nil {
		return err
	}
	m, err := ref.load()
	if err != nil {
		return err
	}
	cfg := joule.DefaultConfig().Generation()
	if card := m.Card(); card != nil {
		cfg = card.Config.Generation()
	}
	cfg.N, cfg.Seed, cfg.Threads = f.n, f.seed, f.threads
	if f.stepsGiven {
		cfg.Sampler.Steps = f.steps
	}
	if f.langevin {
		cfg.By = joule.ByChains
	}
	if m.By(cfg) == joule.ByGenerator {
		if f.stepsGiven || f.filmstrip != "" || f.gif != "" || f.apng != "" {
			return &usageError{"the model's generator makes images at once: it has no steps and nothing on the way", "add --langevin, or leave out --steps, --filmstrip, --gif and --apng"}
		}
		cfg.Sampler.Steps = 0
	}
	f.steps = cfg.Sampler.Steps
	if f.filmstrip != "" && f.steps == 0 {
		return &usageError{"--filmstrip: there is nothing on the way of 0 steps", "give more --steps"}
	}
	plan, err := f.plan(cfg, m)
	var impossible *picture.Error
	if errors.As(err, &impossible) {
		return &usageError{impossible.Fault, "ask for fewer images with -n, or a smaller --scale or --padding"}
	}
	if err != nil {
		return err
	}
	cfg.Every = plan.every
	samples, err := a.drawSamples(ctx, m, cfg, ref.String())
	if err != nil {
		return err
	}
	if err := a.write(f, plan, m, cfg, samples); err != nil {
		return err
	}
	if !f.noDraw {
		a.sketch(samples, cfg, f.out == "-")
	}
	return nil
}

// drawSamples draws from the model of the given name.
func (a *app) drawSamples(ctx context.Context, m *joule.Model, cfg joule.SampleConfig, name string) (*joule.Samples, error) {
	a.screen.line("sampling %s from %s", plural(cfg.N, "image"), name)
	if err := a.enoughMemory("drawing "+plural(cfg.N, "image"), m.MemoryUse(cfg), samplingHints); err != nil {
		return nil, err
	}
	samples, err := m.Sample(ctx, cfg)
	return samples, modelError(name, err)
}
