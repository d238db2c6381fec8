package setting

import (
	"testing"

	"pgregory.net/rapid"
)

// editDistanceSlow follows the definition without a table.
func editDistanceSlow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	change := 1
	if a[len(a)-1] == b[len(b)-1] {
		change = 0
	}
	a1, b1 := a[:len(a)-1], b[:len(b)-1]
	d := min(editDistanceSlow(a1, b)+1, editDistanceSlow(a, b1)+1, editDistanceSlow(a1, b1)+change)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, editDistanceSlow(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestEditDistance(t *testing.T) {
	word := rapid.StringMatching(`[abc]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := editDistance(a, b), editDistanceSlow(a, b); got != want {
			t.Fatalf("%q %q: %d, want %d", a, b, got, want)
		}
	})
}
