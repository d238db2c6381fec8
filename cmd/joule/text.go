package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text from elsewhere, such as names of files and what files hold, may have
// characters that a terminal obeys, that turn the text around or that begin a line.
// They are shown as Go writes them in quotes: \x1b, \n, \u202e. Where text is put
// into a line or a table, printable does that; whatever comes by another way is
// caught by the writers that all output goes through, which let only ends of lines
// and tabs pass.

// printable returns text with what a terminal might obey made visible.
func printable(text string) string {
	if !strings.ContainsFunc(text, hidden) && utf8.ValidString(text) {
		return text
	}
	var b []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		b = appendVisible(b, r, text[:n])
		text = text[n:]
	}
	return string(b)
}

func hidden(r rune) bool { return !strconv.IsPrint(r) }

// appendVisible adds a character, which raw holds.
func appendVisible(b []byte, r rune, raw string) []byte {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Appendf(b, `\x%02x`, raw[0])
	case hidden(r):
		quoted := strconv.Quote(raw)
		return append(b, quoted[1:len(quoted)-1]...)
	}
	return append(b, raw...)
}

// out returns standard output for text.
func (a *app) out() io.Writer { return &textWriter{w: a.stdout, escape: appendVisible} }

// jsonOut returns standard output for JSON, whose strings keep their meaning.
func (a *app) jsonOut() io.Writer { return &textWriter{w: a.stdout, escape: appendJSON} }

// appendJSON adds a character that JSON leaves as it is and a terminal might not.
func appendJSON(b []byte, r rune, raw string) []byte {
	if !hidden(r) {
		return append(b, raw...)
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// A textWriter passes text on with what a terminal might obey made visible.
type textWriter struct {
	w      io.Writer
	escape func(b []byte, r rune, raw string) []byte
	rest   []byte // the beginning of a character whose end is still to come
	err    error  // of the first write that failed
}

func (t *textWriter) Write(p []byte) (int, error) {
	text := append(t.rest, p...)
	end := len(text)
	for k := 1; k < utf8.UTFMax && k <= len(text); k++ { // a character may be cut in two
		if i := len(text) - k; utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				end = i
			}
			break
		}
	}
	if _, err := t.w.Write(visibleLines(text[:end], false, t.escape)); err != nil {
		t.err = cmp.Or(t.err, err)
		return 0, err
	}
	t.rest = append([]byte(nil), text[end:]...)
	return len(p), nil
}

// visibleLines makes lines of text visible. With paint, it lets colours pass.
func visibleLines(text []byte, paint bool, escape func([]byte, rune, string) []byte) []byte {
	b := make([]byte, 0, len(text))
	for len(text) > 0 {
		if n := colour(text); paint && n > 0 {
			b, text = append(b, text[:n]...), text[n:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		if r == '\n' || r == '\t' {
			b = append(b, text[0])
		} else {
			b = escape(b, r, string(text[:n]))
		}
		text = text[n:]
	}
	return b
}

// colour returns the length of the sequence that text begins with, if it is one for
// a colour or bold letters, and 0 otherwise.
func colour(text []byte) int {
	if len(text) < 3 || text[0] != '\x1b' || text[1] != '[' {
		return 0
	}
	for i, c := range text[2:] {
		switch {
		case c == 'm':
			return i + 3
		case (c < '0' || c > '9') && c != ';':
			return 0
		}
	}
	return 0
}

// painted is text of our own with sequences for colours.
type painted string

// visibleArgs makes what is put into a line visible.
func visibleArgs(args []any) []any {
	list := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			list[i] = printable(v)
		case error:
			list[i] = printable(v.Error())
		case fmt.Stringer:
			list[i] = printable(v.String())
		default:
			list[i] = arg
		}
	}
	return list
}

// visibleAll is printable of each text.
func visibleAll(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = printable(text)
	}
	return list
}
