package record

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/metric"
)

// A metricLog keeps the metrics of a run: a row for each step, and one for
// each validation, in metrics.csv and the same in metrics.jsonl.
type metricLog struct {
	path    string
	columns []string
	csv     *metric.Writer
	json    *metric.Writer
}

// openMetricLog opens the metrics at path, and those beside it, and cuts off
// what comes after the trainer's place.
func openMetricLog(path string, columns []string, t *joule.Trainer) (*metricLog, error) {
	l := &metricLog{path: path, columns: columns}
	return l, l.open(t)
}

// open is openMetricLog of a log that was closed.
func (l *metricLog) open(t *joule.Trainer) error {
	_, err := os.Lstat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		l.csv, err = metric.Create(l.path, l.columns)
	} else {
		l.csv, err = metric.Append(l.path, l.columns, t.Steps(), t.Batch() == 0)
	}
	if err != nil {
		return err
	}
	l.json, err = metric.CreateJSON(strings.TrimSuffix(l.path, ".csv")+".jsonl", l.path, l.columns)
	if err != nil {
		l.csv.Close()
	}
	return err
}

// Log appends a record's scalars as a row.
func (l *metricLog) Log(r joule.Record) error {
	if len(r.Scalars) == 0 {
		return nil
	}
	if err := l.csv.Write(r.Epoch, r.Step, r.Scalars); err != nil {
		return err
	}
	return l.json.Write(r.Epoch, r.Step, r.Scalars)
}

func (l *metricLog) sync() error {
	if err := l.csv.Flush(); err != nil {
		return err
	}
	return l.json.Flush()
}

func (l *metricLog) close() error {
	err := l.csv.Close()
	if e := l.json.Close(); err == nil {
		err = e
	}
	return err
}

// history returns what was logged under a tag so far.
func (l *metricLog) history(tag string) (metric.Series, error) {
	if err := l.sync(); err != nil {
		return metric.Series{}, err
	}
	t, err := metric.Read(l.path)
	if err != nil {
		return metric.Series{}, err
	}
	return t.Get(tag), nil
}

// curves draws the metrics as a PNG picture.
func (l *metricLog) curves(w io.Writer, text []grid.Text) error {
	if err := l.sync(); err != nil {
		return err
	}
	t, err := metric.Read(l.path)
	if err != nil {
		return err
	}
	var panels []grid.Panel
	for _, p := range metric.Panels() {
		panel := grid.Panel{Title: p.Title, YLabel: p.YLabel, LogY: p.LogY}
		for _, f := range metric.Curves(p.Title) {
			if !slices.Contains(l.columns, f.Column) {
				continue // it is not measured
			}
			s := t.Get(f.Column)
			x := make([]float64, len(s.Step))
			for i, step := range s.Step {
				x[i] = float64(step)
			}
			panel.Series = append(panel.Series, grid.Series{Name: f.Column, X: x, Y: s.Value})
		}
		if len(panel.Series) > 0 {
			panels = append(panels, panel)
		}
	}
	return grid.Curves(w, panels, text)
}
