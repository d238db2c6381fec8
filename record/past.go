package record

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// pastRows returns the rows of metrics that the event files in dir tell of. They
// have the precision of float32, and the steps that the files have. What cannot be
// read of a file is left out.
func pastRows(dir string) ([]metric.Row, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &run.Error{Path: dir, Fault: "cannot be listed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
	}
	steps := map[int]*pastStep{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), "events.out.tfevents.") {
			continue
		}
		events, err := tensorboard.Read(filepath.Join(dir, e.Name()))
		if err != nil && !errors.As(err, new(*tensorboard.Error)) {
			return nil, err
		}
		takeEvents(steps, events)
	}
	var rows []metric.Row
	for _, step := range slices.Sorted(maps.Keys(steps)) {
		for _, values := range steps[step].values {
			if len(values) > 0 {
				rows = append(rows, metric.Row{Epoch: steps[step].epoch, Step: step, Values: values})
			}
		}
	}
	return rows, nil
}

// lacking returns the last training step that the event files in dir have, and how
// many steps behind it have values that belong there, in metrics up to a
// checkpoint: as a rule none, since the files are written before it is.
func lacking(dir string, metrics *metric.Table, every int) (last, steps int, err error) {
	rows, err := pastRows(dir)
	if err != nil {
		return 0, 0, err
	}
	loss, validation, lastValidation, stride := metric.Column(metric.Loss), metric.Column(metric.ValDivergence), 0, every
	for _, r := range rows {
		if _, ok := r.Values[loss]; ok {
			last, stride = r.Step, max(every, r.Step-last) // the setting may have changed
		} else if _, ok := r.Values[validation]; ok {
			lastValidation = r.Step
		}
	}
	behind := map[int]bool{}
	for _, step := range metrics.Get(loss).Step {
		if step%every == 0 && step >= last+stride {
			behind[step] = true
		}
	}
	for _, step := range metrics.Get(validation).Step {
		if step > lastValidation {
			behind[step] = true
		}
	}
	return last, len(behind), nil
}

// A pastStep is what was logged at a step: of the training, of the validation,
// and of the outliers, which are rows of their own.
type pastStep struct {
	epoch  int
	values [3]map[string]float64
}

// takeEvents puts the numbers of an event file's events where they belong.
func takeEvents(steps map[int]*pastStep, events []*tensorboard.Event) {
	for _, e := range events {
		if e.Restart { // what came after it was taken back
			maps.DeleteFunc(steps, func(step int, _ *pastStep) bool { return int64(step) >= e.Step })
		}
		for _, v := range e.Values {
			x, ok := v.Scalar()
			if !ok {
				continue
			}
			at := steps[int(e.Step)]
			if at == nil {
				at = &pastStep{}
				steps[int(e.Step)] = at
			}
			kind := 0
			switch {
			case v.Tag == "epoch":
				at.epoch = int(x)
				continue
			case slices.Contains(metric.Monitors(), v.Tag):
				kind = 1
			case v.Tag == metric.Column(metric.Outliers):
				kind = 2
			}
			if at.values[kind] == nil {
				at.values[kind] = map[string]float64{}
			}
			at.values[kind][v.Tag] = float64(x)
		}
	}
}
