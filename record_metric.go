package joule

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/metric"
)

// The columns of metrics.csv beside epoch, counted from 1, and step. The
// first eight have the document's names and signs: outputs are f = −E.
const (
	tagLoss           = "loss"
	tagRegularization = "loss_regularization"
	tagDivergence     = "loss_contrastive_divergence"
	tagReal           = "metrics_avg_real"
	tagFake           = "metrics_avg_fake"
	tagValDivergence  = "val_contrastive_divergence"
	tagValReal        = "val_real_out"
	tagValFake        = "val_fake_out"
	tagLearningRate   = "learning_rate"
	tagGradNorm       = "grad_norm"
	tagSpeed          = "image_gradients_per_second"
)

func metricColumns() []string {
	return []string{
		tagLoss, tagRegularization, tagDivergence, tagReal, tagFake,
		tagValDivergence, tagValReal, tagValFake,
		tagLearningRate, tagGradNorm, tagSpeed,
	}
}

// A metricLog keeps the metrics of a run: a row for each step, and one for
// each validation, in metrics.csv and the same in metrics.jsonl.
type metricLog struct {
	path   string
	csv    *metric.Writer
	json   *metric.Writer
	values map[string]float64
}

// openMetricLog opens the metrics at path, and those beside it, and cuts off
// what comes after step.
func openMetricLog(path string, step int) (*metricLog, error) {
	l := &metricLog{path: path, values: map[string]float64{}}
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

func (l *metricLog) step(s StepInfo) error {
	clear(l.values)
	l.values[tagLoss] = s.Loss
	l.values[tagRegularization] = s.Regularization
	l.values[tagDivergence] = s.ContrastiveDivergence
	l.values[tagReal] = s.AvgReal
	l.values[tagFake] = s.AvgFake
	l.values[tagLearningRate] = s.LearningRate
	l.values[tagGradNorm] = s.GradNorm
	if s.Duration > 0 {
		l.values[tagSpeed] = float64(s.ImageGradients) / s.Duration.Seconds()
	}
	return l.write(s.Epoch+1, s.Step)
}

func (l *metricLog) epoch(e EpochInfo) error {
	clear(l.values)
	l.values[tagValDivergence] = e.ValContrastiveDivergence
	l.values[tagValReal] = e.ValReal
	l.values[tagValFake] = e.ValFake
	return l.write(e.Epoch, e.Step)
}

// write appends l.values as a row.
func (l *metricLog) write(epoch, step int) error {
	if err := l.csv.Write(epoch, step, l.values); err != nil {
		return err
	}
	return l.json.Write(epoch, step, l.values)
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

// lowest returns the smallest number under a tag so far, +Inf if there is
// none.
func (l *metricLog) lowest(tag string) (float64, error) {
	t, err := metric.Read(l.path)
	if err != nil {
		return 0, err
	}
	least := math.Inf(1)
	for _, v := range t.Get(tag).Value {
		if v < least {
			least = v
		}
	}
	return least, nil
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
		panel("Validation", "f = −E", false, tagValDivergence, tagValReal, tagValFake),
		panel("Gradient of the weights before clipping", "norm", true, tagGradNorm),
		panel("Learning rate", "learning rate", false, tagLearningRate),
		panel("Speed", "image-gradients/s", false, tagSpeed),
	}, text)
}
