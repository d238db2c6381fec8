package setting

import (
	"errors"
	"fmt"
	"strings"
)

// An Error is a setting that cannot be used, and how to mend it.
type Error struct {
	Place   string // "run.yaml:3:5", "JOULE_EPOCHS", "--set"; may be empty
	Key     string // may be empty
	Problem string
	Hint    string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Place != "" {
		b.WriteString(e.Place + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// at adds the place of a value to the error about it.
func at(place string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		located := *e
		located.Place = place
		return &located
	}
	return fmt.Errorf("%s: %w", place, err)
}

// Under puts a section before the key of an [*Error], as [List.Under] does for
// the settings. Other errors and nil are returned as they are.
func Under(section string, err error) error {
	if e, ok := err.(*Error); ok {
		moved := *e
		moved.Key = section + "." + e.Key
		return &moved
	}
	return err
}
