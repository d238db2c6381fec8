package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
)

// terminal reads what halfBlocks draws as a terminal does, and returns the
// colour codes of the pixels, "" for the terminal's own.
func terminal(t *testing.T, text string) (pixels [][]string) {
	t.Helper()
	front, back := "", ""
	var upper, lower []string
	token := regexp.MustCompile("\x1b\\[(38|48);([0-9;]+)m|\x1b\\[0m|▀|\n|(?s:.)")
	for _, m := range token.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "38":
			front = m[2]
		case m[1] == "48":
			back = m[2]
		case m[0] == reset:
			front, back = "", ""
		case m[0] == "▀":
			upper, lower = append(upper, front), append(lower, back)
		case m[0] == "\n":
			if front+back != "" {
				t.Error("a line ends in colour")
			}
			pixels = append(pixels, upper, lower)
			upper, lower = nil, nil
		default:
			t.Fatalf("unexpected %q", m[0])
		}
	}
	return pixels
}

func TestHalfBlocks(t *testing.T) {
	m := image.NewRGBA(image.Rect(3, 4, 8, 9)) // 5×5, not at the origin
	for y := range 5 {
		for x := range 5 {
			m.Set(3+x, 4+y, color.RGBA{uint8(x / 2 * 50), uint8(y * 10), 7, 255})
		}
	}
	pixels := terminal(t, halfBlocks(m, 1<<24))
	if len(pixels) != 6 {
		t.Fatalf("%d rows, want 6", len(pixels))
	}
	for y := range 6 {
		for x := range 5 {
			want := fmt.Sprintf("2;%d;%d;7", x/2*50, y*10)
			if y == 5 {
				want = ""
			}
			if len(pixels[y]) != 5 || pixels[y][x] != want {
				t.Fatalf("pixel %d,%d: %q, want %q", x, y, pixels[y], want)
			}
		}
	}
}

// TestColourCode compares the 256 colours with a search of all of xterm's.
func TestColourCode(t *testing.T) {
	palette := func(i int) [3]int {
		if i >= 232 {
			return [3]int{8 + 10*(i-232), 8 + 10*(i-232), 8 + 10*(i-232)}
		}
		level := func(v int) int {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		return [3]int{level((i - 16) / 36), level((i - 16) / 6 % 6), level((i - 16) % 6)}
	}
	distance := func(i int, c color.RGBA) (d int) {
		for k, v := range [3]uint8{c.R, c.G, c.B} {
			d += (palette(i)[k] - int(v)) * (palette(i)[k] - int(v))
		}
		return d
	}
	for r := 0; r < 256; r += 5 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := color.RGBA{uint8(r), uint8(g), uint8(b), 255}
				code := colourCode(c, 256)
				got, err := strconv.Atoi(strings.TrimPrefix(code, "5;"))
				if err != nil || got < 16 || got > 255 {
					t.Fatalf("%v: %q", c, code)
				}
				least := 1 << 30
				for i := 16; i < 256; i++ {
					least = min(least, distance(i, c))
				}
				if d := distance(got, c); d > least {
					t.Fatalf("%v: entry %d at %d, the nearest is at %d", c, got, d, least)
				}
			}
		}
	}
	if got := colourCode(color.RGBA{1, 22, 255, 255}, 1<<24); got != "2;1;22;255" {
		t.Errorf("code %q", got)
	}
}

func TestColourDepth(t *testing.T) {
	for _, tt := range []struct {
		term, colorterm string
		want            int
	}{
		{"xterm-256color", "truecolor", 1 << 24}, {"screen", "24bit", 1 << 24}, {"xterm-direct", "", 1 << 24},
		{"xterm-256color", "", 256}, {"tmux-256color", "", 256}, {"xterm", "yes", 256},
		{"linux", "", 0}, {"vt100", "", 0}, {"", "", 0}, {"dumb", "", 0},
	} {
		env := func(name string) string { return map[string]string{"TERM": tt.term, "COLORTERM": tt.colorterm}[name] }
		if got := colourDepth(env); got != tt.want && runtime.GOOS != "windows" {
			t.Errorf("TERM=%s COLORTERM=%s: %d colours, want %d", tt.term, tt.colorterm, got, tt.want)
		}
	}
}

// made returns n samples of side×side pixels; the value of image i is i/n.
func made(n, channels, side int) (*joule.Samples, joule.SampleConfig) {
	s := &joule.Samples{N: n, C: channels, H: side, W: side, Images: make([]float32, n*channels*side*side)}
	for i := range s.Images {
		s.Images[i] = float32(i/(channels*side*side)) / float32(n)
	}
	return s, joule.DefaultSampleConfig()
}

