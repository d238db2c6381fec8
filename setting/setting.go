// Package setting describes the keys of a configuration: where each value
// lives, what it may be and what it means. A [List] of them reads YAML
// ([List.Parse]), key=value ([List.Set]) and the environment
// ([List.SetEnv]), checks all values ([List.Check]), and writes them back
// ([List.YAML]) with a JSON schema for editors ([List.Schema]).
//
// A package that has settings returns their List from a method Settings of
// its Config, with keys of its own; [List.Under] puts them into a section of
// a larger configuration.
package setting

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Setting is one key: a pointer to its value, the allowed range of a number
// or the allowed names, and a line on its meaning.
type Setting struct {
	Key    string   // "optimizer.learning_rate"
	Value  any      // *string, *int, *uint64, *float32, *float64 or a Texts
	Lo, Hi float64  // range of a number but *uint64, both included
	Names  []string // the allowed texts of a *string
	// Path, where not nil, says that a text is the path of a folder of images,
	// which will do as well as one of Names.
	Path func(text string) bool
	// Suggest, where not nil, returns the one of Names that is meant by another
	// text, or "".
	Suggest func(text string) string
	// Share says of a *float64 that a number below 1 is a share, which may be
	// written in percent, too.
	Share bool
	Auto  bool // an *int may be [Auto], too, which is written auto
	About string
}

// Auto is the value of a number that is chosen from other settings.
const Auto = -1

const auto = "auto" // as text

// section returns the part of the key before the dot, "" at the top, and name
// the part after it.
func (s Setting) section() string {
	section, _, ok := strings.Cut(s.Key, ".")
	if !ok {
		return ""
	}
	return section
}

func (s Setting) name() string { return s.Key[strings.LastIndexByte(s.Key, '.')+1:] }

const envPrefix = "JOULE_"

// Env returns the name of the environment variable that sets s:
// JOULE_OPTIMIZER_LEARNING_RATE.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// String returns the value as YAML writes it, and [Setting.Set] reads it.
func (s Setting) String() string {
	switch p := s.Value.(type) {
	case *string:
		return yamlText(*p)
	case *int:
		if s.Auto && *p == Auto {
			return auto
		}
		return strconv.Itoa(*p)
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *float32:
		return withPoint(formatFloat(float64(*p), 32))
	case *float64:
		return withPoint(formatFloat(*p, 64))
	case Texts:
		return "[" + strings.Join(p.Texts(), ", ") + "]"
	}
	panic(s.wrongType())
}

func (s Setting) wrongType() string {
	return fmt.Sprintf("setting: %s has a value of type %T", s.Key, s.Value)
}

// Allowed says what values s takes, "1 to 1000000"; "" where that is not said
// in a few words.
func (s Setting) Allowed() string {
	if s.Names != nil {
		allowed := strings.Join(s.Names, ", ")
		if s.Path != nil {
			allowed += ", a path"
		}
		return allowed
	}
	lo, _ := s.bounds()
	switch s.Value.(type) {
	case *int, *float32, *float64:
	case *uint64:
		return "a whole number from 0"
	default:
		return ""
	}
	if math.IsInf(s.Hi, 1) {
		return "from " + lo
	}
	return s.within()
}

// within says which numbers are allowed.
func (s Setting) within() string {
	lo, hi := s.bounds()
	if s.Auto {
		return fmt.Sprintf("%s to %s, or %s", lo, hi, auto)
	}
	return fmt.Sprintf("%s to %s", lo, hi)
}

// bounds returns the ends of the range as text.
func (s Setting) bounds() (lo, hi string) {
	switch s.Value.(type) {
	case *int:
		return strconv.Itoa(int(s.Lo)), strconv.Itoa(int(s.Hi))
	case *uint64:
		return "0", strconv.FormatUint(math.MaxUint64, 10)
	}
	return formatFloat(s.Lo, 64), formatFloat(s.Hi, 64)
}

// MarshalJSON writes the value: a number, a list of strings, or a string for
// text and for infinity, which JSON has no number for.
func (s Setting) MarshalJSON() ([]byte, error) {
	switch p := s.Value.(type) {
	case *string:
		return json.Marshal(*p)
	case Texts:
		return json.Marshal(append([]string{}, p.Texts()...)) // [] rather than null
	}
	text := s.String()
	if json.Valid([]byte(text)) {
		return []byte(text), nil
	}
	return json.Marshal(text)
}

// Plain returns the value itself, as a table of hyperparameters takes it: a
// string, int, uint64 or float64.
func (s Setting) Plain() any {
	switch p := s.Value.(type) {
	case *string:
		return *p
	case *int:
		return *p
	case *uint64:
		return *p
	case *float32:
		// The shortest decimal number, not float64's rendering of float32.
		v, err := strconv.ParseFloat(strconv.FormatFloat(float64(*p), 'g', -1, 32), 64)
		if err != nil {
			panic("setting: " + err.Error()) // FormatFloat wrote it
		}
		return v
	case *float64:
		return *p
	case Texts:
		return strings.Join(p.Texts(), ", ")
	}
	panic(s.wrongType())
}

