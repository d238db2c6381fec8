package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func source(t *testing.T) string {
	t.Helper()
	s, err := os.ReadFile("../../internal/kernel/kernels_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	return string(s)
}

// functions splits the source into the bodies of its functions.
func functions(source string) map[string]string {
	all := map[string]string{}
	for _, f := range strings.Split(source, "\nTEXT ·")[1:] {
		name, body, _ := strings.Cut(f, "(SB), NOSPLIT, $0-")
		all[name] = body
	}
	return all
}

// TestControl holds each kernel to the control register: it flushes subnormal
// numbers from its start, and leaves Go's before each return. Only the peak
// leaves it alone. No function has a stack.
func TestControl(t *testing.T) {
	all := functions(source(t))
	if len(all) < 16 {
		t.Errorf("found %d functions", len(all))
	}
	for name, body := range all {
		if strings.Contains(name, "(") || strings.Contains(body, "RSP") {
			t.Errorf("%s uses the stack", name)
		}
		if name == "peakNEON" {
			continue
		}
		if !regexp.MustCompile(`^\d+\n\tMOVD \$1<<24, (R\d+)\n\tMSR R\d+, FPCR\n`).MatchString(body) {
			t.Errorf("%s meets subnormal numbers", name)
		}
		if back := strings.Count(body, "\tMSR ZR, FPCR\n\tRET\n"); back == 0 || back != strings.Count(body, "\tRET\n") {
			t.Errorf("%s returns with a control register that is not Go's", name)
		}
	}
}

// TestLoops guards the speed of the innermost loops without a clock: they have
// as many multiply-adds as their tile and unrolling ask for, of four lanes each,
// with no more loads than the tile's inputs and weights.
func TestLoops(t *testing.T) {
	all := functions(source(t))
	for _, c := range []struct {
		name, label                   string
		channels, pixels, taps, loads int
	}{
		{"conv4x3", "taps", 4, 3, unroll, 4 * (3 + 1)},
		{"conv4x2", "taps", 4, 2, unroll, 4 * (2 + 1)},
		{"conv8x1", "taps", 8, 1, unroll, 4 * (1 + 2)},
		{"conv4x1", "taps", 4, 1, unroll, 4 * (1 + 1)},
		{"conv3x4", "taps", 3, 4, unroll, 4*4 + 3}, // a register has a channel's weights of four taps
		{"conv1x8", "taps", 1, 8, unroll, 4*8 + 1},
		{"conv1x1", "taps", 1, 1, unroll, 4*1 + 1},
		{"outer4x3", "col", 4, 3, 1, 4 + 3},
		{"outer4x2", "col", 4, 2, 1, 4 + 2},
		{"outer4x1", "col", 4, 1, 1, 4 + 1},
	} {
		_, loop, _ := strings.Cut(all[c.name], "\n"+c.label+":\n")
		end := regexp.MustCompile(`\n\t(BGE|BNE) ` + c.label + `\n`).FindStringIndex(loop)
		if end == nil {
			t.Errorf("%s has no loop %q", c.name, c.label)
			continue
		}
		loop = loop[:end[0]]
		sums := strings.Count(loop, "// fmla ") + strings.Count(loop, "VFMLA")
		if want := 2 * c.channels * c.pixels * c.taps; sums != want {
			t.Errorf("%s does %d multiply-adds a turn, want %d", c.name, sums, want)
		}
		if loads := strings.Count(loop, "FLDPQ") + strings.Count(loop, "FMOVQ"); loads != c.loads {
			t.Errorf("%s has %d loads a turn, want %d", c.name, loads, c.loads)
		}
	}
}