func TestThumbnails(t *testing.T) {
	for _, tt := range []struct{ n, side, width, shown, w, h int }{
		{64, 28, 79, 25, 76, 76},   // five in a row and five rows, shrunk to 14×14
		{64, 28, 129, 40, 121, 76}, // eight in a row
		{64, 28, 250, 64, 196, 76}, // thirteen in a row, so that all find room
		{4, 28, 250, 4, 117, 30},   // as they are
		{4, 28, 70, 4, 59, 59},
		{8, 28, 79, 8, 76, 31},
		{1, 28, 79, 1, 28, 28},
		{1, 28, 20, 1, 14, 14},
		{1, 28, 14, 0, 0, 0}, // too narrow
		{1, 28, 0, 0, 0, 0},
		{3, 12, 79, 3, 40, 14}, // never shrunk
		{9, 200, 79, 9, 0, 0},  // shrunk by a lot
	} {
		for _, channels := range []int{1, 3} {
			s, cfg := made(tt.n, channels, tt.side)
			m, shown := thumbnails(s, cfg, tt.width, 2*drawRows)
			if shown != tt.shown {
				t.Errorf("%d of %d pixels on %d: %d are shown, want %d", tt.n, tt.side, tt.width, shown, tt.shown)
				continue
			}
			if shown == 0 {
				if m != nil {
					t.Error("a picture of nothing")
				}
				continue
			}
			size := m.Bounds().Size()
			if size.X > tt.width || size.Y > 2*drawRows || tt.w > 0 && size != image.Pt(tt.w, tt.h) {
				t.Errorf("%d of %d pixels on %d: %v, want %d×%d", tt.n, tt.side, tt.width, size, tt.w, tt.h)
			}
		}
	}
}

// TestShrink compares with averages in float64, with edges that are not whole
// squares.
func TestShrink(t *testing.T) {
	const h, w, c, n, factor = 7, 5, 3, 2, 3
	s := &joule.Samples{N: n, C: c, H: h, W: w, Images: make([]float32, n*c*h*w)}
	for i := range s.Images {
		s.Images[i] = float32(i*i%97)/97 - 0.5
	}
	got := shrink(s, n, factor)
	i := 0
	for plane := range n * c {
		for top := 0; top < h; top += factor {
			for left := 0; left < w; left += factor {
				sum, count := 0.0, 0.0
				for y := top; y < top+factor && y < h; y++ {
					for x := left; x < left+factor && x < w; x++ {
						sum += float64(s.Images[(plane*h+y)*w+x])
						count++
					}
				}
				if d := float64(got[i]) - sum/count; d < -1e-6 || d > 1e-6 {
					t.Fatalf("value %d is %v, want %v", i, got[i], sum/count)
				}
				i++
			}
		}
	}
	if i != len(got) {
		t.Errorf("%d values, want %d", len(got), i)
	}
}

// TestSketch draws on a terminal that is none.
func TestSketch(t *testing.T) {
	s, cfg := made(64, 1, 28)
	sketch := func(paint bool, term string, width int) string {
		a, stdout, stderr := testApp("TERM=" + term)
		a.screen.paint = paint
		a.screen.width = func() int { return width }
		a.sketch(s, cfg, false)
		if stdout.Len() > 0 {
			t.Error("drawn on standard output, which is no terminal")
		}
		return stderr.String()
	}
	text := sketch(true, "xterm-256color", 80)
	drawing, ok := strings.CutSuffix(text, "the first 25 of 64 images\n")
	if !ok {
		t.Fatalf("no line below the drawing: %.100q", text)
	}
	pixels := terminal(t, drawing)
	if len(pixels) != 76 || len(pixels[0]) != 76 {
		t.Errorf("a drawing of %d×%d pixels", len(pixels[0]), len(pixels))
	}
	if text := sketch(true, "xterm-256color", 300); !strings.HasSuffix(text, "▀"+reset+"\n") {
		t.Errorf("all are shown, yet the last line is %q", text[max(len(text)-50, 0):])
	}
	for what, text := range map[string]string{
		"no colour":       sketch(false, "xterm-256color", 80),
		"narrow":          sketch(true, "xterm-256color", 10),
		"few colours":     sketch(true, "vt100", 80),
		"no name for one": sketch(true, "", 80),
	} {
		if text != "" && runtime.GOOS != "windows" {
			t.Errorf("%s: drawn: %.50q", what, text)
		}
	}
}