// Check reports a value outside of what is allowed, as an [*Error].
func (s Setting) Check() error {
	var v float64
	switch p := s.Value.(type) {
	case *string:
		return s.checkText(*p)
	case Texts:
		return s.checkTexts(p.Texts())
	case *uint64:
		return nil
	case *int:
		v = float64(*p)
	case *float32:
		v = float64(*p)
	case *float64:
		v = *p
	default:
		panic(s.wrongType())
	}
	if s.Auto && v == Auto {
		return nil
	}
	if !(v >= s.Lo && v <= s.Hi) { // so that NaN is refused
		return s.outOfRange(s.String())
	}
	return nil
}

// maxPath is more than systems allow.
const maxPath = 4096

// checkText checks a name or a path. Whether there is a folder at the path is
// for loading to find out: a model may have come from another machine.
func (s Setting) checkText(text string) error {
	if slices.Contains(s.Names, text) {
		return nil
	}
	if s.Path == nil || !s.Path(text) {
		return s.notNamed(text)
	}
	odd := func(r rune) bool { return !unicode.IsGraphic(r) }
	if len(text) > maxPath || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) || strings.TrimSpace(text) != text {
		return &Error{Key: s.Key, Problem: Quote(text) + " cannot be written as a setting", Hint: "rename the folder to a name of printable characters"}
	}
	return nil
}

func (s Setting) notNamed(value string) error {
	e := &Error{Key: s.Key, Problem: fmt.Sprintf("%s is not one of %s", Quote(value), strings.Join(s.Names, ", ")), Hint: s.meaning()}
	near := Nearest(value, s.Names)
	if s.Suggest != nil {
		near = s.Suggest(value)
	}
	if near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if s.Path != nil && value != "" {
		e.Hint = "for a folder of images, write its path with a slash: ./" + value
	}
	return e
}

func (s Setting) outOfRange(value string) error {
	return &Error{Key: s.Key, Problem: fmt.Sprintf("%s is not within %s", value, s.within()), Hint: s.meaning()}
}

// meaning is what can be said of a value that does not fit.
func (s Setting) meaning() string {
	if s.About == "" {
		return "choose another value"
	}
	return "it means: " + s.About
}

// Set parses text into the value. Numbers are decimal, with underscores between
// digits where one likes. On an error, which is an [*Error], the value stays as
// it was.
func (s Setting) Set(text string) error {
	bad := func(err error, want string) error {
		if errors.Is(err, strconv.ErrRange) {
			return s.outOfRange(Quote(text))
		}
		return &Error{Key: s.Key, Problem: Quote(text) + " is not " + want, Hint: s.meaning()}
	}
	switch p := s.Value.(type) {
	case *string:
		return put(s, p, text)
	case Texts:
		return s.setTexts(splitTexts(text))
	}
	if plain, ok := withoutZeros(text); ok {
		return &Error{Key: s.Key, Problem: Quote(text) + " begins with a zero, so it is octal to some programs", Hint: "write " + plain}
	}
	text = withoutUnderscores(text)
	switch p := s.Value.(type) {
	case *int:
		if s.Auto && text == auto {
			return put(s, p, Auto)
		}
		v, err := strconv.ParseInt(text, 10, 0)
		if err != nil {
			return bad(err, "a whole number")
		}
		if s.Auto && v == Auto { // it has one form
			return s.outOfRange(Quote(text))
		}
		return put(s, p, int(v))
	case *uint64:
		v, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 64)
		if err != nil {
			return bad(err, "a whole number from 0")
		}
		return put(s, p, v)
	case *float32:
		v, err := parseFloat(text, 32)
		if err != nil {
			return bad(err, "a number")
		}
		return put(s, p, float32(v))
	case *float64:
		percent, share := strings.CutSuffix(text, "%")
		v, err := parseFloat(strings.TrimSpace(percent), 64)
		switch {
		case share && !s.Share, err != nil:
			return bad(err, "a number")
		case share && !(v >= 0 && v < 100):
			return &Error{Key: s.Key, Problem: Quote(text) + " is not a share from 0% to below 100%", Hint: "write 10% or 0.1 for a tenth"}
		case share:
			v /= 100
		}
		return put(s, p, v)
	}
	panic(s.wrongType())
}

// put changes the value of s, which p points to, to v if that is allowed.
func put[T any](s Setting, p *T, v T) error {
	old := *p
	*p = v
	err := s.Check()
	if err != nil {
		*p = old
	}
	return err
}
