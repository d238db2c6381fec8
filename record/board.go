package record

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// A figureLog writes records' figures into a run's folder.
type figureLog struct{ run *run.Run }

// Log writes the figures that have a file.
func (l figureLog) Log(r joule.Record) error {
	for _, f := range r.Figures {
		if f.File == "" {
			continue
		}
		if err := atomicfile.Write(filepath.Join(l.run.Dir, filepath.FromSlash(f.File)), f.Encode); err != nil {
			return err
		}
	}
	return nil
}

// A boardLog writes records into TensorBoard's event files. Every event has
// the number of training steps done, also the pictures, so that all of
// them can be cut at one step on resume.
type boardLog struct {
	w     *tensorboard.Writer
	every int
	epoch int // the last step that has been given its epoch
	names []string
	old   bool // it goes on with files that were there
}

// openBoardLog begins event files in dir, or goes on with those that are
// there, which it cuts at a step. What they have of the tags that again accepts at
// that step is dropped.
func openBoardLog(dir string, c joule.Config, step int, again func(tag string) bool) (*boardLog, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &run.Error{Path: dir, Fault: "cannot be listed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
	}
	old := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "events.out.tfevents.") })
	l := &boardLog{every: c.TensorBoard.EveryNSteps, epoch: step, old: old}
	if old {
		l.w, err = tensorboard.Resume(dir, step, again)
	} else {
		l.w, err = tensorboard.Create(dir)
	}
	if err != nil {
		return nil, err
	}
	c = c.ForOthers()
	var params []tensorboard.Param
	for _, s := range c.Settings() {
		params = append(params, tensorboard.Param{Name: s.Key, Value: s.Plain()})
	}
	err = l.w.HParams(params, metric.Monitors())
	if err == nil && !old {
		err = l.w.Text("config", step, "```yaml\n"+string(c.YAML())+"```\n")
	}
	if err == nil {
		err = l.w.Flush()
	}
	if err != nil {
		l.w.Close()
		return nil, err
	}
	return l, nil
}

// Log writes scalars, of training steps every so many, pictures that have a
// tag, and histograms.
func (l *boardLog) Log(r joule.Record) error {
	if _, step := r.Scalars[metric.Column(metric.Loss)]; !step || r.Step%l.every == 0 {
		l.names = l.names[:0]
		for name := range r.Scalars {
			l.names = append(l.names, name)
		}
		slices.Sort(l.names)
		for _, name := range l.names {
			if err := l.w.Scalar(name, r.Step, r.Scalars[name]); err != nil {
				return err
			}
		}
		// The last step of an epoch has several records.
		if len(r.Scalars) > 0 && r.Step != l.epoch {
			l.epoch = r.Step
			if err := l.w.Scalar("epoch", r.Step, float64(r.Epoch)); err != nil {
				return err
			}
		}
	}
	for _, f := range r.Figures {
		if f.Tag == "" {
			continue
		}
		var b bytes.Buffer
		if err := f.Encode(&b); err != nil {
			return err
		}
		if err := l.w.Image(f.Tag, r.Step, b.Bytes()); err != nil {
			return err
		}
	}
	for _, h := range r.Histograms {
		if err := l.w.Histogram(h.Tag, r.Step, h.Values); err != nil {
			return err
		}
	}
	return nil
}

// close ends the event file. TensorBoard shows how the training ended.
func (l *boardLog) close(success bool) error {
	return errors.Join(l.w.End(success), l.w.Close())
}