// TestNoDraw: the command draws unless told not to.
func TestNoDraw(t *testing.T) {
	dir := t.TempDir()
	folder := func(args ...string) string {
		t.Helper()
		a, _, stderr := testApp("TERM=xterm-256color")
		a.screen.paint = true
		if code := a.run(args); code != 0 {
			t.Fatalf("%s: exit code %d: %s", args, code, stderr)
		}
		return stderr.String()
	}
	folder("train", "--run-dir", dir, "--epochs", "1", "--limit-train-batches", "1", "--limit-val-batches", "1", "--batch-size", "4",
		"--set", "network.hidden_features=4", "--set", "sampler.steps=1", "--set", "generate.every_n_epochs=0", "--set", "buffer.size=8")
	picture := dir + "/a.png"
	sample := []string{"sample", dir, "-n", "3", "--steps", "2", "-o", picture}
	if text := folder(sample...); !strings.Contains(text, "▀") {
		t.Errorf("not drawn: %q", text)
	}
	if text := folder(append(sample, "--no-draw")...); strings.Contains(text, "▀") {
		t.Error("drawn in spite of --no-draw")
	}
	replay := []string{"sample", "--replay", picture, "-o", dir + "/b.png"}
	if text := folder(replay...); !strings.Contains(text, "▀") {
		t.Errorf("not drawn: %q", text)
	}
	if text := folder(append(replay, "--no-draw")...); strings.Contains(text, "▀") {
		t.Error("drawn in spite of --no-draw")
	}
}

func TestPlanShare(t *testing.T) {
	for _, tt := range []struct {
		steps, strip, film int
		size               float64
		want               plan
	}{
		{256, 32, 4, 50176, plan{4, 32, 4}},
		{256, 32, 0, 50176, plan{32, 32, 0}},
		{256, 0, 4, 50176, plan{4, 0, 4}},
		{1000, 125, 16, 50176, plan{5, 125, 20}},
		{296, 37, 5, 50176, plan{1, 37, 5}},
		{1016, 127, 16, 50176, plan{1, 127, 16}},
		{1016, 127, 16, 200000, plan{127, 127, 127}}, // all 1016 pictures would be too much
		{7, 1, 1, 784, plan{1, 1, 1}},
		{256, 0, 4, 13e6, plan{64, 0, 64}}, // 16,384 chains: four pictures
		{0, 0, 1, 784, plan{1, 0, 1}},
	} {
		p := plan{strip: tt.strip, film: tt.film}
		if p.share(tt.steps, tt.size); p != tt.want {
			t.Errorf("%d steps: %+v, want %+v", tt.steps, p, tt.want)
		}
	}
	// Whatever is asked for, the kept pictures serve both, and are not too
	// many.
	for steps := 8; steps < 3000; steps += 7 {
		for _, size := range []float64{784, 50176, 1e6} {
			p := plan{strip: steps / 8, film: (steps + 63) / 64}
			p.share(steps, size)
			if p.strip%p.every != 0 || p.film%p.every != 0 || p.strip != steps/8 || p.film > max(2*steps/8, 2) || float64(steps/p.every)*size > maxKept && p.every != p.strip {
				t.Fatalf("%d steps of %v: %+v", steps, size, p)
			}
		}
	}
}

func TestThin(t *testing.T) {
	s := &joule.Samples{N: 1}
	for step := 3; step <= 40; step += 3 {
		s.Frames = append(s.Frames, []float32{float32(step)})
	}
	cfg := joule.SampleConfig{Every: 3}
	cfg.Sampler.Steps = 40
	thinner, fewer := thin(cfg, s, 12)
	if got := fmt.Sprint(fewer.Frames); got != "[[12] [24] [36]]" || thinner.Every != 12 || len(s.Frames) != 13 || cfg.Every != 3 {
		t.Errorf("frames %v, every %d", got, thinner.Every)
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain ×": "plain ×", "a\tb\n\nc": "a b c", "\x1b[31mred": `\x1b[31mred`, "\u202egnp": `\u202egnp`, "\u0085a\x00": `a\x00`, "": "",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var b bytes.Buffer
	card := &joule.Card{}
	if err := writeEnergies(&b, card, &joule.Samples{N: 2, Energy: []float32{0.5, -1e-9}}, 3); err != nil || b.String() != "image,file,energy\n0,000.png,0.5\n1,001.png,-1e-09\n" {
		t.Errorf("energies %q, %v", b.String(), err)
	}
}
