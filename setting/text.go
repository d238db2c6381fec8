package setting

import (
	"math"
	"strconv"
	"strings"
)

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

// withoutUnderscores takes out those between digits, as in 60_000, which YAML 1.1
// and Python allow.
func withoutUnderscores(number string) string {
	digit := func(i int) bool { return i >= 0 && i < len(number) && number[i] >= '0' && number[i] <= '9' }
	var b strings.Builder
	for i, c := range []byte(number) {
		if c != '_' || !digit(i-1) || !digit(i+1) {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// withoutZeros returns a whole number without the zeros before it, and whether
// there are any.
func withoutZeros(number string) (plain string, ok bool) {
	digits := strings.TrimLeft(number, "+-")
	if len(digits) < 2 || digits[0] != '0' || strings.Trim(digits, "0123456789_") != "" {
		return "", false
	}
	sign := number[:len(number)-len(digits)]
	if digits = strings.TrimLeft(digits, "0_"); digits == "" {
		digits = "0"
	}
	return sign + digits, true
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

// Quote quotes text, cut to a length that fits into an error.
func Quote(text string) string {
	const most = 40
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}

// Nearest returns the known word closest to word by edit distance, whatever the
// case, also comparing the last parts of dotted keys; "" if nothing is close.
func Nearest(word string, known []string) string {
	const longest = 100 // more is no slip of the finger, and the distance is quadratic
	if len(word) > longest {
		return ""
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
	best, least := "", len(word) // a word of which no letter is left is not close
	word = strings.ToLower(word)
	for _, name := range known {
		k := strings.ToLower(name)
		d := editDistance(word, k)
		if strings.Contains(k, ".") {
			// A key under another section is one slip more than the same
			// key misspelt in its place.
			d = min(d, editDistance(last(word), last(k))+1)
		}
		if d < least && d <= max(2, len(last(k))/3) {
			best, least = name, d
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
