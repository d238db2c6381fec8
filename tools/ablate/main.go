// Command ablate measures what each setting of a recipe is worth:
// docs/recipes.md has its table for mnist-best.
//
// Each variation is trained for a short time and with a narrow network, on five
// sixths of the training images, and judged on the others; test images are not
// touched. Results are added to a file as they come, one JSON object a line, and
// what is there is not done again, so that it can be stopped at any time:
//
//	go run ./tools/ablate -out ablate.jsonl            # train and judge
//	go run ./tools/ablate -out ablate.jsonl -table     # print the table
//	go run ./tools/ablate -recipe fashion-mnist-best -seeds 1 -try "restart.blank=0.1" -out tried.jsonl
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/recipe"
)

// proxy makes the recipe a matter of minutes.
var proxy = []string{"network.hidden_features=32", "epochs=2", "limit_train_batches=500", "guard.retries=0", "holdout=0"}

// A variation of the recipe; without settings it is the recipe itself.
type variation struct {
	name     string
	settings string
}

// variations of the recipe mnist-best.
var variations = []variation{
	{"the recipe", ""},
	{"no average of the weights", "ema.decay=0"},
	{"no restarts from patches", "restart.patch=0"},
	{"restarts: as often as the default recipe", "buffer.restart_probability=0.05 buffer.old_after=0"},
	{"restarts: old chains like young ones", "buffer.old_after=0"},
	{"restarts also from digits with noise", "restart.data=0.25"},
	{"restarts also from grays", "restart.gray=0.25"},
	{"restarts also from blank images", "restart.blank=0.25"},
	{"restarts also from shifted samples", "restart.shifted=0.25"},
	{"restarts that become fewer", "schedule.restart_gamma=0.5"},
	{"reservoir in place of fifo", "buffer.policy=reservoir buffer.old_after=0"},
	{"the default recipe's temperature", "sampler.noise=0.005 objective.data_noise=0.005"},
	{"noise that fades in training, too", "sampler.anneal=1"},
	{"samples with the noise left in", "generate.anneal=0"},
	{"no burn-in", "sampler.burn_in=0"},
	{"30 Langevin steps", "sampler.steps=30"},
	{"120 Langevin steps", "sampler.steps=120"},
	{"ten times the regularisation", "objective.alpha=0.1"},
	{"no regularisation", "objective.alpha=0"},
	{"spectral norms held to 2", "optimizer.spectral_norm=2"},
	{"the default recipe's learning rate", "optimizer.learning_rate=1e-4 schedule.gamma=0.97"},
	{"a learning rate that does not fall", "schedule.gamma=1"},
	{"digits moved by up to two pixels", "augment.shift=2"},
	{"batches of 128", "batch_size=128"},
	{"half the width", "network.hidden_features=16"},
}

// A result is what one training came to.
type result struct {
	Name     string `json:"name"`
	Seed     uint64 `json:"seed"`
	Failed   string `json:"failed,omitempty"`
	Seconds  float64
	Frechet  float64
	Score    float64 // share of the inception score of held-out images
	Rarest   float64 // share of the rarest class
	Longer   float64 // Fréchet distance of chains of 3,000 steps over that of as many of 256
	Outliers map[string]float64
}

// columns are the kinds of outliers in the table.
var columns = []string{"noise-0.1", "half-size", "blank", "hflip"}

