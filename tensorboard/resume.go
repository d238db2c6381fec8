package tensorboard

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
)

// Resume cuts back the event files of dir to the steps up to keepStep, that
// of the checkpoint the run continues from, and makes a new file for what
// follows, so that no step is there twice and none is missing. A folder
// without event files, or none at all, is as good as for Create.
//
// What is kept is every event of a step up to keepStep, in whatever order:
// where events to be kept come first, as in the files of a Writer whose steps
// do not decrease, the file is truncated in place; otherwise it is replaced by
// one without the others. What [Writer.End] wrote is removed, whatever its
// step, and so are files in which nothing is left. Being killed in between
// loses nothing: Resume with the same keepStep does the rest.
//
// A last record without its end, as a killed process leaves, is cut off, and
// so is one in which zeros have taken the place of data, as a power failure
// may leave. A file with other damage is kept under another name, which
// [Writer.Damaged] tells, and what can be read of it takes its place.
//
// Values of keepStep itself with tags that again accepts are dropped: for what will
// be said anew, and can be there once only. It may be nil.
//
// The new file begins with events that tell a running TensorBoard to drop the
// later steps it has read. Only one process may write in dir at a time,
// which is for the caller to ensure.
func Resume(dir string, keepStep int, again func(tag string) bool) (*Writer, error) {
	return resume(dir, keepStep, again, time.Now)
}

func resume(dir string, keepStep int, again func(string) bool, now func() time.Time) (*Writer, error) {
	if err := removeTemporary(dir); err != nil {
		return nil, err
	}
	paths, err := eventFiles(dir)
	if err != nil {
		return nil, err
	}
	var cuts []cut
	var all []kept
	for _, path := range paths {
		c, k, err := plan(path, func(e *Event) bool {
			old := again != nil && e.Step == int64(keepStep) && slices.ContainsFunc(e.Values, func(v Value) bool { return again(v.Tag) })
			return e.Step <= int64(keepStep) && !old && !e.has(tagSessionEnd) || e.FileVersion != ""
		})
		if err != nil {
			return nil, err
		}
		cuts, all = append(cuts, c), append(all, k...)
	}
	var damaged []string
	for _, c := range cuts {
		if c.damaged {
			aside, err := c.setAside()
			if err != nil {
				return nil, err
			}
			damaged = append(damaged, aside)
		} else if err := c.apply(); err != nil {
			return nil, err
		}
	}
	w, err := create(dir, now)
	if err != nil {
		return nil, err
	}
	w.kept, w.damaged = all, damaged
	// Twice, since TensorBoard takes the first that it sees for the run's start.
	err = errors.Join(w.restart(keepStep+1), w.restart(keepStep+1))
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// restart appends what the doc of Event.Restart says.
func (w *Writer) restart(step int) error {
	return w.event(step, func(b []byte) []byte {
		return appendMessage(b, eventSessionLog, func(b []byte) []byte {
			return appendInt(b, sessionLogStatus, sessionStart)
		})
	})
}

func (e *Event) has(tag string) bool {
	return slices.ContainsFunc(e.Values, func(v Value) bool { return v.Tag == tag })
}

// removeTemporary removes what a killed process left of a file that it was
// replacing: TensorBoard would take it for an event file.
func removeTemporary(dir string) error {
	stale, err := files(dir, func(name string) bool {
		return strings.HasPrefix(name, "."+namePrefix) && strings.Contains(name, ".tmp-")
	})
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return failed(path, err)
		}
	}
	return nil
}

// A cut says what to keep of a file.
type cut struct {
	path   string
	size   int64 // of the file as it is
	spans  []span
	events int // that are kept, beside those of the file's beginning

	damaged bool // not all of it can be read
}

// A span of a file, in bytes.
type span struct{ start, end int64 }

// plan finds what to keep of the file at path, and what hyperparameters are
// in that.
func plan(path string, keep func(*Event) bool) (c cut, hparams []kept, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return c, nil, fmt.Errorf("tensorboard: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c, nil, fmt.Errorf("tensorboard: %w", err)
	}
	return scan(path, f, info.Size(), keep)
}

