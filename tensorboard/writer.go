package tensorboard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	pb "google.golang.org/protobuf/encoding/protowire"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// What the first event of a file says.
const (
	fileVersion = "brain.Event:2"
	sourceName  = "github.com/joule-ml/joule/tensorboard"
)

// showEvery is how old events may become before a running TensorBoard can see
// them.
const showEvery = 5 * time.Second

// A Writer appends events to a file of its own. It is not safe for concurrent
// use. After a write has failed, every call returns that error; an event that
// cannot be written at all, as one of more than 256 MiB, is an error that
// leaves the file as it was.
//
// Tags with a slash are shown in groups: "train/loss" is in "train". What is
// not UTF-8 in tags and texts becomes U+FFFD.
type Writer struct {
	path   string
	file   io.WriteCloser
	sync   func() error
	buf    *bufio.Writer
	record []byte
	now    func() time.Time
	limit  int       // of an event, in bytes
	shown  time.Time // when buf was last written out
	err    error     // the first one
	kept   []kept    // hyperparameters in earlier files

	damaged []string
}

// Damaged returns the paths under which Resume has kept damaged files.
func (w *Writer) Damaged() []string { return w.damaged }

// Create makes a new event file in dir, and dir itself if it is missing. The
// file has TensorBoard's form of name, events.out.tfevents.SECONDS.joule.PID.0,
// where other programs tell the name of the computer,
// and sorts behind those that are there, since TensorBoard reads them in order
// of their names and never returns to an earlier one: where the clock has not
// moved on since the last one was made, SECONDS is that one's and a second.
func Create(dir string) (*Writer, error) {
	return create(dir, time.Now)
}

