package main

import (
	"encoding/binary"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// TestEncodings decodes every word of the assembly, and compares the
// instruction with the one that the comment beside it names.
func TestEncodings(t *testing.T) {
	words := regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`).FindAllStringSubmatch(source(t), -1)
	if len(words) < 500 {
		t.Fatalf("found %d words", len(words))
	}
	for _, w := range words {
		bits, err := strconv.ParseUint(w[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		in, err := arm64asm.Decode(binary.LittleEndian.AppendUint32(nil, uint32(bits)))
		if err != nil {
			t.Errorf("%s, %s: %v", w[1], w[2], err)
			continue
		}
		if got := arm64asm.GNUSyntax(in); got != w[2] {
			t.Errorf("%s is %s, and named %s", w[1], got, w[2])
		}
	}
}
