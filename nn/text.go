package nn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxText bounds the length of a layer's text, which is far shorter.
const maxText = 200

// String returns the layer as ParseLayer reads it, such as "linear 64" or
// "conv2d 16 kernel=5 stride=2 padding=4". What is standard is left out.
func (l LayerSpec) String() string {
	text := l.Type
	k, _ := kindOf(l.Type)
	for _, s := range k.sizes {
		v := s.get(l)
		switch {
		case s.bare:
			text += " " + s.format(v)
		case !s.optional || v != s.standard:
			text += " " + s.name + "=" + s.format(v)
		}
	}
	return text
}

// form says how a layer of the kind is written.
func (k kind) form() string {
	text := k.name
	for _, s := range k.sizes {
		switch {
		case s.bare:
			text += " " + strings.ToUpper(s.name)
		case s.optional:
			text += " [" + s.name + "=N]"
		default:
			text += " " + s.name + "=N"
		}
	}
	return text
}

// ParseLayer reads a layer as String writes it: its type, the number of
// outputs where it has one, and further sizes as name=value in any order. Of a
// convolution stride is 1 and padding 0 where they are left out. The error is a
// [*LayerError]. Whether the layer fits its input is for [Spec.Validate].
func ParseLayer(text string) (LayerSpec, error) {
	fail := func(want, format string, a ...any) (LayerSpec, error) {
		return LayerSpec{}, &LayerError{Text: shorten(text), Problem: fmt.Sprintf(format, a...), Want: want}
	}
	words := strings.Fields(text)
	switch {
	case len(text) > maxText:
		return fail("write a type and its sizes", "longer than %d bytes", maxText)
	case len(words) == 0:
		return fail("the types are "+kindNames(), "empty")
	}
	k, ok := kindOf(words[0])
	if !ok {
		want := "the types are " + kindNames()
		if near := nearestKind(words[0]); near != "" {
			want = "did you mean " + near + "? " + want
		}
		return fail(want, "unknown type")
	}
	l, given := LayerSpec{Type: k.name}, make([]bool, len(k.sizes))
	for _, word := range words[1:] {
		i, value := k.find(word)
		if i < 0 {
			return fail("write "+k.form(), "%s is not part of it", quote(word))
		}
		s := k.sizes[i]
		if given[i] && s.bare {
			return fail("write "+k.form(), "%s has no name", quote(word))
		}
		if given[i] {
			return fail("write "+k.form(), "%s is given twice", s.name)
		}
		v, ok := s.parse(value)
		if !ok {
			return fail("write "+k.form(), "%s %s is not %s", s.name, quote(value), s.want())
		}
		s.set(&l, v)
		given[i] = true
	}
	for i, s := range k.sizes {
		if !given[i] && !s.optional {
			return fail("write "+k.form(), "%s is missing", s.name)
		}
		if !given[i] {
			s.set(&l, s.standard)
		}
	}
	return l, nil
}

// find returns the index of the size that a word gives and its value, −1 where
// it is none of the kind's.
func (k kind) find(word string) (index int, value string) {
	name, value, named := strings.Cut(word, "=")
	if !named {
		name, value = "", word
	}
	return slices.IndexFunc(k.sizes, func(s size) bool {
		return s.bare && !named || !s.bare && s.name == name
	}), value
}

// A LayerError is a text that describes no layer.
type LayerError struct {
	Text    string // cut to a length that fits into an error
	Problem string // what is wrong with it
	Want    string // what to write instead
}

// Error tells the text, the fault and how to mend it.
func (e *LayerError) Error() string {
	return fmt.Sprintf("nn: layer %s: %s; %s", quote(e.Text), e.Problem, e.Want)
}

// quote marks where a text begins and ends.
func quote(text string) string {
	text = shorten(text)
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// shorten cuts a text to a length that fits into an error.
func shorten(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// nearestKind returns the type that a misspelt word was likely meant to be, ""
// where none is near.
func nearestKind(word string) string {
	best, least := "", 3 // slips
	if len(word) > maxText {
		return ""
	}
	for _, k := range kinds {
		if d := levenshtein(strings.ToLower(word), k.name); d < least && 2*d <= len(k.name) {
			best, least = k.name, d
		}
	}
	return best
}

// levenshtein is his distance, over bytes.
func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
