package grid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joule-ml/joule/internal/python"
)

// film is an animation of n frames that all differ.
func film(n int, colours bool) Animation {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	a := Animation{Delay: 80 * time.Millisecond, Hold: 2 * time.Second}
	for range n {
		values := make([]float32, 6*3*5*4)
		for i := range values {
			values[i] = rng.Float32()*2 - 1
		}
		c, k := 1, 18
		if colours {
			c, k = 3, 6
		}
		opt := DefaultOptions()
		opt.Columns = 4
		a.Frames = append(a.Frames, Make(values, k, c, 5, 4, opt))
	}
	return a
}

// equal compares pixels.
func equal(a, b image.Image) error {
	if a.Bounds().Size() != b.Bounds().Size() {
		return fmt.Errorf("sizes %v and %v", a.Bounds().Size(), b.Bounds().Size())
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			p, q := color.RGBAModel.Convert(a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y)), color.RGBAModel.Convert(b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y))
			if p != q {
				return fmt.Errorf("pixel %d,%d is %v, want %v", x, y, p, q)
			}
		}
	}
	return nil
}

// decodeAPNG takes an animated PNG apart into files of one frame each, as the
// standard describes it, and has image/png read them.
func decodeAPNG(data []byte) (Animation, error) {
	if len(data) < header || string(data[:8]) != signature {
		return Animation{}, fmt.Errorf("not a PNG")
	}
	d := apngDecoder{header: data[:header]}
	var fault error
	err := eachChunk(data[header:], func(kind string, chunk []byte) {
		if fault == nil {
			fault = d.chunk(kind, chunk)
		}
	})
	if err == nil {
		err = fault
	}
	if err != nil {
		return d.a, err
	}
	if d.announced != len(d.files) || !d.ended {
		return d.a, fmt.Errorf("%d frames, %d announced; ended %v", len(d.files), d.announced, d.ended)
	}
	for _, f := range d.files {
		appendChunk(f, "IEND", nil)
		m, err := png.Decode(f)
		if err != nil {
			return d.a, err
		}
		d.a.Frames = append(d.a.Frames, m)
	}
	return d.a, nil
}

// apngDecoder is what the chunks of an animated PNG have said so far.
type apngDecoder struct {
	header    []byte // of the whole file, and so of each frame's
	a         Animation
	files     []*bytes.Buffer
	announced int // frames
	sequence  uint32
	ended     bool
}

func (d *apngDecoder) chunk(kind string, b []byte) error {
	switch kind {
	case "acTL":
		d.announced = int(binary.BigEndian.Uint32(b))
		if len(b) != 8 || binary.BigEndian.Uint32(b[4:]) != 0 || d.files != nil {
			return fmt.Errorf("acTL % x", b)
		}
	case "fcTL":
		return d.frame(b)
	case "IDAT":
		if len(d.files) != 1 {
			return fmt.Errorf("IDAT after %d fcTL", len(d.files))
		}
		appendChunk(d.files[0], "IDAT", b)
	case "fdAT":
		if len(d.files) < 2 || len(b) < 4 {
			return fmt.Errorf("fdAT of %d bytes after %d fcTL", len(b), len(d.files))
		}
		appendChunk(d.files[len(d.files)-1], "IDAT", b[4:])
		return d.next(b)
	case "IEND":
		d.ended = true
	}
	return nil
}

// frame begins a file for the frame that an fcTL chunk describes; it must
// cover the whole picture and replace what was there.
func (d *apngDecoder) frame(b []byte) error {
	if len(b) != 26 || !bytes.Equal(b[4:12], d.header[16:24]) || !bytes.Equal(b[12:20], make([]byte, 8)) || b[24] != 0 || b[25] != 0 {
		return fmt.Errorf("fcTL % x", b)
	}
	d.files = append(d.files, bytes.NewBuffer(bytes.Clone(d.header)))
	d.a.Delay = d.a.Hold // the last one is Hold
	d.a.Hold = time.Second * time.Duration(binary.BigEndian.Uint16(b[20:])) / time.Duration(binary.BigEndian.Uint16(b[22:]))
	return d.next(b)
}

// next checks the sequence number that a chunk begins with.
func (d *apngDecoder) next(b []byte) error {
	if got := binary.BigEndian.Uint32(b); got != d.sequence {
		return fmt.Errorf("sequence number %d, want %d", got, d.sequence)
	}
	d.sequence++
	return nil
}

