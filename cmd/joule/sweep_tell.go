package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/sweep"
)

// openSweep opens data sets for a sweep.
func (a *app) openSweep(f *sweepFlags) func(context.Context, *joule.Config) (train, val *dataset.Set, err error) {
	return func(ctx context.Context, cfg *joule.Config) (train, val *dataset.Set, err error) {
		train, val, _, err = a.load(ctx, cfg, &f.train)
		return train, val, err
	}
}

// sweepProgress shows how a run goes, of one at a time.
func (a *app) sweepProgress(f *sweepFlags) func(*sweep.Result, *joule.Trainer) []joule.Callback {
	return func(r *sweep.Result, t *joule.Trainer) []joule.Callback {
		if t.Steps() > 0 {
			a.screen.line("%s goes on from step %d", r.Run, t.Steps())
		}
		p := newProgress(a.screen, t.Config())
		c := joule.Callback{Rollback: p.rollback, Note: p.note}
		if f.parallel == 1 {
			c.Step = p.step
		}
		return []joule.Callback{c}
	}
}

// A sweepTeller says which run begins, and how each has ended.
type sweepTeller struct {
	screen   *screen
	sweep    *sweep.Sweep
	keys     []string
	parallel int
	all      int
	left     int
	began    map[string]time.Time
	took     []time.Duration
}

func (t *sweepTeller) begin(r *sweep.Result) {
	if t.began == nil {
		t.began = map[string]time.Time{}
	}
	t.began[r.Label(t.keys)] = time.Now()
	t.screen.line("run %d of %d: %s", t.all-t.left+len(t.began), t.all, r.Label(t.keys))
}

func (t *sweepTeller) end(r *sweep.Result) {
	t.screen.clear()
	d := time.Since(t.began[r.Label(t.keys)])
	if r.State == sweep.Failed {
		t.screen.line("%s failed, exit code %d: %s", r.Label(t.keys), r.Code, oneLine(r.Reason))
	} else {
		value := unknown
		if v, ok := r.Figure(t.sweep.Metric.Name); ok {
			value = metricText(v)
		}
		t.screen.line("%s: %s %s, %s", r.Run, t.sweep.Metric.Name, value, durationText(d))
	}
	t.took = append(t.took, d)
	if n := t.left - len(t.took); len(t.took) == 1 && n > 0 {
		if left, ok := sweep.Estimate(t.took, n, t.parallel); ok {
			t.screen.line("%s left, about %s if they take as long", plural(n, "run"), durationText(left))
		}
	}
}

// printSweep prints the table, the best run first, without columns that are empty.
func (a *app) printSweep(s *sweep.Sweep) error {
	t := s.Table(s.Ranked(), s.Metric.Name)
	empty := func(i int) bool {
		return !slices.ContainsFunc(t.Rows, func(row []string) bool { return row[i] != "" })
	}
	err := printColumns(a.out(), func(w io.Writer) {
		for _, row := range append([][]string{t.Columns}, t.Rows...) {
			var cells []string
			for i, cell := range row {
				if !empty(i) {
					cells = append(cells, printable(oneLine(cell)))
				}
			}
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
	})
	a.screen.line("wrote %s and %s", s.CSVPath(), s.HTMLPath())
	return err
}

// tellBest names the best run of a sweep that is done.
func tellBest(screen *screen, s *sweep.Sweep) error {
	best := s.Best()
	if best == nil {
		return &sweep.Error{Path: s.Dir, Fault: "no run has " + s.Metric.Name, Hint: "sweep.csv there says why runs failed; --retry tries them again, and --metric compares by another figure"}
	}
	v, _ := best.Figure(s.Metric.Name)
	screen.line("best: %s with %s: %s %s", best.Run, best.Label(s.Keys()), s.Metric.Name, metricText(v))
	if groups := s.Groups(); len(groups) > 1 {
		g := groups[0]
		others := slices.DeleteFunc(s.Keys(), func(key string) bool { return key == "seed" })
		name := cmp.Or(g.Runs[0].Name, g.Runs[0].Label(others))
		screen.line("best over the seeds: %s: %s %s, the mean of %s", name, s.Metric.Name, metricText(g.Mean), plural(len(g.Runs), "run"))
	}
	return nil
}

// commandLine returns what was typed to start this program.
func commandLine() string {
	words := []string{commandName()}
	for _, w := range os.Args[1:] {
		words = append(words, quote(w))
	}
	return strings.Join(words, " ")
}
