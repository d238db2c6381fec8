package sweep

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/joule-ml/joule/metric"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("sweep").Parse(page))

// WriteHTML writes the table, which can be sorted, and a plot of parallel
// coordinates as one page that needs no other file.
func (s *Sweep) WriteHTML(w io.Writer) error {
	view := struct {
		Name, Best string
		Metric     Figure
		Higher     bool
		Done       int
		Table      Table
		Plot       plot
	}{Name: filepath.Base(s.Dir), Metric: s.Metric, Higher: s.Metric.Better == metric.Higher, Table: s.Table(s.Ranked(), s.AllFigures()...), Plot: s.plot()}
	for _, r := range s.Results {
		if r.State == Done || r.State == Failed {
			view.Done++
		}
	}
	if best := s.Best(); best != nil {
		view.Best = best.Run
	}
	return pageTemplate.Execute(w, view)
}

// A plot has an axis for each setting that varies and one for the figure, and a
// line for each run.
type plot struct {
	Width, Height int
	Axes          []axis
	Lines         []line
}

type axis struct {
	Name  string
	Label float64 // height of the name, in two rows
	X     float64
	Top   float64
	End   float64
	Tics  []tic

	values []float64 // sorted; nil where the texts are
	texts  []string
	log    bool
}

type tic struct {
	Y    float64
	Text string
}

type line struct {
	Title, Points string
	Hue           int // from the best, 140, green, to the worst, 0, red
}

const (
	plotTop    = 40.0
	plotHeight = 300.0
	axisGap    = 170.0
	plotMargin = 100.0
	maxAxes    = 12 // settings shown
)

// plot places the runs that have the figure.
func (s *Sweep) plot() plot {
	keys := s.Keys()
	var list []*Result
	for _, r := range s.Ranked() {
		if _, ok := r.Figure(s.Metric.Name); ok {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return plot{}
	}
	shown := keys[:min(len(keys), maxAxes)]
	columns := make([][]string, 0, len(shown)+1)
	for _, key := range shown {
		var column []string
		for _, r := range list {
			column = append(column, r.Value(key))
		}
		columns = append(columns, column)
	}
	var column []string
	for _, r := range list {
		v, _ := r.Figure(s.Metric.Name)
		column = append(column, strconv.FormatFloat(v, 'g', 6, 64))
	}
	columns = append(columns, column)
	p := plot{Width: int(2*plotMargin + axisGap*float64(len(shown))), Height: int(plotTop + plotHeight + 40), Lines: make([]line, len(list))}
	for i, column := range columns {
		name := s.Metric.Name
		if i < len(shown) {
			name = shown[i]
		}
		a := newAxis(name, plotMargin+axisGap*float64(i), column)
		a.Label = 14 + 16*float64(i%2)
		p.Axes = append(p.Axes, a)
		for k, text := range column {
			p.Lines[k].Points += fmt.Sprintf("%.1f,%.1f ", a.X, a.place(text))
		}
	}
	for k, r := range list {
		p.Lines[k].Hue = 140 - 140*k/max(len(list)-1, 1)
		p.Lines[k].Title = fmt.Sprintf("%s %s: %s %s", r.Run, r.Label(keys), s.Metric.Name, column[k])
	}
	slices.Reverse(p.Lines) // the best is drawn last, above the others
	return p
}

// newAxis makes an axis of numbers, by their logarithm where they go over more
// than a factor of 20, or of texts.
func newAxis(name string, x float64, column []string) axis {
	const wide = 20
	a := axis{Name: name, X: x, Top: plotTop, End: plotTop + plotHeight}
	for _, text := range column {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			a.values = nil
			break
		}
		a.values = append(a.values, v)
	}
	a.texts = slices.Clone(column)
	if a.values == nil {
		slices.Sort(a.texts)
		a.texts = slices.Compact(a.texts)
	} else {
		slices.Sort(a.values)
		a.values = slices.Compact(a.values)
		slices.SortFunc(a.texts, func(s, t string) int {
			x, _ := strconv.ParseFloat(s, 64)
			y, _ := strconv.ParseFloat(t, 64)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		a.texts = slices.Compact(a.texts)
		a.log = a.values[0] > 0 && a.values[len(a.values)-1] > wide*a.values[0]
	}
	const few = 8 // more would stand on each other
	for i, text := range a.texts {
		if len(a.texts) <= few || i == 0 || i == len(a.texts)-1 {
			short := text
			if r := []rune(short); len(r) > 20 {
				short = string(r[:19]) + "…"
			}
			a.Tics = append(a.Tics, tic{a.place(text), short})
		}
	}
	return a
}

// place returns the height of a value of the axis.
func (a axis) place(text string) float64 {
	at, lo, hi := float64(slices.Index(a.texts, text)), 0.0, float64(len(a.texts)-1)
	if a.values != nil {
		at, _ = strconv.ParseFloat(text, 64)
		lo, hi = a.values[0], a.values[len(a.values)-1]
		if a.log {
			at, lo, hi = math.Log(at), math.Log(lo), math.Log(hi)
		}
	}
	if hi == lo {
		return (a.Top + a.End) / 2
	}
	return a.End - (a.End-a.Top)*(at-lo)/(hi-lo)
}
