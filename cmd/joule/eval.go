package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/spf13/cobra"
)

type evalFlags struct {
	langevin   bool
	suite      string
	n          int
	steps      int
	stepsGiven bool
	seed       uint64
	quick      bool
	asJSON     bool
	out        string
	beside     []string
	threads    int
	data       dataFlags
	modelFlags
}

func (a *app) evalCommand() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval [MODEL|RUN]",
		Short: "Judge a model: samples, outliers, chains",
		Long: `Judge a model by the samples it draws, by the images it tells from its data, and
by how its chains behave when they run for long.

Samples are compared with the training images in the features of a classifier
that is part of this program: Fréchet distance, inception score, precision and
recall, density and coverage, labels, diversity, copies of training images.
Outliers are told by the energy: AUROC, with a 95 % interval, and the false
positives at 95 % true positives, for fourteen kinds of images. A kind that was
among the starts of chains in training is marked as seen. Annealed importance
sampling bounds log Z at T = 1, which is not the temperature that the recipe's
chains run at.

-o writes report.html, report.json and samples.png into a folder. --json prints
the report. --beside puts other models' reports, or a built-in model's, beside
it. It takes some minutes; --quick gives rough numbers sooner.`,
		Example: `  joule eval
  joule eval runs/mnist/version_0 -o report
  joule eval published.safetensors --suite mnist --json > published.json
  joule eval -n 10000 --steps 256
  joule eval --model mnist
  joule eval --beside mnist --beside published=published/report.json -o report
  joule eval --quick
  joule eval compare report mnist`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.data.fromEnv(a, cmd.Flags()); err != nil {
				return err
			}
			if err := a.fromEnv(cmd.Flags(), map[string]string{"threads": envThreads, "run-dir": envRunDir}); err != nil {
				return err
			}
			if err := checkThreads(f.threads); err != nil {
				return err
			}
			if len(f.beside) >= maxCompared {
				return &usageError{fmt.Sprintf("--beside: %s, not up to %d", plural(len(f.beside), "report"), maxCompared-1), "leave some out"}
			}
			beside, err := readReports(f.beside)
			if err != nil {
				return err
			}
			if err := checkEnding("-o", f.out, "a folder", "name a folder, which will have report.html and more in it"); err != nil {
				return err
			}
			f.stepsGiven = cmd.Flags().Changed("steps")
			ref, err := f.find(a, args)
			if err != nil {
				return err
			}
			return a.eval(cmd.Context(), &f, ref, beside)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.suite, "suite", "", "judge as a model of this: "+strings.Join(evaluate.Suites(), " or ")+"; what it was trained on if not given")
	flags.IntVarP(&f.n, "count", "n", 2048, "samples to judge")
	flags.IntVar(&f.steps, "steps", 0, "Langevin steps from noise to a sample; if not given as the model has it, usually 256")
	flags.BoolVar(&f.langevin, "langevin", false, "judge samples of Langevin dynamics, not of the model's generator")
	flags.Uint64Var(&f.seed, "seed", 42, "another seed, other samples and outliers")
	flags.BoolVar(&f.quick, "quick", false, "rough numbers: 512 samples, 2,000 images of each kind, chains of 256 steps at most")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	flags.StringVarP(&f.out, "output", "o", "", "folder to write report.html, report.json and samples.png into")
	flags.StringArrayVar(&f.beside, "beside", nil, "compare with another report, `[NAME=]REPORT`: a report.json, its folder or a built-in model; may be repeated")
	flags.IntVar(&f.threads, "threads", 0, "worker threads, which do not change the result; 0 takes all cores (JOULE_THREADS)")
	f.modelFlags.add(flags)
	f.data.add(flags)
	cmd.AddCommand(a.compareReportsCommand())
	return cmd
}

func (a *app) eval(ctx context.Context, f *evalFlags, ref modelRef, beside []evaluate.Column) error {
	m, err := ref.load()
	if err != nil {
		return err
	}
	suite := f.suite
	if card := m.Card(); suite == "" && card != nil {
		suite = card.Config.Data
	}
	if !slices.Contains(evaluate.Suites(), suite) {
		what := fmt.Sprintf("--suite: there is none for %q", suite)
		if suite == "" || suite == joule.UnknownData {
			what = "--suite: " + ref.String() + " does not tell what it was trained on"
		}
		return &usageError{what, "give --suite " + strings.Join(evaluate.Suites(), " or ")}
	}
	cfg := evaluate.DefaultConfig(suite, m)
	cfg.Samples, cfg.Seed, cfg.Threads = f.n, f.seed, f.threads
	if f.stepsGiven {
		cfg.Sampler.Steps = f.steps
	}
	if f.langevin {
		cfg.By = joule.ByChains
	}
	if f.quick {
		cfg = cfg.Quick()
	}
	if err := cfg.Validate(); err != nil {
		return &usageError{strings.TrimPrefix(err.Error(), "evaluate: "), "see joule eval --help"}
	}
	if f.out != "" {
		if err := f.prepare(ref); err != nil {
			return err
		}
	}
	r, err := a.judge(ctx, f, ref, m, cfg)
	if err != nil {
		return err
	}
	return a.tell(f, r, beside)
}

