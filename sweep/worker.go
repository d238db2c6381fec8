package sweep

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/evaluate"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
)

// A Worker trains the runs of a sweep as joule train does, and judges them.
type Worker struct {
	Dir     string // of the sweep
	Threads int    // of each run
	Judge   string // see Depths; "" for no evaluation
	// Open returns the images that settings name; those of a folder may complete
	// the settings. Enough finds out before the work that something will not do.
	// Callbacks and Tell show how it goes; they may be nil.
	Open      func(ctx context.Context, cfg *joule.Config) (train, val *dataset.Set, err error)
	Enough    func(cfg joule.Config, from string, train, val *dataset.Set) error
	Space     func(t *joule.Trainer, dir string) error
	Callbacks func(r *Result, t *joule.Trainer) []joule.Callback
	Tell      func(what string)

	mu   sync.Mutex
	sets map[string]images
}

// images are those of a data set, opened once.
type images struct {
	image      joule.ImageConfig
	train, val *dataset.Set
}

// open returns the images of some settings and completes these.
func (w *Worker) open(ctx context.Context, cfg *joule.Config) (train, val *dataset.Set, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprintf("%v %s", cfg.Image, cfg.Data)
	set, ok := w.sets[key]
	if !ok {
		if set.train, set.val, err = w.Open(ctx, cfg); err != nil {
			return nil, nil, err
		}
		set.image = cfg.Image
		if w.sets == nil {
			w.sets = map[string]images{}
		}
		w.sets[key] = set
	}
	cfg.Image = set.image
	return set.train, set.val, nil
}

// Check finds out before the first run that settings of one do not fit the images,
// or that it cannot be judged.
func (w *Worker) Check(ctx context.Context, base joule.Config, trials []Trial) error {
	for _, t := range trials {
		if err := ctx.Err(); err != nil {
			return err
		}
		cfg := t.Config
		if w.Judge != "" && !slices.Contains(evaluate.Suites(), cfg.Data) {
			return &setting.Error{Key: "data", Problem: fmt.Sprintf("%s cannot be judged by samples", setting.Quote(cfg.Data)), Hint: "leave out --eval and compare by a figure of the training: --metric val_contrastive_divergence"}
		}
		train, val, err := w.open(ctx, &cfg)
		if err != nil {
			return err
		}
		if w.Judge != "" { // so that it is there when it is needed
			if _, err := w.other(ctx, cfg.Data); err != nil {
				return err
			}
		}
		if err = cfg.CheckSets(train, val); err == nil {
			_, err = cfg.MemoryUse(train, val, w.Threads)
		}
		if err != nil {
			return t.fault(base, err)
		}
	}
	return nil
}

// Work is what [Sweep.Run] takes.
func (w *Worker) Work(ctx context.Context, r *Result, keep func() error) error {
	folder := &run.Run{Dir: filepath.Join(w.Dir, r.Run)}
	cfg := r.Config
	train, val, err := w.open(ctx, &cfg)
	if err != nil {
		return err
	}
	if r.State != Trained {
		if folder, err = w.train(ctx, r, cfg, train, val, keep); err != nil {
			return err
		}
		info := folder.Info()
		r.State, r.Figures = Trained, trained(info)
		if err := keep(); err != nil {
			return err
		}
	}
	if w.Judge == "" {
		return nil
	}
	report, err := w.judge(ctx, folder, cfg, train, val)
	if err != nil {
		return err
	}
	addJudged(r.Figures, report)
	r.Judged = w.Judge
	return nil
}