func main() {
	out := flag.String("out", "ablate.jsonl", "file of results")
	table := flag.Bool("table", false, "print the table of what is there, and do nothing")
	recipe := flag.String("recipe", "mnist-best", "the recipe")
	only := flag.String("only", "", "variations whose name contains this")
	try := flag.String("try", "", "settings, apart by spaces, of one variation of your own to try in their place")
	seeds := flag.Int("seeds", 2, "trainings of each variation, with the seeds 42, 43 …")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var chosen []variation
	for _, v := range variations {
		if strings.Contains(v.name, *only) {
			chosen = append(chosen, v)
		}
	}
	if *try != "" {
		chosen = []variation{{*try, *try}}
	}
	if err := run(ctx, *out, *recipe, chosen, *seeds, *table); err != nil {
		fmt.Fprintln(os.Stderr, "ablate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, name string, chosen []variation, seeds int, table bool) error {
	done, err := read(out)
	if err != nil {
		return err
	}
	if table {
		printTable(done, chosen)
		return nil
	}
	recipe, err := recipe.Find(name)
	if err != nil {
		return err
	}
	base, err := recipe.Config(joule.DefaultConfig())
	if err != nil {
		return err
	}
	data, err := open(ctx, base.Data)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	return trainAll(ctx, jobs(done, chosen, seeds), base, data, file)
}

// open returns the images to train on, the last sixth of them, to judge by in
// place of the test images, and as many of another set.
func open(ctx context.Context, name string) (data evaluate.Data, err error) {
	all, _, err := dataset.Open(ctx, name, dataset.Options{})
	if err != nil {
		return data, err
	}
	other, _, err := dataset.Open(ctx, evaluate.Other(name), dataset.Options{})
	if err != nil {
		return data, err
	}
	data.Train, data.Test = all.Split(all.N / 6)
	_, data.Other = other.Split(data.Test.N)
	return data, nil
}

// A job is one training.
type job struct {
	name, settings string
	seed           uint64
}

// jobs are the trainings of the chosen variations that are not done yet.
func jobs(done []result, chosen []variation, seeds int) []job {
	var list []job
	for s := range seeds {
		for _, v := range chosen {
			seed := uint64(42 + s)
			if !slices.ContainsFunc(done, func(r result) bool { return r.Name == v.name && r.Seed == seed }) {
				list = append(list, job{v.name, v.settings, seed})
			}
		}
	}
	return list
}

// trainAll does the jobs, one on each core, which is the fastest way for many,
// and writes a line for each to w.
func trainAll(ctx context.Context, jobs []job, base joule.Config, data evaluate.Data, w io.Writer) error {
	next, errs := make(chan job), make(chan error, len(jobs)+1)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for j := range next {
				r, err := train(ctx, data, base, j.settings, j.seed)
				if err == nil {
					r.Name, r.Seed = j.name, j.seed
					mu.Lock()
					err = json.NewEncoder(w).Encode(r)
					fmt.Fprintf(os.Stderr, "%s, seed %d: %.0f s, Fréchet %.0f\n", r.Name, r.Seed, r.Seconds, r.Frechet)
					mu.Unlock()
				}
				if err != nil {
					errs <- err
				}
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- j
	}
	close(next)
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

// train trains and judges one variation. That it diverges is a result.
func train(ctx context.Context, data evaluate.Data, cfg joule.Config, settings string, seed uint64) (r result, err error) {
	for _, s := range append(slices.Clone(proxy), strings.Fields(settings)...) {
		if err := cfg.Set(s); err != nil {
			return r, err
		}
	}
	cfg.Seed = seed
	t, err := joule.NewTrainer(cfg, data.Train, data.Test)
	if err != nil {
		return r, err
	}
	t.SetThreads(1)
	start := time.Now()
	err = t.Fit(ctx)
	r.Seconds = time.Since(start).Seconds()
	var diverged *joule.DivergedError
	if errors.As(err, &diverged) {
		r.Failed = diverged.Error()
		return r, nil
	}
	if err != nil {
		return r, err
	}
	m := t.Model()
	c := evaluate.DefaultConfig(cfg.Data, m)
	c.Samples, c.Outliers, c.Reference, c.LongRun, c.Chains, c.Betas, c.Threads = 2048, 2000, 10000, []int{256, 3000}, 256, 0, 1
	report, err := evaluate.Run(ctx, m, data, c)
	if err != nil {
		return r, err
	}
	s := report.Samples
	r.Frechet, r.Score, r.Rarest = s.Frechet, s.InceptionScore/s.InceptionScoreTest, slices.Min(s.LabelHistogram)
	r.Longer = report.Chains["3000"].Frechet / report.Chains["256"].Frechet
	r.Outliers = map[string]float64{}
	for name, o := range report.Outliers {
		r.Outliers[name] = o.AUROC
	}
	return r, nil
}

func read(path string) ([]result, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var list []result
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// printTable prints a row for each variation, with a number for each seed.
func printTable(done []result, chosen []variation) {
	fmt.Printf("| variation | settings | Fréchet | inception score | rarest digit | 3,000 ÷ 256 steps | %s |\n", strings.Join(columns, " | "))
	fmt.Println("|---|---|---|---|---|---|" + strings.Repeat("---|", len(columns)))
	for _, v := range chosen {
		var rows []result
		for _, r := range done {
			if r.Name == v.name {
				rows = append(rows, r)
			}
		}
		if len(rows) == 0 {
			continue
		}
		slices.SortFunc(rows, func(a, b result) int { return int(a.Seed) - int(b.Seed) })
		cell := func(format string, of func(result) float64) string {
			var parts []string
			for _, r := range rows {
				if r.Failed != "" {
					parts = append(parts, "diverged")
				} else {
					parts = append(parts, fmt.Sprintf(format, of(r)))
				}
			}
			return strings.Join(parts, ", ")
		}
		cells := []string{
			v.name, "",
			cell("%.0f", func(r result) float64 { return r.Frechet }),
			cell("%.0f %%", func(r result) float64 { return 100 * r.Score }),
			cell("%.1f %%", func(r result) float64 { return 100 * r.Rarest }),
			cell("%.1f", func(r result) float64 { return r.Longer }),
		}
		if v.settings != "" {
			cells[1] = "`" + v.settings + "`"
		}
		for _, name := range columns {
			cells = append(cells, cell("%.3f", func(r result) float64 { return r.Outliers[name] }))
		}
		fmt.Println("| " + strings.Join(cells, " | ") + " |")
	}
}
