package metric

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/internal/regular"
)

// maxFile bounds the files that Read takes. At 150 bytes a row it is a run of
// 1.7 million steps.
const maxFile = 256 << 20

// A Table is what a file of metrics holds.
type Table struct {
	Series []Series // in the order of the columns
}

// A Series is a column without its blanks: Value[i] was measured at Step[i]
// in epoch Epoch[i].
type Series struct {
	Name        string
	Epoch, Step []int
	Value       []float64
}

// Get returns the named series; it is empty if there is none.
func (t *Table) Get(name string) Series {
	for _, s := range t.Series {
		if s.Name == name {
			return s
		}
	}
	return Series{Name: name}
}

// Read reads the file at path. It may be read while a run appends to it: a
// last line without its end does not count. Columns may come in any order, as
// they do in the files of PyTorch Lightning; an epoch may be missing and is
// then 0.
func Read(path string) (*Table, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	defer f.Close()
	t, err := Decode(f)
	if err != nil {
		return nil, in(path, err)
	}
	return t, nil
}

// Decode reads what Read does from r.
func Decode(r io.Reader) (*Table, error) {
	limited := &io.LimitedReader{R: r, N: maxFile + 1}
	lines := newScanner(limited)
	names, columns, err := lines.names()
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, name := range columns {
		t.Series = append(t.Series, Series{Name: name})
	}
	for lines.next() {
		row, err := parseRow(names, lines.text, lines.line)
		if err != nil {
			return nil, err
		}
		for i, cell := range row.cells {
			if cell.set {
				s := &t.Series[i]
				s.Epoch = append(s.Epoch, row.epoch)
				s.Step = append(s.Step, row.step)
				s.Value = append(s.Value, cell.value)
			}
		}
	}
	if limited.N == 0 {
		return nil, &Error{Fault: fmt.Sprintf("more than %d bytes", maxFile), Hint: "read a part of the file"}
	}
	if lines.err != nil {
		return nil, lines.err
	}
	return t, nil
}

type row struct {
	epoch, step int
	cells       []cell // of the columns other than epoch and step
}

type cell struct {
	value float64
	set   bool
}

// isValidation reports whether a row of a file with columns of all these names was
// written after a validation.
func (r row) isValidation(names []string) bool {
	i := 0
	for _, name := range names {
		if name == stepColumn || name == epochColumn {
			continue
		}
		if r.cells[i].set && ofValidation(name) {
			return true
		}
		i++
	}
	return false
}

// ofValidation reports whether a column is of the end of an epoch.
func ofValidation(name string) bool {
	return name == Column(Outliers) || slices.Contains(Monitors(), name)
}

func parseRow(names []string, text string, line int) (r row, err error) {
	r.cells = make([]cell, 0, len(names))
	rest, more := text, true
	for i, name := range names {
		if !more {
			return r, damaged(line, "%d columns, not %d", i, len(names))
		}
		var field string
		field, rest, more = strings.Cut(rest, ",")
		switch {
		case name == stepColumn || name == epochColumn && field != "":
			n, err := strconv.Atoi(field)
			if err != nil {
				return r, damaged(line, "%s is %.100q, not a whole number", name, field)
			}
			if name == stepColumn {
				r.step = n
			} else {
				r.epoch = n
			}
		case name == epochColumn:
		case field == "":
			r.cells = append(r.cells, cell{})
		default:
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return r, damaged(line, "%s is %.100q, not a number", name, field)
			}
			r.cells = append(r.cells, cell{v, true})
		}
	}
	if more {
		return r, damaged(line, "more than %d columns", len(names))
	}
	return r, nil
}

func damaged(line int, format string, args ...any) *Error {
	return &Error{
		Line:  line,
		Fault: fmt.Sprintf(format, args...),
		Hint:  "the file is damaged or not one of metrics: mend or remove that line, or remove the file",
	}
}

// A scanner reads whole lines of at most maxLine bytes.
type scanner struct {
	r    *bufio.Reader
	line int
	text string // without its end
	err  error
}

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReaderSize(r, maxLine)} }

// next reads a line. It is false at the end, after a last line without its
// end, and after an error.
func (s *scanner) next() bool {
	b, err := s.r.ReadSlice('\n')
	switch {
	case err == io.EOF:
		return false
	case errors.Is(err, bufio.ErrBufferFull):
		s.err = damaged(s.line+1, "longer than %d bytes", maxLine)
		return false
	case err != nil:
		s.err = fmt.Errorf("metric: %w", err)
		return false
	}
	s.line++
	s.text = strings.TrimSuffix(string(b[:len(b)-1]), "\r")
	return true
}

// nextOrLonger is next that passes over lines which are too long. They come as
// a text that is no row.
func (s *scanner) nextOrLonger() bool {
	if s.next() {
		return true
	}
	if !errors.As(s.err, new(*Error)) {
		return false
	}
	s.err, s.text = nil, ""
	s.line++
	for {
		switch _, err := s.r.ReadSlice('\n'); {
		case err == nil:
			return true
		case err == io.EOF:
			return false
		case !errors.Is(err, bufio.ErrBufferFull):
			s.err = fmt.Errorf("metric: %w", err)
			return false
		}
	}
}

// header reads the first line, which must be there.
func (s *scanner) header() error {
	if !s.next() && s.err == nil {
		s.err = damaged(1, "no header")
	}
	return s.err
}

// names reads the first line: the names of all columns, and those of the ones
// other than epoch and step.
func (s *scanner) names() (all, columns []string, err error) {
	if err := s.header(); err != nil {
		return nil, nil, err
	}
	all = strings.Split(strings.TrimPrefix(s.text, "\ufeff"), ",") // spreadsheets write a byte order mark
	if name, ok := distinct(all); !ok {
		return nil, nil, damaged(1, "a column cannot be named %.100q, or only one", name)
	}
	if !slices.Contains(all, stepColumn) {
		return nil, nil, damaged(1, "no column named step")
	}
	for _, name := range all {
		if name != epochColumn && name != stepColumn {
			columns = append(columns, name)
		}
	}
	return all, columns, nil
}
