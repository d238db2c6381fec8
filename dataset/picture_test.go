package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/joule-ml/joule/internal/imagefile"
	"github.com/joule-ml/joule/lane"
)

// pngBuffers keeps what an encoder works with: most of the time of a small
// picture would go into making it.
type pngBuffers struct{ pool sync.Pool }

func (p *pngBuffers) Get() *png.EncoderBuffer {
	b, _ := p.pool.Get().(*png.EncoderBuffer)
	return b
}

func (p *pngBuffers) Put(b *png.EncoderBuffer) { p.pool.Put(b) }

var pngEncoder = png.Encoder{BufferPool: &pngBuffers{}}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := pngEncoder.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeGIF(t testing.TB, g *gif.GIF) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decoded returns what a file becomes.
func decoded(t testing.TB, file []byte, c, h, w int) []byte {
	t.Helper()
	s, err := DecodeImage(bytes.NewReader(file), "picture", lane.Shape{C: c, H: h, W: w})
	if err != nil {
		t.Fatal(err)
	}
	return s.Pixels
}

// painted returns a picture of w × h pixels that f gives.
func painted(w, h int, f func(x, y int) color.Color) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, f(x, y))
		}
	}
	return m
}

// TestPictureAsItIs makes sure that a picture of the right size keeps its
// pixels, in planes.
func TestPictureAsItIs(t *testing.T) {
	const w, h = 5, 3
	m := painted(w, h, func(x, y int) color.Color {
		return color.NRGBA{byte(40 * x), byte(60 * y), byte(x * y * 7), 255}
	})
	got := decoded(t, encodePNG(t, m), 3, h, w)
	for y := range h {
		for x := range w {
			want := m.NRGBAAt(x, y)
			for c, v := range []byte{want.R, want.G, want.B} {
				if g := got[(c*h+y)*w+x]; g != v {
					t.Fatalf("channel %d at %d, %d: %d, want %d", c, x, y, g, v)
				}
			}
		}
	}
	gray := decoded(t, encodePNG(t, m), 1, h, w)
	for i, g := range gray {
		p := m.NRGBAAt(i%w, i/w)
		luma := 0.299*float64(p.R) + 0.587*float64(p.G) + 0.114*float64(p.B)
		if math.Abs(float64(g)-luma) > 1 {
			t.Errorf("luma of %v: %d, want %.1f", p, g, luma)
		}
	}
}

func TestPictureFormats(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 4, 4))
	draw.Draw(gray, gray.Rect, image.NewUniform(color.Gray{200}), image.Point{}, draw.Src)
	gray16 := image.NewGray16(image.Rect(0, 0, 4, 4))
	draw.Draw(gray16, gray16.Rect, image.NewUniform(color.Gray16{0xc8ff}), image.Point{}, draw.Src)
	deep := image.NewNRGBA64(image.Rect(0, 0, 4, 4))
	draw.Draw(deep, deep.Rect, image.NewUniform(color.NRGBA64{0xc8c8, 0xc8c8, 0xc8c8, 0xffff}), image.Point{}, draw.Src)
	half := painted(4, 4, func(x, y int) color.Color { return color.NRGBA{200, 200, 200, 128} })
	clear := painted(4, 4, func(x, y int) color.Color { return color.NRGBA{200, 200, 200, 0} })
	palette := image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.Gray{200}, color.Gray{0}})
	for _, test := range []struct {
		name string
		file []byte
		want byte
		gray bool
	}{
		{"gray PNG", encodePNG(t, gray), 200, true},
		{"16-bit gray PNG", encodePNG(t, gray16), 200, true},
		{"16-bit colour PNG", encodePNG(t, deep), 200, false},
		{"half transparent", encodePNG(t, half), 100, false},
		{"transparent", encodePNG(t, clear), 0, false},
		{"PNG with a palette", encodePNG(t, palette), 200, true},
		{"gray JPEG", encodeJPEG(t, gray), 200, true},
		{"colour JPEG", encodeJPEG(t, painted(4, 4, func(x, y int) color.Color { return color.NRGBA{200, 200, 200, 255} })), 200, false},
		{"GIF", encodeGIF(t, &gif.GIF{Image: []*image.Paletted{palette}, Delay: []int{0}}), 200, true},
	} {
		for _, c := range []int{1, 3} {
			for _, side := range []int{4, 3, 9} { // as it is, smaller, larger
				for i, v := range decoded(t, test.file, c, side, side) {
					if max(v, test.want)-min(v, test.want) > 1 {
						t.Errorf("%s, %d channels, side %d: value %d is %d, want %d", test.name, c, side, i, v, test.want)
						break
					}
				}
			}
		}
		f, err := imagefile.Open(bytes.NewReader(test.file), int64(len(test.file)))
		if err != nil {
			t.Fatal(err)
		}
		if gray, err := decodePicture(make([]byte, 1), f, lane.Shape{C: 1, H: 1, W: 1}); err != nil || gray != test.gray {
			t.Errorf("%s: gray %v, %v", test.name, gray, err)
		}
	}
}