func TestAPNG(t *testing.T) {
	for _, n := range []int{1, 2, 9} {
		for _, colours := range []bool{false, true} {
			a := film(n, colours)
			var b bytes.Buffer
			if err := EncodeAPNG(&b, a, sample); err != nil {
				t.Fatal(err)
			}
			got, err := decodeAPNG(b.Bytes())
			if err != nil {
				t.Fatalf("%d frames, colours %v: %v", n, colours, err)
			}
			if got.Hold != a.Hold || n > 1 && got.Delay != a.Delay {
				t.Errorf("delays %v, %v", got.Delay, got.Hold)
			}
			for i := range a.Frames {
				if err := equal(got.Frames[i], a.Frames[i]); err != nil {
					t.Errorf("frame %d of %d, colours %v: %v", i, n, colours, err)
				}
			}
			// Whoever knows no animations sees the first frame, and the text.
			still, err := png.Decode(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if err := equal(still, a.Frames[0]); err != nil {
				t.Error(err)
			}
			if text, err := ReadText(bytes.NewReader(b.Bytes())); err != nil || !reflect.DeepEqual(text, sample) {
				t.Errorf("text %.200q, %v", text, err)
			}
		}
	}
}

// TestAPNGLarge has frames of several IDAT chunks each.
func TestAPNGLarge(t *testing.T) {
	a := Animation{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		m := image.NewGray(image.Rect(0, 0, 400, 300))
		for i := range m.Pix {
			m.Pix[i] = uint8(rng.Uint32())
		}
		a.Frames = append(a.Frames, m)
	}
	var b bytes.Buffer
	if err := EncodeAPNG(&b, a, nil); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b.Bytes(), []byte("fdAT")); n < 4 {
		t.Errorf("%d chunks of later frames, want several each", n)
	}
	got, err := decodeAPNG(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Frames {
		if err := equal(got.Frames[i], a.Frames[i]); err != nil {
			t.Error(err)
		}
	}
}

func TestGIF(t *testing.T) {
	for _, n := range []int{1, 2, 9} {
		for _, colours := range []bool{false, true} {
			a := film(n, colours)
			var b bytes.Buffer
			if err := EncodeGIF(&b, a, nil); err != nil {
				t.Fatal(err)
			}
			g, err := gif.DecodeAll(&b)
			if err != nil {
				t.Fatal(err)
			}
			if len(g.Image) != n || n > 1 && g.LoopCount != 0 {
				t.Fatalf("%d frames, want %d; loop count %d", len(g.Image), n, g.LoopCount)
			}
			for i := range a.Frames {
				want := 8
				if i == n-1 {
					want = 200
				}
				if g.Delay[i] != want {
					t.Errorf("frame %d of %d: delay %d, want %d", i, n, g.Delay[i], want)
				}
				if !colours || n == 1 { // no more than 256 colours
					if err := equal(g.Image[i], a.Frames[i]); err != nil {
						t.Errorf("frame %d of %d: %v", i, n, err)
					}
				}
			}
		}
	}
}

// TestMedianCut bounds the error of colours: on a film of smooth colours it is
// far below that of the fixed palette of 6×6×6.
func TestMedianCut(t *testing.T) {
	var frames []image.Image
	for k := range 4 {
		m := image.NewRGBA(image.Rect(0, 0, 64, 64))
		for y := range 64 {
			for x := range 64 {
				m.SetRGBA(x, y, color.RGBA{uint8(100 + x), uint8(20 + y + 2*k), uint8(200 - (x+y)/2), 255})
			}
		}
		frames = append(frames, m)
	}
	x := indexer(frames)
	if x.exact != nil || len(x.palette) != 256 {
		t.Fatalf("a palette of %d, exact %v", len(x.palette), x.exact != nil)
	}
	sum, worst, n := 0.0, 0, 0
	for _, f := range frames {
		p := x.paletted(f)
		for y := range 64 {
			for x := range 64 {
				want, got := f.(*image.RGBA).RGBAAt(x, y), p.At(x, y).(color.RGBA)
				for _, d := range []int{int(want.R) - int(got.R), int(want.G) - int(got.G), int(want.B) - int(got.B)} {
					sum += float64(d * d)
					worst = max(worst, d, -d)
					n++
				}
			}
		}
	}
	// 6×6×6 levels are 51 apart: a variance of 51²/12 ≈ 217.
	if mse := sum / float64(n); mse > 12 || worst > 16 {
		t.Errorf("mean squared error %.1f, largest %d", mse, worst)
	}
}

func TestAnimationRefuses(t *testing.T) {
	a := film(2, false)
	odd := a
	odd.Frames = append(odd.Frames[:2:2], image.NewGray(image.Rect(0, 0, 3, 3)))
	long, negative := a, a
	long.Hold, negative.Delay = 66*time.Second, -1
	for want, a := range map[string]Animation{
		"without frames":      {},
		"of 3×3 pixels":       odd,
		"of 1m6s, want 0 to":  long,
		"of -1ns, want 0 to":  negative,
		"is of 0×0 pixels":    {Frames: []image.Image{image.NewGray(image.Rectangle{})}},
		"of 65536×1 pixels, ": {Frames: []image.Image{image.NewGray(image.Rect(0, 0, 65536, 1))}},
	} {
		if err := EncodeGIF(io.Discard, a, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("GIF: %v, want %s", err, want)
		}
		if strings.Contains(want, "65536") {
			continue
		}
		if err := EncodeAPNG(io.Discard, a, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("APNG: %v, want %s", err, want)
		}
	}
	if err := EncodeAPNG(io.Discard, a, []Text{{"", ""}}); err == nil {
		t.Error("a text without a key was written")
	}
}

// TestMixed: a frame with a pixel that is not finite is in colour, and the
// grey ones beside it survive.
func TestMixed(t *testing.T) {
	a := film(3, false)
	m := image.NewRGBA(a.Frames[1].Bounds())
	m.Set(3, 3, broken) // the rest is transparent and becomes black
	want := image.NewRGBA(m.Bounds())
	for i := 3; i < len(want.Pix); i += 4 {
		want.Pix[i] = 255
	}
	want.Set(3, 3, broken)
	a.Frames[1] = m
	var b bytes.Buffer
	if err := EncodeAPNG(&b, a, nil); err != nil {
		t.Fatal(err)
	}
	got, err := decodeAPNG(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []image.Image{a.Frames[0], want, a.Frames[2]} {
		if err := equal(got.Frames[i], want); err != nil {
			t.Errorf("frame %d: %v", i, err)
		}
	}
}

func TestPythonAnimation(t *testing.T) {
	path := python.Need(t, "import PIL.Image")
	dir := t.TempDir()
	for _, colours := range []bool{false, true} {
		a := film(5, colours)
		for name, encode := range map[string]func(w io.Writer) error{
			"film.png": func(w io.Writer) error { return EncodeAPNG(w, a, sample) },
			"film.gif": func(w io.Writer) error { return EncodeGIF(w, a, nil) },
		} {
			var b bytes.Buffer
			if err := encode(&b); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		// Pillow writes every frame of each as a PNG of its own.
		const script = `
import os, sys
from PIL import Image
for name in ("film.png", "film.gif"):
    m = Image.open(os.path.join(sys.argv[1], name))
    assert m.is_animated and m.n_frames == 5, name
    assert m.info["loop"] == 0, m.info
    if name == "film.png":
        assert m.text["Software"] == "Joule", m.text
    for i in range(5):
        m.seek(i)
        assert m.info["duration"] == (2000 if i == 4 else 80), (name, i, m.info["duration"])
        m.convert("RGB").save(os.path.join(sys.argv[1], "%s.%d.png" % (name, i)))
`
		if out, err := exec.Command(path, "-c", script, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for i, want := range a.Frames {
			for _, name := range []string{"film.png", "film.gif"} {
				if name == "film.gif" && colours {
					continue // not lossless
				}
				f, err := os.Open(filepath.Join(dir, fmt.Sprintf("%s.%d.png", name, i)))
				if err != nil {
					t.Fatal(err)
				}
				got, err := png.Decode(f)
				f.Close()
				if err != nil {
					t.Fatal(err)
				}
				if err := equal(got, want); err != nil {
					t.Errorf("%s, frame %d: %v", name, i, err)
				}
			}
		}
	}
}
