package metric

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
)

// A Writer appends rows to a file. Other programs see whole lines only. It is
// not safe for concurrent use.
type Writer struct {
	path    string
	columns []string
	file    *os.File
	buf     *bufio.Writer
	row     []byte
	keys    []string // of the columns, as JSON and with a comma before; nil for CSV
}

// Create makes a new file with the columns epoch, step and the given ones. A
// file that exists already is an error.
func Create(path string, columns []string) (*Writer, error) {
	head, err := header(columns)
	if err != nil {
		return nil, in(path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("metric: create %s: %w", path, fs.ErrExist)
	}
	// Whoever is killed after this leaves a file with a whole header.
	if err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, head)
		return err
	}); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return open(path, columns)
}

// Append opens a file that Create made with the same columns and cuts it back
// to the rows up to keepStep, the step of the checkpoint that the run
// continues from; validated says whether that is of after the validation at this
// step, if there is one. A last line without its end, as a killed process leaves, is
// cut off too, and so is what cannot be read behind the last row to keep, as a
// power failure may leave. The file is replaced whole, so that being killed in
// between loses nothing.
func Append(path string, columns []string, keepStep int, validated bool) (*Writer, error) {
	head, err := header(columns)
	if err != nil {
		return nil, in(path, err)
	}
	if err := regular.Check(path); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		old, err := regular.Open(path)
		if err != nil {
			return err
		}
		defer old.Close() // before the renaming, which Windows asks for
		return keep(w, old, head, keepStep, validated)
	})
	if e := (*Error)(nil); errors.As(err, &e) {
		return nil, in(path, e)
	}
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return open(path, columns)
}

// keep copies the header and the rows up to keepStep.
func keep(w io.Writer, old io.Reader, head string, keepStep int, validated bool) error {
	lines := newScanner(old)
	if err := lines.header(); err != nil {
		return err
	}
	if lines.text+"\n" != head {
		return &Error{
			Line:  1,
			Fault: fmt.Sprintf("the columns are %.500q, not %.500q", lines.text, head[:len(head)-1]),
			Hint:  "continue the run with the version and settings that began it, or start a new one",
		}
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	names := strings.Split(lines.text, ",")
	reached := false // every row to keep has been seen
	for lines.next() {
		row, err := parseRow(names, lines.text, lines.line)
		if err != nil && reached {
			continue
		}
		if err != nil {
			return err
		}
		reached = reached || row.step >= keepStep
		if row.step > keepStep || row.step == keepStep && !validated && row.isValidation(names) {
			continue
		}
		if _, err := io.WriteString(w, lines.text+"\n"); err != nil {
			return err
		}
	}
	if e := (*Error)(nil); reached && errors.As(lines.err, &e) {
		return nil
	}
	return lines.err
}

func open(path string, columns []string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return &Writer{path: path, columns: slices.Clone(columns), file: f, buf: bufio.NewWriter(f)}, nil
}

// Write appends a row. values holds numbers under the names of columns;
// columns without one stay blank. Numbers read back exactly; those that are
// not finite are written as nan, inf and -inf. The map may be used again, and
// nothing is allocated. A name that is no column is a bug and panics.
func (w *Writer) Write(epoch, step int, values map[string]float64) error {
	var b []byte
	var found int
	if w.keys != nil {
		b, found = w.appendJSON(w.row[:0], epoch, step, values)
	} else {
		b, found = w.appendCSV(w.row[:0], epoch, step, values)
	}
	if found != len(values) {
		for name := range values {
			if !slices.Contains(w.columns, name) {
				panic(fmt.Sprintf("metric: no column %q", name))
			}
		}
	}
	w.row = append(b, '\n')
	if len(w.row) > w.buf.Available() { // a buffer that runs over would end in half a line
		if err := w.buf.Flush(); err != nil {
			return w.fault(err)
		}
	}
	_, err := w.buf.Write(w.row)
	return w.fault(err)
}

// appendCSV appends a row without its end, and counts the values in it.
func (w *Writer) appendCSV(b []byte, epoch, step int, values map[string]float64) (row []byte, found int) {
	b = strconv.AppendInt(b, int64(epoch), 10)
	b = strconv.AppendInt(append(b, ','), int64(step), 10)
	for _, c := range w.columns {
		b = append(b, ',')
		if v, ok := values[c]; ok {
			b = appendFloat(b, v)
			found++
		}
	}
	return b, found
}

// fault says which file an error is about, and what to do.
func (w *Writer) fault(err error) error {
	if err != nil {
		err = fmt.Errorf("metric: %w", atomicfile.Wrap(w.path, err))
	}
	return err
}

// appendFloat writes what Python's repr would, as far as NaN and infinities
// go, and otherwise the shortest number that parses back to v.
func appendFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "nan"...)
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// Flush writes the rows so far to the disk, so that they survive the end of the
// process and a power failure.
func (w *Writer) Flush() error {
	err := w.buf.Flush()
	if err == nil {
		err = w.file.Sync()
	}
	return w.fault(err)
}

// Close flushes and closes the file.
func (w *Writer) Close() error {
	err := w.Flush()
	if e := w.file.Close(); err == nil {
		err = w.fault(e)
	}
	return err
}