// scan is plan of a file that is open.
func scan(path string, f io.ReaderAt, size int64, keep func(*Event) bool) (c cut, hparams []kept, err error) {
	c = cut{path: path, size: size}
	for r := NewReader(io.NewSectionReader(f, 0, size)); ; {
		start := r.Offset()
		e, err := r.Next()
		if err == io.EOF {
			return c, hparams, nil
		}
		if err != nil {
			torn, zerr := torn(f, c.size, err)
			if zerr != nil {
				return c, nil, fmt.Errorf("tensorboard: %w", zerr)
			}
			if !torn && errors.As(err, new(*Error)) {
				c.damaged = true
				if r.skip() {
					continue
				}
			} else if !torn {
				return c, nil, err
			}
			return c, hparams, nil
		}
		if !keep(e) {
			continue
		}
		if n := len(c.spans); n > 0 && c.spans[n-1].end == start {
			c.spans[n-1].end = r.Offset()
		} else {
			c.spans = append(c.spans, span{start, r.Offset()})
		}
		if e.FileVersion == "" && !e.Restart {
			c.events++
		}
		for _, v := range e.Values {
			if v.Tag == tagExperiment || v.Tag == tagSessionStart {
				hparams = append(hparams, kept{path, e.WallTime, v.Tag, v.Content})
			}
		}
	}
}

// torn tells whether the fault err of a file is that its last record was not
// written to the end: the file ends within it, or has nothing but zeros behind
// it.
func torn(f io.ReaderAt, size int64, err error) (bool, error) {
	var e *Error
	if !errors.As(err, &e) || e.end < 0 {
		return false, nil
	}
	buf := make([]byte, 64<<10)
	for at := e.end; at < size; {
		b := buf[:min(int64(len(buf)), size-at)]
		if _, err := f.ReadAt(b, at); err != nil {
			return false, err
		}
		if slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			return false, nil
		}
		at += int64(len(b))
	}
	return true, nil
}

// setAside renames a damaged file and puts one of the spans in its place. It
// returns the new path, which TensorBoard does not take for an event file.
func (c cut) setAside() (string, error) {
	for n := 1; ; n++ {
		aside := filepath.Join(filepath.Dir(c.path), fmt.Sprintf("events.damaged-%d", n))
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(c.path, aside); err != nil {
			return "", failed(c.path, err)
		}
		if c.events == 0 {
			return aside, nil
		}
		return aside, failed(c.path, c.replace(aside))
	}
}

// apply carries out the cut.
func (c cut) apply() error {
	switch {
	case c.events == 0:
		return failed(c.path, os.Remove(c.path))
	case len(c.spans) > 1 || c.spans[0].start > 0:
		return failed(c.path, c.replace(c.path))
	case c.spans[0].end < c.size:
		return failed(c.path, truncate(c.path, c.spans[0].end))
	}
	return nil
}

// replace puts a file of the spans of the file at from in its place.
func (c cut) replace(from string) error {
	return atomicfile.Write(c.path, func(w io.Writer) error {
		f, err := regular.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()                        // before the renaming, which Windows asks for
		if c.damaged && c.spans[0].start > 0 { // the version could not be read
			v := &Writer{buf: bufio.NewWriter(w), now: time.Now, limit: maxRecord}
			if err := errors.Join(v.version(), v.buf.Flush()); err != nil {
				return err
			}
		}
		for _, s := range c.spans {
			if _, err := io.Copy(w, io.NewSectionReader(f, s.start, s.end-s.start)); err != nil {
				return err
			}
		}
		return nil
	})
}

// truncate shortens the file at path, durably.
func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// dropKept removes the hyperparameters from the earlier files.
func (w *Writer) dropKept() error {
	for len(w.kept) > 0 {
		path := w.kept[0].path
		c, _, err := plan(path, func(e *Event) bool { return !e.has(tagExperiment) && !e.has(tagSessionStart) })
		if err == nil {
			err = c.apply()
		}
		if err != nil {
			return err
		}
		w.kept = slices.DeleteFunc(w.kept, func(k kept) bool { return k.path == path })
	}
	return nil
}
