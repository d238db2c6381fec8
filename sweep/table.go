package sweep

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/setting"
)

// Keys lists the settings that are not the same in all runs, in the order of a
// configuration.
func (s *Sweep) Keys() []string {
	var keys []string
	if len(s.Results) == 0 {
		return nil
	}
	lists := make([]setting.List, len(s.Results))
	for i, r := range s.Results {
		lists[i] = r.Config.Settings()
	}
	for k, first := range lists[0] {
		if slices.ContainsFunc(lists, func(l setting.List) bool { return l[k].String() != first.String() }) {
			keys = append(keys, first.Key)
		}
	}
	return keys
}

// Value returns a setting of a run as text.
func (r *Result) Value(key string) string {
	v, _ := r.Config.Settings().Find(key)
	_, text, _ := strings.Cut(v.Assignment(), "=")
	return text
}

// Label returns a run's name, or what tells it from the others.
func (r *Result) Label(keys []string) string {
	if r.Name != "" {
		if slices.Contains(keys, "seed") {
			return r.Name + ", seed " + r.Value("seed")
		}
		return r.Name
	}
	words := make([]string, len(keys))
	for i, key := range keys {
		words[i] = key + "=" + r.Value(key)
	}
	if len(words) == 0 { // there are no others
		words = r.Settings
	}
	if len(words) == 0 {
		return "the settings given"
	}
	return strings.Join(words, " ")
}

// Figure returns a figure of a run that is done; ok is false where it has none.
func (r *Result) Figure(name string) (v float64, ok bool) {
	if r.State != Done && r.State != Trained {
		return 0, false
	}
	v, ok = r.Figures[name]
	return v, ok
}

// Ranked lists the runs, the best first, and those without the sweep's figure last.
func (s *Sweep) Ranked() []*Result {
	value := func(r *Result) float64 {
		v, ok := r.Figure(s.Metric.Name)
		switch {
		case !ok:
			return math.Inf(1)
		case s.Metric.Better == metric.Higher:
			return -v
		}
		return v
	}
	list := slices.Clone(s.Results)
	slices.SortStableFunc(list, func(a, b *Result) int {
		switch x, y := value(a), value(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return list
}

// Best returns the best run; nil if none has the figure.
func (s *Sweep) Best() *Result {
	if list := s.Ranked(); len(list) > 0 {
		if _, ok := list[0].Figure(s.Metric.Name); ok {
			return list[0]
		}
	}
	return nil
}

// A Group is the runs that differ in their seeds alone.
type Group struct {
	Runs []*Result
	Mean float64 // of the sweep's figure
}

// Groups lists those of more than one run whose runs all have the figure, the best
// mean first.
func (s *Sweep) Groups() []Group {
	bySettings := map[string]*Group{}
	var order []*Group
	for _, r := range s.Results {
		c := r.Config
		c.Seed = 0
		key := string(c.YAML())
		if bySettings[key] == nil {
			bySettings[key] = &Group{}
			order = append(order, bySettings[key])
		}
		g := bySettings[key]
		g.Runs = append(g.Runs, r)
	}
	var list []Group
	for _, g := range order {
		all := len(g.Runs) > 1
		for _, r := range g.Runs {
			v, ok := r.Figure(s.Metric.Name)
			all = all && ok
			g.Mean += v / float64(len(g.Runs))
		}
		if all {
			list = append(list, *g)
		}
	}
	slices.SortStableFunc(list, func(a, b Group) int {
		if s.Metric.Better == metric.Higher {
			a, b = b, a
		}
		return cmp.Compare(a.Mean, b.Mean)
	})
	return list
}

// A Table is the runs with what tells them apart and what they have come to.
type Table struct {
	Columns []string
	Rows    [][]string
}

// Table returns the runs in the order given: their settings, some figures, and how
// they ended.
func (s *Sweep) Table(list []*Result, figures ...string) Table {
	keys := s.Keys()
	named := slices.ContainsFunc(list, func(r *Result) bool { return r.Name != "" })
	var t Table
	if named {
		t.Columns = append(t.Columns, "name")
	}
	t.Columns = append(t.Columns, keys...)
	t.Columns = append(append(t.Columns, figures...), "seconds", "state", "run", "code", "reason")
	for _, r := range list {
		var row []string
		if named {
			row = append(row, r.Name)
		}
		for _, key := range keys {
			row = append(row, r.Value(key))
		}
		for _, name := range figures {
			cell := ""
			if v, ok := r.Figure(name); ok {
				cell = strconv.FormatFloat(v, 'g', 6, 64)
			}
			row = append(row, cell)
		}
		code := ""
		if r.State == Failed {
			code = strconv.Itoa(r.Code)
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.0f", r.Seconds), string(r.State), r.Run, code, r.Reason))
	}
	return t
}

// AllFigures lists the figures that at least one run has, the sweep's first, those
// of an evaluation, and then the others.
func (s *Sweep) AllFigures() []string {
	seen := map[string]bool{s.Metric.Name: true}
	var names []string
	for _, r := range s.Results {
		for name := range r.Figures {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := strings.HasPrefix(a, evalPrefix), strings.HasPrefix(b, evalPrefix); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return append([]string{s.Metric.Name}, names...)
}

// WriteCSV writes a row for each run, in the order of the trials, with all figures.
func (s *Sweep) WriteCSV(w io.Writer) error {
	t := s.Table(s.Results, s.AllFigures()...)
	c := csv.NewWriter(w)
	if err := c.Write(t.Columns); err != nil {
		return err
	}
	return c.WriteAll(t.Rows)
}
