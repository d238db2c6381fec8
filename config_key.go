package joule

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/joule-ml/joule/dataset"
)

// A setting is one key of the configuration: a pointer to its value, the
// allowed range of a number or the allowed names, and a line on its meaning.
type setting struct {
	key    string
	value  any // *string, *int, *uint64, *float32 or *float64
	lo, hi float64
	names  []string
	paths  bool // the path of a folder will do for a name
	about  string
}

// section returns the part of the key before the dot, "" at the top.
func (s setting) section() string {
	section, _, ok := strings.Cut(s.key, ".")
	if !ok {
		return ""
	}
	return section
}

// env returns the name of the environment variable of s.
func (s setting) env() string {
	return "JOULE_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// String returns the value as YAML writes it.
func (s setting) String() string {
	switch p := s.value.(type) {
	case *string:
		return yamlText(*p)
	case *int:
		return strconv.Itoa(*p)
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *float32:
		return withPoint(formatFloat(float64(*p), 32))
	case *float64:
		return withPoint(formatFloat(*p, 64))
	}
	panic(fmt.Sprintf("joule: setting of type %T", s.value))
}

// formatFloat writes v with as few digits as give it back, and infinity as
// YAML does.
func formatFloat(v float64, bits int) string {
	switch {
	case math.IsInf(v, 1):
		return ".inf"
	case math.IsInf(v, -1):
		return "-.inf"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// withPoint writes 1e-08 as 1.0e-08, without which YAML 1.1, PyYAML's, takes
// it for text.
func withPoint(number string) string {
	if mantissa, exponent, ok := strings.Cut(number, "e"); ok && !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exponent
	}
	return number
}

// check reports a value outside of what is allowed.
func (s setting) check() error {
	var v float64
	switch p := s.value.(type) {
	case *string:
		return s.checkText(*p)
	case *uint64:
		return nil
	case *int:
		v = float64(*p)
	case *float32:
		v = float64(*p)
	case *float64:
		v = *p
	}
	if !(v >= s.lo && v <= s.hi) { // so that NaN is refused
		return s.outOfRange(s.String())
	}
	return nil
}

// maxPath is more than systems allow.
const maxPath = 4096

// checkText checks a name or a path. Whether there is a folder at the path is
// for loading to find out: a model may have come from another machine.
func (s setting) checkText(text string) error {
	if slices.Contains(s.names, text) {
		return nil
	}
	if !s.paths || !dataset.IsPath(text) {
		return s.notNamed(text)
	}
	odd := func(r rune) bool { return !unicode.IsGraphic(r) }
	if len(text) > maxPath || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) || strings.TrimSpace(text) != text {
		return &ConfigError{Key: s.key, Problem: quoteShort(text) + " cannot be written as a setting", Hint: "rename the folder to a name of printable characters"}
	}
	return nil
}

// yamlText writes a text, which is one line of printable characters, in quotes
// unless it is a word or a plain path.
func yamlText(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-"
	if text != "" && strings.Trim(text, plain) == "" && strings.Trim(text, "0123456789_.-") != "" && !strings.HasPrefix(text, "-") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

func (s setting) notNamed(value string) error {
	e := &ConfigError{Key: s.key, Problem: fmt.Sprintf("%s is not one of %s", quoteShort(value), strings.Join(s.names, ", "))}
	if near := nearest(value, s.names); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if s.paths && value != "" {
		e.Hint = "for a folder of images, write its path with a slash: ./" + value
	}
	return e
}

func (s setting) outOfRange(value string) error {
	lo, hi := formatFloat(s.lo, 64), formatFloat(s.hi, 64)
	switch s.value.(type) {
	case *int:
		lo, hi = strconv.Itoa(int(s.lo)), strconv.Itoa(int(s.hi))
	case *uint64:
		hi = strconv.FormatUint(math.MaxUint64, 10)
	}
	return &ConfigError{Key: s.key, Problem: fmt.Sprintf("%s is not within %s to %s", value, lo, hi)}
}

// set parses text into the value and checks it.
func (s setting) set(text string) error {
	bad := func(err error, want string) error {
		if errors.Is(err, strconv.ErrRange) {
			return s.outOfRange(quoteShort(text))
		}
		return &ConfigError{Key: s.key, Problem: quoteShort(text) + " is not " + want}
	}
	switch p := s.value.(type) {
	case *string:
		*p = text
	case *int:
		v, err := strconv.ParseInt(text, 10, 0)
		if err != nil {
			return bad(err, "a whole number")
		}
		*p = int(v)
	case *uint64:
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return bad(err, "a whole number from 0")
		}
		*p = v
	case *float32:
		v, err := parseFloat(text, 32)
		if err != nil {
			return bad(err, "a number")
		}
		*p = float32(v)
	case *float64:
		v, err := parseFloat(text, 64)
		if err != nil {
			return bad(err, "a number")
		}
		*p = v
	}
	return s.check()
}

// parseFloat reads a decimal number, or infinity as YAML writes it.
func parseFloat(text string, bits int) (float64, error) {
	switch strings.ToLower(text) {
	case ".inf", "+.inf", "inf", "+inf":
		return math.Inf(1), nil
	case "-.inf", "-inf":
		return math.Inf(-1), nil
	}
	if strings.Trim(text, "0123456789+-.eE") != "" { // no hexadecimal, no NaN
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, bits)
}

// quoteShort quotes text, cut to a length that fits into an error.
func quoteShort(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}

// Set changes one value given as "key=value", for example
// "optimizer.learning_rate=1e-3". On an error c is unchanged.
func (c *Config) Set(assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || key == "" {
		return &ConfigError{Problem: quoteShort(assignment) + " is not an assignment", Hint: "write key=value, for example epochs=3"}
	}
	next := *c
	for _, s := range next.settings() {
		if s.key == key {
			if err := s.set(value); err != nil {
				return err
			}
			*c = next
			return nil
		}
	}
	return unknownKey("", key)
}

// SetEnv applies the JOULE_* variables of environ ("NAME=value" each, as
// os.Environ gives them): optimizer.learning_rate is
// JOULE_OPTIMIZER_LEARNING_RATE. Empty ones count as not set. A JOULE_*
// variable that is neither a key nor among others is an error, so that a
// misspelt one is not silently without effect.
func (c *Config) SetEnv(environ []string, others ...string) error {
	next := *c
	known := slices.Clone(others)
	byName := map[string]setting{}
	for _, s := range next.settings() {
		byName[s.env()] = s
		known = append(known, s.env())
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "JOULE_") || value == "" {
			continue
		}
		s, ok := byName[name]
		if !ok {
			if slices.Contains(others, name) {
				continue
			}
			e := &ConfigError{Place: "environment", Problem: "unknown variable " + strconv.Quote(name), Hint: "unset it"}
			if near := nearest(name, known); near != "" {
				e.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			return e
		}
		if err := s.set(value); err != nil {
			return at(name, err)
		}
	}
	*c = next
	return nil
}

// at adds the place of a value to the error about it.
func at(place string, err error) error {
	var e *ConfigError
	if errors.As(err, &e) {
		located := *e
		located.Place = place
		return &located
	}
	return fmt.Errorf("%s: %w", place, err)
}

// YAML returns c as a file that [ParseConfig] reads back, each key with a
// comment on its meaning and on what is allowed.
func (c Config) YAML() []byte {
	var b bytes.Buffer
	section := ""
	for _, s := range c.settings() {
		name, indent := s.key, ""
		if now := s.section(); now != "" {
			if now != section {
				fmt.Fprintf(&b, "%s:\n", now)
			}
			section, name, indent = now, s.key[len(now)+1:], "  "
		}
		about := s.about
		if allowed := s.allowed(); s.names == nil && allowed != "" {
			about += " [" + allowed + "]"
		}
		fmt.Fprintf(&b, "%-31s # %s\n", indent+name+": "+s.String(), about)
	}
	return b.Bytes()
}

// unknownKey is the error for a key that no setting has, with the nearest
// one that exists.
func unknownKey(place, key string) error {
	var c Config
	var known []string
	for _, s := range c.settings() {
		if s.section() == key {
			return &ConfigError{Place: place, Key: key, Problem: "is a group of keys, not a value", Hint: "keys are written " + s.key + " and so on"}
		}
		known = append(known, s.key)
		if section := s.section(); section != "" && !slices.Contains(known, section) {
			known = append(known, section)
		}
	}
	e := &ConfigError{Place: place, Problem: "unknown key " + quoteShort(key), Hint: "joule train --print-config lists all keys"}
	if near := nearest(key, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}

// nearest returns the known word closest to word by edit distance, also
// comparing the last parts of dotted keys; "" if nothing is close.
func nearest(word string, known []string) string {
	const longest = 100 // more is no slip of the finger, and the distance is quadratic
	if len(word) > longest {
		return ""
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	best, least := "", math.MaxInt
	for _, k := range known {
		d := editDistance(word, k)
		if strings.Contains(k, ".") {
			// A key under another section is one slip more than the same
			// key misspelt in its place.
			d = min(d, editDistance(last(word), last(k))+1)
		}
		if d < least && d <= max(2, len(last(k))/3) {
			best, least = k, d
		}
	}
	return best
}

// editDistance is Levenshtein's distance over bytes, with the swap of two
// neighbours counted as one edit.
func editDistance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
