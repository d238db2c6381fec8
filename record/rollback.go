package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/run"
)

// writeGuardLog lists all rollbacks anew, so that the file never has one that
// the training has not.
func writeGuardLog(r *run.Run, list []joule.Rollback) error {
	if len(list) == 0 {
		if err := os.Remove(r.GuardLogPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &run.Error{Path: r.GuardLogPath(), Fault: "cannot be removed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
		}
		return nil
	}
	return atomicfile.Write(r.GuardLogPath(), func(w io.Writer) error {
		for _, b := range list {
			if _, err := fmt.Fprintln(w, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// rollback takes the run's files back to where the trainer is, and tells of
// it. The checkpoint comes first: if the process ends before the cut, the next
// resume does it.
func (rec *recorder) rollback(joule.Rollback) error {
	if err := rec.checkpoint(); err != nil {
		return err
	}
	if err := rec.log.cut(rec.t); err != nil {
		return err
	}
	if rec.board != nil {
		if err := rec.board.cut(rec.run.Dir, rec.t); err != nil {
			return err
		}
	}
	return rec.writeSettings()
}

// writeSettings writes the settings as they were asked for, and what rollbacks
// have changed.
func (rec *recorder) writeSettings() error {
	text := askedYAML(rec.t, rec.dataPath())
	err := atomicfile.Write(rec.run.ConfigPath(), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return writeGuardLog(rec.run, rec.t.Rollbacks())
}

// cut removes the rows after the trainer's place.
func (l *metricLog) cut(t *joule.Trainer) error {
	if err := l.close(); err != nil {
		return err
	}
	return l.open(t)
}

// cut removes the events after the trainer's step, and shows a text of all its
// rollbacks there.
func (l *boardLog) cut(dir string, t *joule.Trainer) error {
	if err := l.w.Close(); err != nil {
		return err
	}
	fresh, err := openBoardLog(dir, t.Config(), t.Steps(), func(tag string) bool { return tag == "guard" })
	if err != nil {
		return err
	}
	*l = *fresh
	var text strings.Builder
	for _, b := range t.Rollbacks() {
		fmt.Fprintf(&text, "* %s\n", b)
	}
	if err := l.w.Text("guard", t.Steps(), text.String()); err != nil {
		return err
	}
	return l.w.Flush()
}

// dataPath is where the images are. A trainer that was resumed from a checkpoint
// alone knows only the name of their folder; then the settings that are there tell.
func (rec *recorder) dataPath() string {
	c := rec.t.Config()
	old, err := rec.run.Settings()
	if err != nil || c.Data != c.ForOthers().Data || c.Data != old.ForOthers().Data {
		return c.Data
	}
	if _, err := os.Stat(old.Data); err != nil {
		return c.Data
	}
	return old.Data
}

// askedYAML is the config.yaml of a run on images at data.
func askedYAML(t *joule.Trainer, data string) []byte {
	var b strings.Builder
	c := t.Asked()
	c.Data = data
	b.Write(c.YAML())
	if list := t.Rollbacks(); len(list) > 0 {
		b.WriteString("\n# These are the settings as asked for. On the way the guard has changed:\n")
		for _, r := range list {
			fmt.Fprintf(&b, "#   at step %d: %s\n", r.To, r.Did)
		}
	}
	return []byte(b.String())
}
