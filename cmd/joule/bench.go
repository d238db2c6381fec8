package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/joule-ml/joule/bench"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
)

// The settings of bench --quick: long enough to see that all works.
const (
	quickSteps       = 5
	quickRepetitions = 7
	quickImages      = 1000
	quickWindow      = 4 * time.Millisecond
)

func (a *app) benchCommand() *cobra.Command {
	cfg := bench.DefaultConfig()
	var asJSON, quick bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed of sampling and training",
		Long: `Measure how fast this machine samples and trains, and what share of the
processor's peak that is. No data set is needed: the images are made up.

The peak of floating-point multiply-adds, the loop of Langevin steps, a whole
training step and each layer take turns, on one core and on all of --threads;
what is printed is the median of the repetitions, with the least and the
largest. GFLOP/s are nominal: two for every multiply-add of the convolutions,
those on the padding counted, though Joule skips them; noise, activations and
clamps count as time but not as work.

Where the processor can run lesser kernels, but for the generic ones, the speeds
are measured with those too, unless JOULE_KERNEL says which to take: each set
against the peak of its own instructions.

It takes less than a minute and wants a machine that does nothing else. The
table or, with --json, the report goes to standard output.`,
		Example: `  joule bench
  joule bench --threads 4 --json > bench.json
  joule bench --hidden-features 128
  joule bench --hidden-features 128 --channels 3 --size 32 --steps 20
  JOULE_KERNEL=generic joule bench --quick`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.fromEnv(cmd.Flags(), map[string]string{"threads": envThreads}); err != nil {
				return err
			}
			if quick {
				if !cmd.Flags().Changed("steps") {
					cfg.Steps = quickSteps
				}
				if !cmd.Flags().Changed("repetitions") {
					cfg.Repetitions = quickRepetitions
				}
				cfg.Images, cfg.Window = quickImages, quickWindow
			}
			r, err := a.bench(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if err := a.benchLesser(cmd.Context(), r, cmd.Flags()); err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(a.jsonOut())
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return writeBench(a.out(), r)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.IntVar(&cfg.Threads, "threads", 0, "worker threads; 0 takes all cores (JOULE_THREADS)")
	flags.IntVar(&cfg.HiddenFeatures, "hidden-features", cfg.HiddenFeatures, "width of the network, even")
	flags.Var(&squareFlag{&cfg.Size}, "size", "size of the images, which are square")
	flags.IntVar(&cfg.Channels, "channels", cfg.Channels, "channels of the images")
	flags.IntVar(&cfg.Chains, "chains", cfg.Chains, "chains of the loop, and real images of a batch")
	flags.IntVar(&cfg.Steps, "steps", cfg.Steps, "Langevin steps of the loop")
	flags.IntVar(&cfg.Repetitions, "repetitions", cfg.Repetitions, "how often everything is measured; an odd number, at least 7, gives a good median")
	flags.BoolVar(&quick, "quick", false, fmt.Sprintf("rough numbers in about two seconds, from %d steps and %d repetitions", quickSteps, quickRepetitions))
	return cmd
}

// A squareFlag is --size 28x28, or 28, of square images.
type squareFlag struct{ side *int }

func (f *squareFlag) Set(value string) error {
	width, height, err := parseSize(value, bench.MaxSide)
	if err != nil {
		return err
	}
	if width != height {
		return errors.New("the images of the benchmark are square: want 28x28, or 28")
	}
	*f.side = width
	return nil
}

func (f *squareFlag) String() string { return fmt.Sprintf("%dx%d", *f.side, *f.side) }
func (f *squareFlag) Type() string   { return "WIDTHxHEIGHT" }

func (a *app) bench(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
	if err := checkThreads(cfg.Threads); err != nil {
		return nil, err
	}
	cores := runtime.GOMAXPROCS(0)
	if cfg.Threads > cores {
		a.screen.line("note: %d threads share %d cores", cfg.Threads, cores)
	}
	a.screen.line("measuring with the %s kernels; other work on this machine would show in the numbers", kernel.Name())
	cfg.Progress = func(done, total int) {
		switch {
		case done == total:
			a.screen.clear()
		case a.screen.due():
			a.screen.show([]string{fmt.Sprintf("repetition %d of %d", done+1, total)}, nil)
		}
	}
	r, err := bench.Run(ctx, cfg)
	a.screen.clear()
	var bad *setting.Error
	if errors.As(err, &bad) {
		bad.Key = "--" + bad.Key
		return nil, bad
	}
	if err != nil {
		return nil, err
	}
	r.CPU, r.PeakRSSBytes = processor(), peakMemory()
	r.PeakRSSMB = float64(r.PeakRSSBytes) / 1e6
	return r, nil
}

// writeBench prints a report for people.
func writeBench(out io.Writer, r *bench.Report) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s kernels, %s, %s\n", r.CPU, r.Kernel, r.Go, r.Date.Format(time.DateOnly))
	fmt.Fprintf(&text, "%d features (%s parameters) on images of %s; %s of %s\n", r.HiddenFeatures,
		thousands(int64(r.Parameters)), shapeText(r.Input), plural(r.Chains, "chain"), plural(r.Steps, "step"))
	fmt.Fprintf(&text, "%.4g MFLOP an image-gradient; medians of %s (least–largest)\n\n", r.MFLOPPerImageGradient, plural(r.Repetitions, "repetition"))

	writeSpeeds(&text, r)
	if s := r.Scaling; s != nil {
		fmt.Fprintf(&text, "\n%d threads are %.2f times one in sampling, %.2f times in the peak: %.3f of it\n", r.Threads, s.Loop, s.FMAPeak, s.LoopOverPeak)
	}
	writeLevels(&text, r)
	if r.PeakRSSMB > 0 {
		fmt.Fprintf(&text, "peak memory %.0f MB, with the images to train on and a full replay buffer\n", r.PeakRSSMB)
	}
	fmt.Fprintf(&text, "about %.1f MB of activations in a training step\n", float64(r.ActivationBytes)/1e6)
	fmt.Fprint(&text, "\nOne block of images on one core:\n")
	writeLayers(&text, r)
	return printTrimmed(out, text.String())
}