// judge runs the evaluation, showing how it goes.
func (a *app) judge(ctx context.Context, f *evalFlags, ref modelRef, m *joule.Model, cfg evaluate.Config) (*evaluate.Report, error) {
	data, err := a.suite(ctx, f, cfg.Suite)
	if err != nil {
		return nil, err
	}
	a.screen.line("judging %s as a model of %s", ref, cfg.Suite)
	if err := a.enoughMemory("the evaluation", evaluate.MemoryUse(m, cfg), judgingHints); err != nil {
		return nil, err
	}
	cfg.Progress = func(what string) { a.screen.line("%s", what) }
	r, err := evaluate.Run(ctx, m, data, cfg)
	return r, modelError(ref.String(), err)
}

// suite opens the data that models of a suite are judged on.
func (a *app) suite(ctx context.Context, f *evalFlags, name string) (data evaluate.Data, err error) {
	fetched := false
	opt := f.data.options(a.fetching(&fetched))
	if data.Train, data.Test, err = a.open(ctx, name, opt); err == nil {
		_, data.Other, err = a.open(ctx, evaluate.Other(name), opt)
	}
	a.screen.clear()
	return data, err
}

// tell prints the report and writes it where it is wanted.
func (a *app) tell(f *evalFlags, r *evaluate.Report, beside []evaluate.Column) error {
	if f.out != "" {
		if err := f.write(r, beside); err != nil {
			return err
		}
	}
	if f.asJSON {
		text, err := r.JSON()
		if err == nil {
			_, err = fmt.Fprintf(a.jsonOut(), "%s\n", text)
		}
		return err
	}
	printReport(a.out(), r)
	if len(beside) > 0 {
		fmt.Fprintln(a.out())
		if err := a.printReports(append([]evaluate.Column{{Name: "this model", Report: r}}, beside...), false); err != nil {
			return err
		}
	}
	if f.out != "" {
		a.screen.line("wrote %s", filepath.Join(f.out, "report.html"))
	}
	return nil
}

// reportFiles are what the report's folder holds.
var reportFiles = []string{"report.html", "samples.png", "report.json"}

// prepare makes the folder of the report and finds out whether its files can be
// written without harm to what is read.
func (f *evalFlags) prepare(ref modelRef) error {
	if err := atomicfile.MakeFolder(f.out); err != nil {
		return err
	}
	for _, name := range reportFiles {
		o := output{flag: "-o", path: filepath.Join(f.out, name)}
		if err := o.writable(); err != nil {
			return err
		}
		if err := o.apart("the model itself", ref.path); err != nil {
			return err
		}
		for _, arg := range f.beside {
			if err := o.apart("a report of --beside", reportPath(arg)); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes the report's files into the folder that the flags name.
func (f *evalFlags) write(r *evaluate.Report, beside []evaluate.Column) error {
	text, err := r.JSON()
	if err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer) error{
		"report.html": func(w io.Writer) error { return r.WriteHTML(w, beside...) },
		"samples.png": r.WriteImages,
		"report.json": func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err },
	} {
		if err := atomicfile.Write(filepath.Join(f.out, name), write); err != nil {
			return err
		}
	}
	return nil
}

func printReport(w io.Writer, r *evaluate.Report) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	s := r.Samples
	way := fmt.Sprintf("%d steps", s.Sampler.Steps)
	if s.Sampler.By != "" {
		way = "by the " + s.Sampler.By
	}
	fmt.Fprintf(t, "samples (%d, %s)\t\ttest images\n", s.N, way)
	fmt.Fprintf(t, "Fréchet distance\t%.2f\t%.2f\n", s.Frechet, s.FrechetTest)
	fmt.Fprintf(t, "inception score\t%.2f (%.0f %%)\t%.2f\n", s.InceptionScore, 100*s.InceptionScore/s.InceptionScoreTest, s.InceptionScoreTest)
	fmt.Fprintf(t, "precision, recall\t%.3f, %.3f\n", s.Precision, s.Recall)
	fmt.Fprintf(t, "density, coverage\t%.3f, %.3f\n", s.Density, s.Coverage)
	fmt.Fprintf(t, "labels 0 to %d\t", len(s.LabelHistogram)-1)
	for _, v := range s.LabelHistogram {
		fmt.Fprintf(t, "%s ", strings.TrimPrefix(fmt.Sprintf("%.2f", v), "0"))
	}
	fmt.Fprintf(t, "\n\noutliers\tAUROC\tFPR at 95 %% TPR\n")
	for _, row := range r.Rows() {
		seen := ""
		if row.Seen {
			seen = "\t(seen in training)"
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f%s\n", row.Name, row.AUROC, row.FPR95, seen)
	}
	fmt.Fprintf(t, "\nchains\tenergy\tFréchet\tinception score\n")
	for _, c := range r.Steps() {
		fmt.Fprintf(t, "%d steps\t%.4f\t%.2f\t%.2f\n", c.Steps, c.EnergyMean, c.Frechet, c.InceptionScore)
	}
	if l := r.AIS; l != nil {
		fmt.Fprintf(t, "\nlog Z at T = 1\t%.3f (%.3f to %.3f)\n", l.LogZ, l.LogZLow, l.LogZHigh)
		fmt.Fprintf(t, "log-likelihood\t%.2f nats, %.3f bits a dimension on [-1, 1]\n", l.Nats, l.BitsPerDim)
	}
	t.Flush()
	if r.AIS != nil {
		for _, warning := range r.AIS.Warnings {
			fmt.Fprintln(w, "warning:", warning)
		}
	}
}
