package joule

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// GuardLog returns the path of the list of the run's rollbacks in words, which
// is there if it has had any.
func (r *Run) GuardLog() string { return filepath.Join(r.Dir, "guard.log") }

// writeGuardLog lists all rollbacks anew, so that the file never has one that
// the training has not.
func (r *Run) writeGuardLog(list []Rollback) error {
	if len(list) == 0 {
		if err := os.Remove(r.GuardLog()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &RunError{Path: r.GuardLog(), Fault: "cannot be removed", Err: err}
		}
		return nil
	}
	return atomicfile.Write(r.GuardLog(), func(w io.Writer) error {
		for _, b := range list {
			if _, err := fmt.Fprintln(w, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// OnRollback takes the run's files back to where the trainer is, and tells of
// it. The checkpoint comes first: if the process ends before the cut, the next
// resume does it.
func (rec *recorder) OnRollback(t *Trainer, _ Rollback) error {
	if err := rec.checkpoint("last"); err != nil {
		return err
	}
	if err := rec.log.cut(t.Steps()); err != nil {
		return err
	}
	if rec.board != nil {
		if err := rec.board.cut(rec.run.Dir, t); err != nil {
			return err
		}
	}
	return rec.writeSettings()
}

// writeSettings writes the settings as they were asked for, and what rollbacks
// have changed.
func (rec *recorder) writeSettings() error {
	err := atomicfile.Write(rec.run.Config(), func(w io.Writer) error {
		_, err := w.Write(rec.t.askedYAML())
		return err
	})
	if err != nil {
		return err
	}
	return rec.run.writeGuardLog(rec.t.rollbacks)
}

// cut removes the rows after step.
func (l *metricLog) cut(step int) error {
	if err := l.close(); err != nil {
		return err
	}
	fresh, err := openMetricLog(l.path, step)
	if err != nil {
		return err
	}
	*l = *fresh
	return nil
}

// cut removes the events after the trainer's step, and shows a text of its
// rollbacks and their number there.
func (l *boardLog) cut(dir string, t *Trainer) error {
	if err := l.w.Close(); err != nil {
		return err
	}
	fresh, err := openBoardLog(dir, t.cfg, t.place.Step)
	if err != nil {
		return err
	}
	*l = *fresh
	var text strings.Builder
	for _, b := range t.rollbacks {
		fmt.Fprintf(&text, "* %s\n", b)
	}
	if err := l.w.Text("guard", t.place.Step, text.String()); err != nil {
		return err
	}
	if err := l.w.Scalar(tagRollbacks, t.place.Step, float64(t.place.Retry)); err != nil {
		return err
	}
	return l.w.Flush()
}
