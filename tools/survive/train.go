package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/metric"
)

// short makes the recipe a matter of seconds; a setting may change these, too.
var short = []string{"epochs=1", "limit_train_batches=150", "limit_val_batches=4", "network.hidden_features=16"}

// A task is one training.
type task struct {
	Settings string `json:"settings"`
	Seed     uint64 `json:"seed"`
	Guarded  bool   `json:"guarded"`
}

// A result is how a training ended: "good", or what is wrong.
type result struct {
	task
	End       string   `json:"end"`
	Steps     int      `json:"steps"` // undone ones, too
	Seconds   float64  `json:"seconds"`
	Rollbacks []string `json:"rollbacks,omitempty"`
	Diverged  bool     `json:"diverged,omitempty"` // it was given up
}

// guarded returns the same training with the guard.
func (t task) guarded() task {
	t.Guarded = true
	return t
}

// calm reports whether a guard would have had nothing to do.
func (r result) calm() bool { return len(r.Rollbacks) == 0 && !r.Diverged }

func (r result) String() string {
	s := fmt.Sprintf("%4.0f s, %3d steps, %s, guard %v: %s", r.Seconds, r.Steps, r.Settings, r.Guarded, r.End)
	for _, b := range r.Rollbacks {
		s += "\n\t" + b
	}
	return s
}

// config returns the settings of a task, and the number of images to train on,
// 0 for all.
func (t task) config() (c joule.Config, images int, err error) {
	c = joule.DefaultConfig()
	for _, s := range slices.Concat(short, strings.Fields(t.Settings)) {
		if n, ok := strings.CutPrefix(s, "images="); ok {
			if images, err = strconv.Atoi(n); err != nil {
				return c, 0, err
			}
			continue
		}
		if strings.HasPrefix(s, "network.layers=") {
			s = "network.layers=" + strings.ReplaceAll(strings.Trim(strings.TrimPrefix(s, "network.layers="), "[]"), "_", " ")
		}
		if err := c.Set(s); err != nil {
			return c, 0, err
		}
	}
	c.Seed = t.Seed
	if !t.Guarded {
		c.Guard.Retries = 0
	}
	return c, images, nil
}

// train trains and judges the end.
func (o options) train(ctx context.Context, t task) (result, error) {
	r := result{task: t}
	c, images, err := t.config()
	if err != nil {
		return r, err
	}
	train, val, err := dataset.Open(ctx, c.Data, dataset.Options{Offline: true})
	if err != nil {
		return r, err
	}
	if images > 0 {
		_, train = train.Split(images)
	}
	tr, err := joule.NewTrainer(c, train, val)
	if err != nil {
		return r, err
	}
	tr.SetThreads(1)
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	start, steps := time.Now(), [][]float64{}
	var end joule.EpochInfo
	err = tr.Fit(limited, joule.Callback{
		Step:     func(s joule.StepInfo) error { steps = append(steps, slices.Clone(s.Values)); return nil },
		Epoch:    func(e joule.EpochInfo) error { end = e; return nil },
		Rollback: func(b joule.Rollback) error { r.Rollbacks = append(r.Rollbacks, b.String()); return nil },
	})
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if e := o.keepTrace(t, tr.Figures(), steps); e != nil {
		return r, e
	}
	r.Seconds, r.Steps = time.Since(start).Seconds(), len(steps)
	var diverged *joule.DivergedError
	switch {
	case errors.As(err, &diverged):
		r.End, r.Diverged = "gives up: "+diverged.Rule, true
	case errors.Is(err, context.DeadlineExceeded):
		r.End = fmt.Sprintf("too slow: %d steps in %v", len(steps), o.limit)
	case err != nil:
		return r, err
	default:
		r.End = judge(c, tr.Figures(), steps[len(steps)-min(20, len(steps)):], end.Divergence)
	}
	return r, nil
}

// judge says "good", or what is wrong with the last steps of a training and
// their validation. A gap is wrong beyond the bounds that the settings have for
// it.
func judge(c joule.Config, figures []metric.Figure, last [][]float64, divergence float64) string {
	// median returns the median of a figure, less that of another, and
	// whether it is measured.
	median := func(name, less string) (float64, bool) {
		at := func(name string) int {
			return slices.IndexFunc(figures, func(f metric.Figure) bool { return f.Name == name })
		}
		i, j := at(name), at(less)
		if i < 0 {
			return 0, false
		}
		var v []float64
		for _, values := range last {
			v = append(v, values[i])
			if j >= 0 {
				v[len(v)-1] -= values[j]
			}
		}
		slices.Sort(v)
		return v[len(v)/2], true
	}
	if !(divergence < -0.1) {
		return fmt.Sprintf("takes noise for data (%+.2g)", divergence)
	}
	if norm, ok := median(metric.ChainGradNorm, ""); ok && norm < 1e-4 {
		return fmt.Sprintf("flat (%.2g)", norm)
	}
	if gap, ok := median(metric.EnergyFake, metric.EnergyReal); ok && !(gap > c.Guard.MinGap && gap < c.Guard.MaxGap) {
		return fmt.Sprintf("gap %+.2g", gap)
	}
	if blank, ok := median(metric.Blank, ""); ok && blank > 0.2 {
		return fmt.Sprintf("blank samples (%.2f)", blank)
	}
	if diversity, ok := median(metric.Diversity, ""); ok && !(diversity > 0.5 && diversity < 1.25) {
		return fmt.Sprintf("samples too much alike or noise (%.2f)", diversity)
	}
	return "good"
}
