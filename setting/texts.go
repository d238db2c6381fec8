package setting

import (
	"errors"
	"strings"
)

// Texts is a value that is a list of one-line texts, such as the layers of a
// network. An item begins with a letter and goes on with letters, digits,
// single spaces and _ . = + - / so that it needs no quotes anywhere.
type Texts interface {
	// Texts returns the items. The caller does not change them.
	Texts() []string
	// SetTexts takes other items, or returns an error and stays as it was. The
	// error says which item is at fault; it may be an [*Error] without a key.
	SetTexts(items []string) error
}

const hintItem = "an item begins with a letter and goes on with letters, digits, spaces and _.=+-/"

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// checkTexts checks how items are written. What they mean is checked when
// they are set.
func (s Setting) checkTexts(items []string) error {
	for _, item := range items {
		if strings.Trim(item, letters+"0123456789_.=+-/ ") != "" || !strings.ContainsAny(item[:min(1, len(item))], letters) ||
			strings.HasSuffix(item, " ") || strings.Contains(item, "  ") || strings.EqualFold(item, "null") {
			return &Error{Key: s.Key, Problem: Quote(item) + " cannot be an item of a list", Hint: hintItem}
		}
	}
	return nil
}

// splitTexts takes items apart that stand in one line: at commas, in brackets
// or without.
func splitTexts(line string) []string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") && len(line) > 1 {
		line = strings.TrimSpace(line[1 : len(line)-1])
	}
	if line == "" {
		return nil
	}
	return strings.Split(line, ",")
}

// setTexts gives s other items, in which blanks count as one space.
func (s Setting) setTexts(items []string) error {
	clean := make([]string, len(items))
	for i, item := range items {
		clean[i] = strings.Join(strings.Fields(item), " ")
	}
	if err := s.checkTexts(clean); err != nil {
		return err
	}
	err := s.Value.(Texts).SetTexts(clean)
	if err == nil {
		return nil
	}
	e := &Error{Key: s.Key, Problem: err.Error()}
	var own *Error
	if errors.As(err, &own) {
		e.Problem, e.Hint = own.Problem, own.Hint
	}
	return e
}