func create(dir string, now func() time.Time) (*Writer, error) {
	if err := atomicfile.MakeFolder(dir); err != nil {
		return nil, failed(dir, err)
	}
	last := ""
	paths, err := eventFiles(dir)
	if err != nil {
		return nil, err
	}
	if len(paths) > 0 {
		last = filepath.Base(paths[len(paths)-1])
	}
	path := filepath.Join(dir, fileName(last, now()))

	w := &Writer{path: path, now: now, limit: maxRecord, shown: now()}
	// Whoever is killed after this leaves a file with a whole first event.
	if err := atomicfile.Write(path, func(out io.Writer) error {
		w.buf = bufio.NewWriter(out)
		return errors.Join(w.version(), w.buf.Flush())
	}); err != nil {
		return nil, failed(path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, failed(path, err)
	}
	w.file, w.sync, w.buf = f, f.Sync, bufio.NewWriterSize(f, 64<<10)
	return w, nil
}

// version appends the first event of a file.
func (w *Writer) version() error {
	return w.event(0, func(b []byte) []byte {
		b = appendAnyString(b, eventFileVersion, fileVersion)
		return appendMessage(b, eventSourceMetadata, func(b []byte) []byte {
			return appendString(b, sourceWriter, sourceName)
		})
	})
}

const namePrefix = "events.out.tfevents."

// fileName returns a name for a file made at the time now that sorts behind
// last, as far as last has the form of names.
func fileName(last string, now time.Time) string {
	name := func(s int64) string {
		return fmt.Sprintf("%s%010d.joule.%d.0", namePrefix, s, os.Getpid())
	}
	s := now.Unix()
	if name(s) <= last {
		digits, _, _ := strings.Cut(strings.TrimPrefix(last, namePrefix), ".")
		if before, err := strconv.ParseInt(digits, 10, 64); err == nil && before < math.MaxInt64 {
			s = before + 1
		}
	}
	return name(s)
}

// eventFiles returns the paths of the event files in dir, in the order
// TensorBoard reads them.
func eventFiles(dir string) ([]string, error) {
	return files(dir, func(name string) bool {
		return strings.Contains(name, "tfevents") && !strings.HasPrefix(name, ".")
	})
}

// files returns the paths of the files in dir whose names match, sorted. A
// folder that does not exist has none.
func files(dir string, match func(name string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if e.Type().IsRegular() && match(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// seconds returns t as events have it: seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

// Scalar appends a number to the curve of a tag. TensorBoard keeps float32;
// NaN and infinities are written as they are, and it marks them. Nothing is
// allocated.
func (w *Writer) Scalar(tag string, step int, value float64) error {
	return w.value(step, tag, "scalars", nil, classScalar, func(b []byte) []byte {
		b = appendTensorHead(b, dtFloat)
		b = pb.AppendTag(b, tensorFloat, pb.BytesType)
		b = pb.AppendVarint(b, 4)
		return pb.AppendFixed32(b, math.Float32bits(float32(value)))
	})
}

// Image appends a picture, the bytes of a PNG file, to those of a tag. Bytes
// that are not a PNG file are an error, and the event file stays as it was.
func (w *Writer) Image(tag string, step int, picture []byte) error {
	c, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("tensorboard: image %q of step %d: %w", tag, step, err)
	}
	return w.value(step, tag, "images", nil, classBlobs, func(b []byte) []byte {
		b = appendTensorHead(b, dtString, 3)
		b = appendAnyString(b, tensorString, strconv.Itoa(c.Width))
		b = appendAnyString(b, tensorString, strconv.Itoa(c.Height))
		return pb.AppendBytes(pb.AppendTag(b, tensorString, pb.BytesType), picture)
	})
}

// Text appends a text in Markdown to those of a tag.
func (w *Writer) Text(tag string, step int, markdown string) error {
	return w.value(step, tag, "text", nil, classTensor, func(b []byte) []byte {
		b = appendTensorHead(b, dtString)
		return appendAnyString(b, tensorString, markdown)
	})
}

// value appends an event of a single value.
func (w *Writer) value(step int, tag, plugin string, content []byte, class int64, tensor func([]byte) []byte) error {
	return w.event(step, func(b []byte) []byte { return appendValue(b, tag, plugin, content, class, tensor) })
}

// event appends an event of the present time; what appends its content.
func (w *Writer) event(step int, what func([]byte) []byte) error {
	return w.eventAt(seconds(w.now()), step, what)
}

// eventAt is event with the seconds since 1970 to give as its time.
func (w *Writer) eventAt(wallTime float64, step int, what func([]byte) []byte) error {
	if w.err != nil {
		return w.err
	}
	w.record = appendRecord(w.record[:0], func(b []byte) []byte {
		b = appendDouble(b, eventWallTime, wallTime)
		b = appendInt(b, eventStep, int64(step))
		return what(b)
	})
	if size := len(w.record) - headSize - footSize; size > w.limit {
		w.record = nil
		return fmt.Errorf("tensorboard: an event of %d bytes, at most %d", size, w.limit)
	}
	_, err := w.buf.Write(w.record)
	if now := w.now(); err == nil && now.Sub(w.shown) > showEvery {
		w.shown = now
		err = w.buf.Flush()
	}
	return w.stick(err)
}

// stick keeps the first error.
func (w *Writer) stick(err error) error {
	if w.err == nil {
		w.err = failed(w.path, err)
	}
	return w.err
}

// Flush writes the events so far to the disk, so that they survive the end of
// the process and a power failure. Without it a running TensorBoard sees them
// some seconds later.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	err := w.buf.Flush()
	if err == nil {
		err = w.sync()
	}
	w.shown = w.now()
	return w.stick(err)
}

// Close flushes and closes the file. Closing twice does nothing.
func (w *Writer) Close() error {
	if errors.Is(w.err, fs.ErrClosed) {
		return nil
	}
	err := w.Flush()
	if e := w.file.Close(); err == nil {
		err = failed(w.path, e)
	}
	if w.err == nil {
		w.err = failed(w.path, fs.ErrClosed)
	}
	return err
}
