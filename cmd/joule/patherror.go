package main

import (
	"errors"
	"io/fs"

	"github.com/joule-ml/joule/engine"
)

// A pathError is a file, a folder or a model that a command cannot use. Runs
// have [run.Error].
type pathError struct {
	path  string // or what the model is called
	fault string
	hint  string // what the user can do
	err   error  // the cause; may be nil
}

// Error tells the fault without the hint.
func (e *pathError) Error() string {
	text := e.path + ": " + e.fault
	var p *fs.PathError
	switch {
	case errors.As(e.err, &p): // which repeats the path
		text += ": " + p.Err.Error()
	case e.err != nil:
		text += ": " + e.err.Error()
	}
	return text
}

// Remedy says what the user can do.
func (e *pathError) Remedy() string { return e.hint }

func (e *pathError) Unwrap() error { return e.err }

// modelError says which model it was whose chains left the finite numbers, and
// returns other errors as they are. No training diverged, so the exit code is
// that of any failure.
func modelError(name string, err error) error {
	var bad *engine.NonFiniteError
	if errors.As(err, &bad) {
		return &pathError{path: name, fault: bad.Error(), hint: "take an earlier checkpoint, or fewer --steps"}
	}
	return err
}
