package setting

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A List is the settings of a configuration in the order in which they are
// written, those of a section together. Sections are one level deep.
type List []Setting

// Under returns the list with its keys in a section: steps becomes
// sampler.steps.
func (l List) Under(section string) List {
	moved := slices.Clone(l)
	for i := range moved {
		moved[i].Key = section + "." + moved[i].Key
	}
	return moved
}

// Find returns the setting of a key.
func (l List) Find(key string) (Setting, bool) {
	i := slices.IndexFunc(l, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return Setting{}, false
	}
	return l[i], true
}

// Check reports the first value that is out of range, as an [*Error] that
// names the key, the value and what is allowed.
func (l List) Check() error {
	for _, s := range l {
		if err := s.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Set changes one value given as "key=value", for example
// "optimizer.learning_rate=1e-3". The items of a list stand between commas. On
// an error nothing is changed.
func (l List) Set(assignment string) error {
	key, value, ok := strings.Cut(assignment, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok || key == "" {
		return &Error{Problem: Quote(assignment) + " is not an assignment", Hint: "write key=value, for example epochs=3"}
	}
	s, ok := l.Find(key)
	if !ok {
		return l.unknown("", key)
	}
	return s.Set(value)
}

// SetEnv applies the JOULE_* variables of environ ("NAME=value" each, as
// os.Environ gives them), see [Setting.Env]. Empty ones count as not set. A
// JOULE_* variable that is neither a key's nor among others is an error, so
// that a misspelt one is not silently without effect. On an error the
// variables before it have been applied.
func (l List) SetEnv(environ []string, others ...string) error {
	known := slices.Clone(others)
	byName := map[string]Setting{}
	for _, s := range l {
		byName[s.Env()] = s
		known = append(known, s.Env())
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" {
			continue
		}
		s, ok := byName[name]
		if !ok {
			if slices.Contains(others, name) {
				continue
			}
			e := &Error{Place: "environment", Problem: "unknown variable " + strconv.Quote(name), Hint: "unset it"}
			if near := cmp.Or(l.meantEnv(name), Nearest(name, known)); near != "" {
				e.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			return e
		}
		if err := s.Set(value); err != nil {
			return at(name, err)
		}
	}
	return nil
}

// YAML returns the values as a file that [List.Parse] reads back, each key
// with a comment on its meaning and on what is allowed.
func (l List) YAML() []byte {
	var b bytes.Buffer
	section := ""
	for _, s := range l {
		indent := ""
		if now := s.section(); now != "" {
			if now != section {
				fmt.Fprintf(&b, "%s:\n", now)
			}
			section, indent = now, "  "
		}
		about, value := s.About, " "+s.String()
		if allowed := s.Allowed(); s.Names == nil && allowed != "" {
			about += " [" + allowed + "]"
		}
		var items []string
		if texts, ok := s.Value.(Texts); ok {
			if items = texts.Texts(); len(items) > 0 {
				value = ""
			}
		}
		fmt.Fprintf(&b, "%-31s # %s\n", indent+s.name()+":"+value, about)
		for _, item := range items {
			fmt.Fprintf(&b, "%s  - %s\n", indent, item)
		}
	}
	return b.Bytes()
}

// A Difference is a key to which two lists give other values.
type Difference struct {
	Key  string
	A, B Setting
}

// Diff lists the keys in which l and m differ. A is the setting of l, B that of
// m. Both have the same keys in the same order.
func (l List) Diff(m List) []Difference {
	var list []Difference
	for i, s := range l {
		if s.Key != m[i].Key {
			panic("setting: Diff of lists of other keys")
		}
		if s.String() != m[i].String() {
			list = append(list, Difference{s.Key, s, m[i]})
		}
	}
	return list
}

// unknown is the error for a key that no setting has, with the nearest one
// that exists.
func (l List) unknown(place, key string) error {
	var known []string
	for _, s := range l {
		if s.section() == key {
			return &Error{Place: place, Key: key, Problem: "is a group of keys, not a value", Hint: "keys are written " + s.Key + " and so on"}
		}
		known = append(known, s.Key)
		if section := s.section(); section != "" && !slices.Contains(known, section) {
			known = append(known, section)
		}
	}
	e := &Error{Place: place, Problem: "unknown key " + Quote(key), Hint: "joule train --print-config lists all keys"}
	if s, ok := l.Meant(key); ok {
		e.Hint = fmt.Sprintf("did you mean %q?", s.Key)
	} else if near := Nearest(key, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}
