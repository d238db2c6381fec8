// Package metric keeps the numbers of a training run in a CSV file, as
// PyTorch Lightning's CSVLogger does: a row has an epoch, a step and the
// numbers of the moment; what was not measured then is blank. Start with
// Create and Read; CreateJSON keeps the same rows as JSON beside it.
package metric

import (
	"errors"
	"fmt"
	"strings"
)

// The first two columns of every file.
const (
	epochColumn = "epoch"
	stepColumn  = "step"
)

// maxLine bounds a line of a file, and with it the number of columns.
const maxLine = 64 << 10

// An Error is a file of metrics that is not as it should be.
type Error struct {
	Path  string // empty when not read from a file
	Line  int    // 0 if the fault lies with no line
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	s := "metric: "
	if e.Path != "" {
		s += e.Path + ": "
	}
	if e.Line > 0 {
		s += fmt.Sprintf("line %d: ", e.Line)
	}
	return s + e.Fault
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// in names the file in an *Error that does not know it.
func in(path string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Path == "" {
		e.Path = path
	}
	return err
}

// header returns the first line of a file with the given columns.
func header(columns []string) (string, error) {
	names := append([]string{epochColumn, stepColumn}, columns...)
	if name, ok := distinct(names); !ok {
		return "", &Error{Fault: fmt.Sprintf("a column cannot be named %.100q, or only one", name)}
	}
	line := strings.Join(names, ",") + "\n"
	if len(line) > maxLine {
		return "", &Error{Fault: fmt.Sprintf("names of columns take %d bytes, at most %d", len(line), maxLine)}
	}
	return line, nil
}

// distinct tells whether no name appears twice and none needs quoting in a CSV
// file; if not, it returns one of those.
func distinct(names []string) (string, bool) {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, ",\"\r\n") || strings.TrimSpace(name) != name || seen[name] {
			return name, false
		}
		seen[name] = true
	}
	return "", true
}
