package kernel

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The taps to a turn of the innermost loops, and of those of large tiles.
const unroll, unrollLarge = 4, 2

// loops are the innermost loops, by function and label, with the tile that a
// turn of each works on.
var loops = []struct {
	name, label            string
	channels, pixels, taps int
}{
	{name: "conv4x3", label: "taps", channels: 4, pixels: 3, taps: unroll},
	{name: "conv4x2", label: "taps", channels: 4, pixels: 2, taps: unroll},
	{name: "conv8x1", label: "taps", channels: 8, pixels: 1, taps: unroll},
	{name: "conv4x1", label: "taps", channels: 4, pixels: 1, taps: unroll},
	{name: "conv3x4", label: "taps", channels: 3, pixels: 4, taps: unroll},
	{name: "conv1x8", label: "taps", channels: 1, pixels: 8, taps: unroll},
	{name: "conv1x1", label: "taps", channels: 1, pixels: 1, taps: unroll},
	{name: "quads3", label: "taps", channels: 4, pixels: 3, taps: unrollLarge},
	{name: "quads1", label: "taps", channels: 4, pixels: 1, taps: unrollLarge},
	{name: "wideQuads6AVX512", label: "taps", channels: 4, pixels: 6, taps: unrollLarge},
	{name: "wideQuads1AVX512", label: "taps", channels: 4, pixels: 1, taps: unrollLarge},
	{name: "outer4x3", label: "col", channels: 4, pixels: 3, taps: 1},
	{name: "outer4x2", label: "col", channels: 4, pixels: 2, taps: 1},
	{name: "outer4x1", label: "col", channels: 4, pixels: 1, taps: 1},
	// A register holds two pixels, or two inputs.
	{name: "conv8x6AVX512", label: "taps", channels: 8, pixels: 3, taps: unrollLarge},
	{name: "conv8x4AVX512", label: "taps", channels: 8, pixels: 2, taps: unrollLarge},
	{name: "conv8x2AVX512", label: "taps", channels: 8, pixels: 1, taps: unrollLarge},
	{name: "outer4x6AVX512", label: "col", channels: 4, pixels: 3, taps: 1},
	{name: "wideConv8x3AVX512", label: "taps", channels: 8, pixels: 3, taps: unrollLarge},
	{name: "wideConv8x2AVX512", label: "taps", channels: 8, pixels: 2, taps: unrollLarge},
	{name: "wideConv16x1AVX512", label: "taps", channels: 16, pixels: 1, taps: unrollLarge},
	{name: "wideConv8x1AVX512", label: "taps", channels: 8, pixels: 1, taps: unroll},
	{name: "wideConv4x6AVX512", label: "taps", channels: 4, pixels: 6, taps: unrollLarge},
	{name: "wideConv4x2AVX512", label: "taps", channels: 4, pixels: 2, taps: unroll},
	{name: "wideConv4x1AVX512", label: "taps", channels: 4, pixels: 1, taps: unroll},
	{name: "wideConv3x8AVX512", label: "taps", channels: 3, pixels: 8, taps: unrollLarge},
	{name: "wideConv1x8AVX512", label: "taps", channels: 1, pixels: 8, taps: unroll},
	{name: "wideConv1x1AVX512", label: "taps", channels: 1, pixels: 1, taps: unroll},
	{name: "wideOuter4x6AVX512", label: "col", channels: 4, pixels: 6, taps: 1},
	{name: "wideOuter4x3AVX512", label: "col", channels: 4, pixels: 3, taps: 1},
	{name: "wideOuter4x2AVX512", label: "col", channels: 4, pixels: 2, taps: 1},
	{name: "wideOuter4x1AVX512", label: "col", channels: 4, pixels: 1, taps: 1},
}

// checkFunctions splits the source into the bodies of its functions, and holds
// each to the registers and the stack that it may use.
func checkFunctions(t *testing.T, source string) map[string]string {
	t.Helper()
	functions := map[string]string{}
	text := regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\), NOSPLIT, \$(\d+)-\d+$`)
	places := text.FindAllStringSubmatchIndex(source, -1)
	for i, at := range places {
		end := len(source)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		name, frame := source[at[2]:at[3]], source[at[4]:at[5]]
		body := source[at[1]:end]
		functions[name] = body
		if frame != "0" || strings.Contains(body, "(SP)") {
			t.Errorf("%s uses the stack: its values do not fit the registers", name)
		}
		if !strings.HasSuffix(name, "AVX512") && regexp.MustCompile(`\b(K\d|Z\d+|[XY](1[6-9]|2\d|3[01]))\b`).MatchString(body) {
			t.Errorf("%s uses registers that processors without AVX-512 lack", name)
		}
		if regexp.MustCompile(`\b[YZ]\d`).MatchString(body) && !strings.Contains(body, "VZEROUPPER") {
			t.Errorf("%s leaves the upper halves of the registers dirty", name)
		}
		checkControl(t, name, body)
	}
	return functions
}

// checkControl holds a function to the control register: it sets its own at its
// start, and that of Go before each return. Only the peak leaves it alone.
func checkControl(t *testing.T, name, body string) {
	t.Helper()
	if strings.HasPrefix(name, "peak") {
		return
	}
	if !regexp.MustCompile(`^\n\s+LDMXCSR\s+kernelControl<>\+0\(SB\)\n`).MatchString(body) {
		t.Errorf("%s meets subnormal numbers: it does not begin with its own control register", name)
	}
	back := regexp.MustCompile(`LDMXCSR\s+goControl<>\+0\(SB\)\n\s+RET\n`).FindAllString(body, -1)
	if len(back) != strings.Count(body, "\tRET\n") || strings.Count(body, "LDMXCSR") != 1+len(back) {
		t.Errorf("%s returns with a control register that is not Go's", name)
	}
}

// TestAssembly guards the speed of the generated code without a clock: no
// function touches the stack, so no accumulator is spilled, and the innermost
// loops have as many multiply-adds as their tile and unrolling ask for, with
// no more loads than the tile's inputs and weights.
func TestAssembly(t *testing.T) {
	source, err := os.ReadFile("kernels_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	functions := checkFunctions(t, string(source))
	for _, c := range loops {
		loop := between(functions[c.name], c.label)
		if loop == "" {
			t.Errorf("%s has no loop %q", c.name, c.label)
			continue
		}
		if got, want := strings.Count(loop, "VFMADD231PS"), c.channels*c.pixels*c.taps; got != want {
			t.Errorf("%s does %d multiply-adds a turn, want %d", c.name, got, want)
		}
		// A vector that one channel alone uses is multiplied from memory, and
		// with AVX-512 a weight that one pixel alone uses is so too.
		want := (c.channels + c.pixels) * c.taps
		if c.channels == 1 || strings.Contains(loop, ".BCST") {
			want = c.taps
		}
		got := strings.Count(loop, "VMOVUPS") + strings.Count(loop, "VBROADCASTSS") + strings.Count(loop, "VBROADCASTF64X4")
		if got != want {
			t.Errorf("%s loads %d vectors a turn, want %d", c.name, got, want)
		}
	}
	if len(functions) < 44 {
		t.Errorf("found %d functions", len(functions))
	}
}

// between returns the code from a label to the jump back to it.
func between(body, label string) string {
	_, rest, ok := strings.Cut(body, "\n"+label+":\n")
	if !ok {
		return ""
	}
	for _, jump := range []string{"JGE", "JNZ"} {
		back := regexp.MustCompile(`\n\s+` + jump + `\s+` + label + `\n`)
		if at := back.FindStringIndex(rest); at != nil {
			return rest[:at[0]]
		}
	}
	return ""
}
