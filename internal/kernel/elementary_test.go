package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// TestElementary holds the functions to the bits that package math gave on
// amd64, whose hash this is, and to the right values.
func TestElementary(t *testing.T) {
	h := sha256.New()
	check := func(what string, x, got, want float64) {
		if !(math.Abs(got-want) <= 4e-16*max(1, math.Abs(want))) {
			t.Fatalf("%s of %v is %v, want %v", what, x, got, want)
		}
		h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(got)))
	}
	for i := range 1 << 16 {
		u := float64(i*256+1) / (1 << 24)
		check("logarithm", u, Log(u), math.Log(u))
		check("logarithm", 1000*u, Log(1000*u), math.Log(1000*u))
		angle := 2 * math.Pi * float64(i) / (1 << 16)
		sin, cos := sincos(angle)
		wantSin, wantCos := math.Sincos(angle)
		check("sine", angle, sin, wantSin)
		check("cosine", angle, cos, wantCos)
	}
	const want = "8f2ba97975db69934d1b43837fd491ba"
	if got := fmt.Sprintf("%x", h.Sum(nil)[:16]); got != want {
		t.Errorf("other bits: %s, want %s", got, want)
	}
}
