package dataset

import (
	"errors"
	"io/fs"
	"strings"
)

// An Error is a fault in the data, or in the way to it, that a user can mend.
type Error struct {
	File string // the file, folder or data set at fault; may be empty
	What string // what is wrong with it
	Hint string // what to do about it
	Err  error  // the cause, where another error tells it; may be nil
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("dataset: ")
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	b.WriteString(e.What)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

func (e *Error) Unwrap() error { return e.Err }

// reasons joins several causes into one line.
type reasons []error

func (r reasons) Error() string {
	s := make([]string, len(r))
	for i, err := range r {
		s[i] = strings.TrimPrefix(err.Error(), "dataset: ")
	}
	return strings.Join(s, "; ")
}

func (r reasons) Unwrap() []error { return r }

// within names the file that an error of reading it is about.
func within(err error, path string) error {
	if e, ok := err.(*Error); ok && e.File == "" {
		named := *e
		named.File, named.Err = path, plain(e.Err)
		return &named
	}
	return err
}

// plain takes the path out of an error that tells it again.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
