package joule

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Setting is one key of a [Config]: its value and what may be said of it.
type Setting struct {
	Key     string   // "optimizer.learning_rate"
	Value   string   // as YAML writes it
	Env     string   // the environment variable that sets it
	About   string   // a line on its meaning
	Allowed string   // "1 to 1000000"
	Names   []string // the allowed values, where they are names
	text    *string  // the value, where it is no number
}

// Settings lists every key of c with its value, in the order of the file.
func (c Config) Settings() []Setting {
	var list []Setting
	for _, s := range c.settings() {
		text, _ := s.value.(*string)
		list = append(list, Setting{
			Key: s.key, Value: s.String(), Env: s.env(), About: s.about, Allowed: s.allowed(), Names: s.names, text: text,
		})
	}
	return list
}

// MarshalJSON writes the value: a number, or a string for text and for
// infinity, which JSON has no number for.
func (s Setting) MarshalJSON() ([]byte, error) {
	switch {
	case s.text != nil:
		return json.Marshal(*s.text)
	case json.Valid([]byte(s.Value)):
		return []byte(s.Value), nil
	}
	return json.Marshal(s.Value)
}

// A Difference is a key to which two configurations give other values.
type Difference struct {
	Key  string
	A, B Setting
}

// Diff lists the keys in which c, the A of each, and d differ.
func (c Config) Diff(d Config) []Difference {
	var list []Difference
	other := d.Settings()
	for i, s := range c.Settings() {
		if s.Value != other[i].Value {
			list = append(list, Difference{s.Key, s, other[i]})
		}
	}
	return list
}

// allowed says what values s takes.
func (s setting) allowed() string {
	if s.names != nil {
		allowed := strings.Join(s.names, ", ")
		if s.paths {
			allowed += ", a path"
		}
		return allowed
	}
	lo, hi := formatFloat(s.lo, 64), formatFloat(s.hi, 64)
	switch s.value.(type) {
	case *int:
		lo, hi = strconv.Itoa(int(s.lo)), strconv.Itoa(int(s.hi))
	case *float32, *float64:
	case *uint64:
		return "a whole number from 0"
	default:
		return ""
	}
	if math.IsInf(s.hi, 1) {
		return "from " + lo
	}
	return fmt.Sprintf("%s to %s", lo, hi)
}