// TestCrop makes sure that the centre is taken, in the aspect asked for.
func TestCrop(t *testing.T) {
	// White in the middle square, black beside it.
	wide := encodePNG(t, painted(50, 20, func(x, y int) color.Color {
		return color.Gray{byte(255 * b2i(x >= 15 && x < 35))}
	}))
	for i, v := range decoded(t, wide, 1, 10, 10) {
		if v < 254 {
			t.Fatalf("wide: value %d is %d", i, v)
		}
	}
	tall := encodePNG(t, painted(20, 50, func(x, y int) color.Color {
		return color.Gray{byte(255 * b2i(y >= 20 && y < 30))}
	}))
	for i, v := range decoded(t, tall, 1, 5, 10) {
		if v < 254 {
			t.Fatalf("tall: value %d is %d", i, v)
		}
	}
	// Sizes that round badly have no empty crop.
	line := encodePNG(t, painted(1, 300, func(x, y int) color.Color { return color.White }))
	for _, size := range [][2]int{{128, 1}, {1, 128}, {1, 1}, {128, 128}} {
		for _, v := range decoded(t, line, 1, size[0], size[1]) {
			if v < 254 {
				t.Fatalf("%v: %d", size, v)
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestShrink makes sure that every pixel counts: thin lines become an even
// gray, not a pattern.
func TestShrink(t *testing.T) {
	lines := encodePNG(t, painted(640, 640, func(x, y int) color.Color { return color.Gray{byte(255 * b2i(x%8 == 3))} }))
	got := decoded(t, lines, 1, 20, 20)
	for y := range 20 {
		for x := 1; x < 19; x++ {
			if v := got[y*20+x]; v < 28 || v > 36 {
				t.Fatalf("at %d, %d: %d, want about 32", x, y, v)
			}
		}
	}
}

// TestGIFFrame makes sure that a first frame smaller than the canvas keeps its
// place.
func TestGIFFrame(t *testing.T) {
	p := color.Palette{color.White, color.Black}
	g := &gif.GIF{
		Image:  []*image.Paletted{image.NewPaletted(image.Rect(4, 2, 8, 6), p), image.NewPaletted(image.Rect(0, 0, 8, 8), p)},
		Delay:  []int{1, 1},
		Config: image.Config{ColorModel: p, Width: 8, Height: 8},
	}
	for i, v := range decoded(t, encodeGIF(t, g), 1, 8, 8) {
		x, y := i%8, i/8
		if want := byte(255 * b2i(x >= 4 && y >= 2 && y < 6)); v != want {
			t.Fatalf("at %d, %d: %d, want %d", x, y, v, want)
		}
	}
}

// hugePNG is a PNG file that promises w × h pixels and has none.
func hugePNG(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	ihdr := []byte("IHDR")
	ihdr = binary.BigEndian.AppendUint32(ihdr, w)
	ihdr = binary.BigEndian.AppendUint32(ihdr, h)
	ihdr = append(ihdr, 16, 6, 0, 0, 0)
	b = append(b, ihdr...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
}

func TestPictureFaults(t *testing.T) {
	good := encodePNG(t, painted(8, 8, func(x, y int) color.Color { return color.Gray{byte(x * y)} }))
	photo := encodeJPEG(t, painted(64, 64, func(x, y int) color.Color { return color.Gray{byte(x * y)} }))
	film := encodeGIF(t, &gif.GIF{Image: []*image.Paletted{image.NewPaletted(image.Rect(0, 0, 99, 99), color.Palette{color.White, color.Black})}, Delay: []int{1}})
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "an empty file"},
		{"text", []byte("hello, this is no picture"), "not a PNG, JPEG, GIF, WebP, BMP or TIFF picture"},
		{"only a PNG's magic", good[:8], "unexpected EOF"},
		{"half a PNG", good[:len(good)/2], "not enough pixel data"},
		{"half a JPEG", photo[:len(photo)/2], "short Huffman data"},
		{"half a GIF", film[:len(film)/2], "not enough image data"},
		{"huge", hugePNG(100_000, 100_000), "100000×100000 pixels, more than 50000000"},
		{"wide", hugePNG(1<<31-1, 1), "2147483647×1 pixels, more than 50000000"},
	} {
		_, err := DecodeImage(bytes.NewReader(test.file), "a", lane.Shape{C: 1, H: 2, W: 2})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.What, test.want) || e.File != "a" {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	// A large file is refused by its size alone.
	if _, err := imagefile.Open(nil, MaxPictureBytes+1); err == nil || !strings.Contains(err.Error(), "more than 67108864") {
		t.Errorf("large file: %v", err)
	}
}

func TestReadImage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.png")
	put(t, path, encodePNG(t, painted(8, 8, func(x, y int) color.Color { return color.Gray{100} })))
	put(t, filepath.Join(dir, "b.png"), []byte("no"))
	shape := lane.Shape{C: 3, H: 4, W: 5}
	s, err := ReadImage(path, shape)
	if err != nil {
		t.Fatal(err)
	}
	s.check()
	if s.N != 1 || s.C != 3 || s.H != 4 || s.W != 5 || s.Pixels[0] != 100 {
		t.Errorf("%+v", s)
	}
	for name, want := range map[string]string{"b.png": "not a PNG", "none.png": "no such file", ".": "not a regular file"} {
		_, err := ReadImage(filepath.Join(dir, name), shape)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.File != filepath.Join(dir, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeImage(iotest.ErrReader(errors.New("lost")), "upload", shape); err == nil || err.Error() != "dataset: upload: lost" {
		t.Error(err)
	}
	many, errs, err := ReadImages(t.Context(), []string{path, filepath.Join(dir, "b.png"), path}, shape)
	if err != nil || errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Fatal(errs, err)
	}
	many.check()
	if size := many.Size(); !bytes.Equal(many.Pixels[:size], s.Pixels) || !bytes.Equal(many.Pixels[size:2*size], make([]byte, size)) || !bytes.Equal(many.Pixels[2*size:], s.Pixels) {
		t.Error("images are not in the order of the paths")
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for two channels")
		}
	}()
	ReadImage(path, lane.Shape{C: 2, H: 1, W: 1})
}

// grayed is a gray picture of one shade.
func grayed(w, h int, shade byte) image.Image {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	return m
}