// writeSpeeds prints the speeds on one core and, beside them, on all.
func writeSpeeds(out io.Writer, r *bench.Report) {
	speeds := []bench.Speed{r.SingleCore}
	if r.Scaling != nil {
		speeds = append(speeds, r.Speed)
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(name string, cell func(s *bench.Speed) string) {
		fmt.Fprint(w, name)
		for i := range speeds {
			fmt.Fprint(w, "\t"+cell(&speeds[i]))
		}
		fmt.Fprintln(w)
	}
	number := func(name, key, format string, value func(s *bench.Speed) float64) {
		row(name, func(s *bench.Speed) string {
			f := func(v float64) string {
				if format == "" {
					return thousands(int64(v + 0.5))
				}
				return fmt.Sprintf(format, v)
			}
			return fmt.Sprintf("%s (%s–%s)", f(value(s)), f(s.Spread[key][0]), f(s.Spread[key][1]))
		})
	}
	row("", func(s *bench.Speed) string { return plural(s.Threads, "thread") })
	number("multiply-add peak, GFLOP/s", "fma_peak_gflops", "%.1f", func(s *bench.Speed) float64 { return s.FMAPeakGFLOPS })
	number("sampling, GFLOP/s", "loop_gflops", "%.1f", func(s *bench.Speed) float64 { return s.LoopGFLOPS })
	number("  share of the peak", "loop_share_of_peak", "%.3f", func(s *bench.Speed) float64 { return s.LoopShareOfPeak })
	number("  image-gradients a second", "image_gradients_per_second", "", func(s *bench.Speed) float64 { return s.ImageGradientsPerSecond })
	number("  a step of all chains, ms", "sample_step_ms", "%.3f", func(s *bench.Speed) float64 { return s.SampleStepMS })
	number("training step, ms", "train_step_ms", "%.2f", func(s *bench.Speed) float64 { return s.TrainStepMS })
	number("  times the sampling alone", "train_step_over_sampling", "%.3f", func(s *bench.Speed) float64 { return s.TrainStepOverSampling })
	number("  allocations", "allocations_per_step", "", func(s *bench.Speed) float64 { return s.AllocationsPerStep })
	number("  bytes allocated", "allocated_bytes_per_step", "", func(s *bench.Speed) float64 { return s.AllocatedBytesPerStep })
	w.Flush()
}

// writeLayers prints a row for each layer and direction.
func writeLayers(out io.Writer, r *bench.Report) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "layer\tinput\toutput\tdirection\tµs\tGFLOP/s\tof peak\tof the loop\t")
	for _, l := range slices.Concat(r.Layers, r.Elementwise) {
		work, share, loop := "", "", ""
		if l.GFLOPS > 0 {
			work, share = fmt.Sprintf("%.1f", l.GFLOPS), fmt.Sprintf("%.3f", l.ShareOfPeak)
		}
		if l.ShareOfLoop > 0 {
			loop = fmt.Sprintf("%.3f", l.ShareOfLoop)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t\n", l.Name, shapeText(l.Input), shapeText(l.Output), l.Direction, l.Microseconds, work, share, loop)
	}
	w.Flush()
}

// shapeText writes channels, height and width.
func shapeText(s [3]int) string { return fmt.Sprintf("%d×%d×%d", s[0], s[1], s[2]) }