// train trains the run of r to its end.
func (w *Worker) train(ctx context.Context, r *Result, cfg joule.Config, train, val *dataset.Set, keep func() error) (*run.Run, error) {
	folder, from := w.begun(r)
	if w.Enough != nil {
		if err := w.Enough(cfg, from, train, val); err != nil {
			return nil, err
		}
	}
	t, err := newTrainer(cfg, from, train, val)
	if err != nil {
		return nil, err
	}
	t.SetThreads(w.Threads)
	if folder == nil {
		if folder, err = run.Create(filepath.Dir(w.Dir), filepath.Base(w.Dir)); err != nil {
			return nil, err
		}
		r.Run = filepath.Base(folder.Dir)
		if err := keep(); err != nil {
			return nil, err
		}
		if w.Space != nil {
			if err := w.Space(t, folder.Dir); err != nil {
				return nil, err
			}
		}
	}
	var list []joule.Callback
	if w.Callbacks != nil {
		list = w.Callbacks(r, t)
	}
	if err := record.Fit(ctx, folder, t, list...); err != nil {
		return nil, err
	}
	r.Reason = remarks(t)
	return folder, nil
}

// remarks says what of a training that came to its end is not as its settings say.
func remarks(t *joule.Trainer) string {
	var list []string
	if stop := t.Stopped(); stop != nil {
		list = append(list, stop.Error())
	}
	if back := t.Rollbacks(); len(back) > 0 {
		list = append(list, fmt.Sprintf("rollbacks by the guard, which change settings: %d", len(back)))
	}
	return strings.Join(list, "; ")
}

// begun returns the run that r has begun, and the checkpoint to go on from. A run
// that was ended before it had one begins anew.
func (w *Worker) begun(r *Result) (folder *run.Run, from string) {
	if r.Run == "" {
		return nil, ""
	}
	folder = &run.Run{Dir: filepath.Join(w.Dir, r.Run)}
	from = folder.CheckpointPath("last")
	if _, err := joule.ReadProgress(from); err == nil {
		return folder, from
	}
	_ = folder.Remove() // where that fails, it is one more run
	return nil, ""
}

func newTrainer(cfg joule.Config, from string, train, val *dataset.Set) (*joule.Trainer, error) {
	if from == "" {
		return joule.NewTrainer(cfg, train, val)
	}
	return joule.ResumeTrainer(from, train, val, func(c *joule.Config) error { *c = cfg; return nil })
}

// How thoroughly runs are judged: as joule eval --quick does, or with 2,048 samples
// and chains of 3,000 steps, too.
const (
	Quick = "quick"
	Long  = "long"
)

// Depths lists them.
func Depths() []string { return []string{Quick, Long} }

// judge judges the model of a run by the images that it was validated on: the test
// images, or those that the setting holdout keeps from the training.
func (w *Worker) judge(ctx context.Context, folder *run.Run, cfg joule.Config, train, val *dataset.Set) (*evaluate.Report, error) {
	m, err := joule.LoadModel(folder.CheckpointPath("last"))
	if err != nil {
		return nil, err
	}
	data := evaluate.Data{}
	if data.Train, data.Test, err = cfg.Sets(train, val); err != nil {
		return nil, err
	}
	if data.Other, err = w.other(ctx, cfg.Data); err != nil {
		return nil, err
	}
	c := evaluate.DefaultConfig(cfg.Data, m).Quick()
	c.Threads = w.Threads
	if w.Judge == Long {
		c.Samples, c.LongRun, c.Chains, c.Betas = 2048, []int{256, 3000}, 256, 0
	}
	if w.Tell != nil {
		begun := time.Now()
		defer func() { w.Tell(fmt.Sprintf("judged %s in %v", folder.Dir, time.Since(begun).Round(time.Second))) }()
	}
	return evaluate.Run(ctx, m, data, c)
}

// other returns the images of another kind that models of a data set are judged
// against.
func (w *Worker) other(ctx context.Context, data string) (*dataset.Set, error) {
	_, test, err := w.open(ctx, &joule.Config{Data: evaluate.Other(data)})
	return test, err
}

// Estimate returns how long n runs more will take, so many at a time, by those that
// were done; ok is false before the first.
func Estimate(took []time.Duration, n, parallel int) (left time.Duration, ok bool) {
	if len(took) == 0 {
		return 0, false
	}
	sum := time.Duration(0)
	for _, d := range took {
		sum += d
	}
	rounds := math.Ceil(float64(n) / float64(max(parallel, 1)))
	return time.Duration(rounds * float64(sum) / float64(len(took))), true
}
