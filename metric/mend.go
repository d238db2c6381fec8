package metric

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/regular"
)

// A Row is what was measured at a step, by the names of the columns.
type Row struct {
	Epoch, Step int
	Values      map[string]float64
}

// Mend makes the CSV file at path fit for Append of the same columns and place,
// and says what was wrong with it, a sentence each. What the file lacks up to
// keepStep comes from the file of CreateJSON beside it, and after that from
// other, which is called where steps are still missing; it may be nil. What is
// there twice is dropped. A file that cannot be read, or not all of it, is kept
// under another name. One of more than 256 MiB is kept so too, and only the
// rows of validations are taken from it. Where nothing is wrong, no file changes.
//
// Steps before the first that any of the files knows are not missing: they are
// of the run that this one goes on from.
func Mend(path string, columns []string, keepStep int, validated bool, other func() ([]Row, error)) (notes []string, err error) {
	head, err := header(columns)
	if err != nil {
		return nil, in(path, err)
	}
	lines := strings.TrimSuffix(path, filepath.Ext(path)) + ".jsonl"
	if isSound(path, lines, head, keepStep) {
		return nil, nil
	}
	m := &mend{columns: columns, keep: keepStep, validated: validated, covered: map[int][]bool{}}
	if err := m.readCSV(path, head); err != nil {
		return nil, err
	}
	if err := m.readJSON(lines); err != nil {
		return nil, err
	}
	if m.gap() != "" && other != nil {
		rows, err := other()
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			m.add(r, &m.others)
		}
	}
	aside := ""
	if m.unread != "" {
		if aside, err = setAside(path); err != nil {
			return nil, err
		}
	}
	inOrder := func(a, b Row) int { // as they are written
		return cmp.Or(cmp.Compare(a.Step, b.Step), m.first(a)-m.first(b))
	}
	if m.unread == "" && m.twice+m.lines+m.others == 0 && slices.IsSortedFunc(m.rows, inOrder) {
		return m.notes(path, aside), nil
	}
	slices.SortStableFunc(m.rows, inOrder)
	err = atomicfile.Write(path, func(w io.Writer) error {
		if _, err := io.WriteString(w, head); err != nil {
			return err
		}
		csv := Writer{columns: columns}
		for _, r := range m.rows {
			csv.row, _ = csv.appendCSV(csv.row[:0], r.Epoch, r.Step, r.Values)
			if _, err := w.Write(append(csv.row, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return m.notes(path, aside), nil
}

// isSound reports whether Append can take a CSV file as it is: it has every
// step from 1 to keepStep in their order, and as many rows as the JSON file.
// It takes no memory, whatever their size.
func isSound(csv, lines, head string, keepStep int) bool {
	f, err := regular.Open(csv)
	if err != nil {
		return false
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() > maxFile {
		return false
	}
	s := newScanner(f)
	if s.header() != nil || s.text+"\n" != head {
		return false
	}
	names := strings.Split(s.text, ",")
	rows, step := 0, 0
	var covered []bool // at the step
	for s.next() {
		row, err := parseRow(names, s.text, s.line)
		if err != nil || row.step > keepStep {
			break
		}
		switch row.step {
		case step:
		case step + 1:
			step, covered = row.step, make([]bool, len(row.cells))
		default:
			return false
		}
		for i, c := range row.cells {
			if c.set && (covered == nil || covered[i]) {
				return false
			}
			covered[i] = covered[i] || c.set
		}
		rows++
	}
	return step == keepStep && rows >= countJSON(lines, keepStep)
}

// countJSON counts the lines of a JSON file up to a step, as far as they begin
// like ours.
func countJSON(path string, keepStep int) int {
	f, err := regular.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	n := 0
	for s := newScanner(io.LimitReader(f, 2*maxFile)); s.nextOrLonger(); {
		var epoch, step int
		if _, err := fmt.Sscanf(s.text, `{"epoch":%d,"step":%d`, &epoch, &step); err == nil && step <= keepStep {
			n++
		}
	}
	return n
}

// setAside renames a damaged file and returns its new path.
func setAside(path string) (string, error) {
	ext := filepath.Ext(path)
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.damaged-%d%s", strings.TrimSuffix(path, ext), n, ext)
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(path, aside); err != nil {
			return "", fmt.Errorf("metric: %w", err)
		}
		return aside, nil
	}
}

// A mend gathers rows from several files.
type mend struct {
	columns   []string
	keep      int            // the last step that counts
	validated bool           // also its validation
	rows      []Row          // up to it
	covered   map[int][]bool // the columns that a step has
	unread    string         // why the CSV file cannot be taken as it is
	twice     int            // rows of it that say what others have said
	lines     int            // rows from the JSON file
	others    int            // rows from elsewhere
}

// first returns the place of a row's first column.
func (m *mend) first(r Row) int {
	return slices.IndexFunc(m.columns, func(name string) bool { _, ok := r.Values[name]; return ok })
}

// add takes from a row what its step does not have yet, and counts where there
// was something. The row's values may be changed.
func (m *mend) add(r Row, count *int) {
	if r.Step > m.keep || r.Step == m.keep && !m.validated && slices.ContainsFunc(slices.Collect(maps.Keys(r.Values)), ofValidation) {
		return
	}
	covered := m.covered[r.Step]
	if covered == nil {
		covered = make([]bool, len(m.columns))
		m.covered[r.Step] = covered
	}
	maps.DeleteFunc(r.Values, func(name string, _ float64) bool {
		i := slices.Index(m.columns, name)
		return i < 0 || covered[i]
	})
	if len(r.Values) == 0 {
		return
	}
	for name := range r.Values {
		covered[slices.Index(m.columns, name)] = true
	}
	m.rows = append(m.rows, r)
	*count++
}

// readCSV takes the rows of the CSV file that can be read.
func (m *mend) readCSV(path, head string) error {
	f, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	lines := newScanner(f)
	names, columns, err := lines.names()
	if err != nil {
		m.unread = "is not a file of metrics"
		return notOurs(err)
	}
	large := st.Size() > maxFile
	switch {
	case large:
		m.unread = fmt.Sprintf("has more than %d MiB", maxFile>>20)
	case lines.text+"\n" != head:
		m.unread = "has other columns"
	}
	count, bad, reached := 0, 0, false
	for lines.nextOrLonger() {
		row, err := parseRow(names, lines.text, lines.line)
		if err != nil {
			if !reached { // what a power failure leaves behind the last row is cut off
				bad++
			}
			continue
		}
		reached = reached || row.step >= m.keep
		values := map[string]float64{}
		for i, c := range row.cells {
			if c.set && slices.Contains(m.columns, columns[i]) {
				values[columns[i]] = c.value
			}
		}
		if row.step > m.keep || large && !slices.ContainsFunc(Monitors(), func(name string) bool { _, ok := values[name]; return ok }) {
			continue
		}
		before, n := count, len(values)
		if m.add(Row{row.epoch, row.step, values}, &count); n > 0 && (count == before || len(values) < n) {
			m.twice++
		}
	}
	if bad > 0 && m.unread == "" {
		m.unread = "has lines that cannot be read: " + strconv.Itoa(bad)
	}
	return notOurs(lines.err)
}

// notOurs passes over the faults of a file, and returns those of the system.
func notOurs(err error) error {
	if errors.As(err, new(*Error)) {
		return nil
	}
	return err
}

// readJSON takes what the rows of the JSON file have beside the others. Lines
// that cannot be read are passed over: it is a copy.
func (m *mend) readJSON(path string) error {
	f, err := regular.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	defer f.Close()
	lines := newScanner(io.LimitReader(f, 2*maxFile))
	for lines.nextOrLonger() {
		var numbers map[string]any
		if json.Unmarshal([]byte(lines.text), &numbers) != nil {
			continue
		}
		r := Row{Values: map[string]float64{}}
		for name, value := range numbers {
			v, ok := number(value)
			switch {
			case !ok:
			case name == epochColumn:
				r.Epoch = int(v)
			case name == stepColumn:
				r.Step = int(v)
			default:
				r.Values[name] = v
			}
		}
		if r.Step > 0 {
			m.add(r, &m.lines)
		}
	}
	return notOurs(lines.err)
}

// number returns a number as appendJSONFloat writes it.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case string:
		x, err := strconv.ParseFloat(v, 64)
		return x, err == nil && (math.IsNaN(x) || math.IsInf(x, 0))
	}
	return 0, false
}

// gap lists the steps that are missing: "6 to 20, 31", "" where none is.
func (m *mend) gap() string {
	steps := slices.Sorted(maps.Keys(m.covered))
	steps = slices.DeleteFunc(steps, func(step int) bool { return !slices.Contains(m.covered[step], true) })
	const most = 5
	var list []string
	missing := func(from, to int) {
		switch {
		case len(list) == most:
			list = append(list, "…")
		case len(list) > most || from > to:
		case from == to:
			list = append(list, strconv.Itoa(from))
		default:
			list = append(list, fmt.Sprintf("%d to %d", from, to))
		}
	}
	if len(steps) == 0 {
		missing(1, m.keep)
		return strings.Join(list, ", ")
	}
	for i, step := range steps[1:] {
		missing(steps[i]+1, step-1)
	}
	missing(steps[len(steps)-1]+1, m.keep)
	return strings.Join(list, ", ")
}

// notes says what was wrong and what has become of it.
func (m *mend) notes(path, aside string) (list []string) {
	note := func(format string, a ...any) { list = append(list, path+" "+fmt.Sprintf(format, a...)) }
	if m.unread != "" {
		note("%s; it is kept as %s", m.unread, aside)
	}
	if m.twice > 0 {
		note("had rows twice, which are dropped: %d", m.twice)
	}
	if m.lines > 0 {
		note("lacked rows that metrics.jsonl had: %d", m.lines)
	}
	if m.others > 0 {
		note("lacked rows that the event files had: %d", m.others)
	}
	if gap := m.gap(); gap != "" {
		note("lacks the steps %s: nothing else has them", gap)
	}
	return list
}
