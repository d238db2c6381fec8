package joule

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/metric"
)

// metricColumns are the columns of metrics.csv beside epoch, counted from 1,
// and step.
func metricColumns() []string {
	return []string{
		tagLoss, tagRegularization, tagDivergence, tagReal, tagFake,
		tagValDivergence, tagValReal, tagValFake, tagOutliers,
		tagLearningRate, tagGradNorm,
		tagChainGradNorm, tagAtBounds, tagBlank, tagDiversity, tagRollbacks,
		tagSpeed, // the last, since it is all that differs when a run is done again
	}
}

// A metricLog keeps the metrics of a run: a row for each step, and one for
// each validation, in metrics.csv and the same in metrics.jsonl.
type metricLog struct {
	path string
	csv  *metric.Writer
	json *metric.Writer
}

// openMetricLog opens the metrics at path, and those beside it, and cuts off
// what comes after step.
func openMetricLog(path string, step int) (*metricLog, error) {
	l := &metricLog{path: path}
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		l.csv, err = metric.Create(path, metricColumns())
	} else {
		l.csv, err = metric.Append(path, metricColumns(), step)
	}
	if err != nil {
		return nil, err
	}
	l.json, err = metric.CreateJSON(jsonBeside(path), path, metricColumns())
	if err != nil {
		l.csv.Close()
		return nil, err
	}
	return l, nil
}

// jsonBeside returns the path of the JSON Lines beside a run's metrics.csv.
func jsonBeside(csv string) string { return strings.TrimSuffix(csv, ".csv") + ".jsonl" }

// Log appends a record's scalars as a row.
func (l *metricLog) Log(r Record) error {
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
	panel := func(title, y string, logY bool, tags ...string) grid.Panel {
		p := grid.Panel{Title: title, YLabel: y, LogY: logY}
		for _, tag := range tags {
			s := t.Get(tag)
			x := make([]float64, len(s.Step))
			for i, step := range s.Step {
				x[i] = float64(step)
			}
			p.Series = append(p.Series, grid.Series{Name: tag, X: x, Y: s.Value})
		}
		return p
	}
	return grid.Curves(w, []grid.Panel{
		panel("Loss", "loss", false, tagLoss, tagDivergence, tagRegularization),
		panel("Training batches", "f = −E", false, tagReal, tagFake),
		panel("Validation", "f = −E", false, tagValDivergence, tagValReal, tagValFake, tagOutliers),
		panel("Gradient of the weights before clipping", "norm", true, tagGradNorm),
		panel("Learning rate", "learning rate", false, tagLearningRate),
		panel("Samples", "share", false, tagDiversity, tagAtBounds, tagBlank),
		panel("Guard", "rollbacks", false, tagRollbacks),
		panel("Speed", "image-gradients/s", false, tagSpeed),
	}, text)
}
