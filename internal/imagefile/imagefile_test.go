package imagefile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
)

// encoded returns what an encoder writes.
func encoded(t testing.TB, encode func(b *bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func asJPEG(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 100}) })
}

func asGIF(t testing.TB, m ...*image.Paletted) []byte {
	return encoded(t, func(b *bytes.Buffer) error {
		return gif.EncodeAll(b, &gif.GIF{Image: m, Delay: make([]int, len(m))})
	})
}

// painted returns a picture in colour.
func painted(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(37 * i)
	}
	return m
}

// grayed returns the gray of painted.
func grayed(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(11 * i)
	}
	return m
}

// indexed returns a picture whose pixels have the first n colours of a palette.
func indexed(n int, p ...color.Color) *image.Paletted {
	m := image.NewPaletted(image.Rect(0, 0, 4, 4), p)
	for i := range m.Pix {
		m.Pix[i] = byte(i % n)
	}
	return m
}

func decode(t testing.TB, file []byte) (m image.Image, gray bool) {
	t.Helper()
	f, err := imagefile.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	m, gray, err = f.Decode()
	if err != nil {
		t.Fatal(err)
	}
	if b := m.Bounds(); b.Dx() != f.Width || b.Dy() != f.Height {
		t.Fatalf("%v, and the header says %d×%d", b, f.Width, f.Height)
	}
	return m, gray
}

// same tells whether two pictures have the same pixels.
func same(a, b image.Image) bool {
	if a.Bounds().Size() != b.Bounds().Size() {
		return false
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			p, q := a.Bounds().Min.Add(image.Pt(x, y)), b.Bounds().Min.Add(image.Pt(x, y))
			if color.NRGBA64Model.Convert(a.At(p.X, p.Y)) != color.NRGBA64Model.Convert(b.At(q.X, q.Y)) {
				return false
			}
		}
	}
	return true
}

// TestGray: the type of a picture says whether it is gray; of a palette, the
// colours that are used and that can be seen do.
func TestGray(t *testing.T) {
	red, clear := color.NRGBA{255, 0, 0, 255}, color.NRGBA{255, 0, 0, 0}
	gray, black, half := color.NRGBA{9, 9, 9, 255}, color.NRGBA{0, 0, 0, 255}, color.NRGBA{9, 9, 9, 80}
	ofGray := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	for _, test := range []struct {
		name string
		file []byte
		want bool
	}{
		{"gray PNG", asPNG(t, grayed(4, 4)), true},
		{"16-bit gray PNG", asPNG(t, image.NewGray16(image.Rect(0, 0, 4, 4))), true},
		{"gray PNG with alpha", grayAlphaPNG(), true},
		{"colour PNG of gray pixels", asPNG(t, ofGray), false},
		{"gray JPEG", asJPEG(t, grayed(4, 4)), true},
		{"colour JPEG of gray pixels", asJPEG(t, ofGray), false},
		{"gray palette", asPNG(t, indexed(2, gray, black)), true},
		{"gray palette with alpha", asPNG(t, indexed(2, half, black)), true},
		{"coloured palette", asPNG(t, indexed(2, gray, red)), false},
		{"a colour that is not used", asPNG(t, indexed(2, gray, black, red)), true},
		{"a colour that cannot be seen", asPNG(t, indexed(2, gray, clear)), true},
		{"a colour that is nearly clear", asPNG(t, indexed(2, gray, color.NRGBA{255, 0, 0, 1})), false},
		{"coloured GIF", asGIF(t, indexed(2, gray, red)), false},
		{"gray GIF", asGIF(t, indexed(2, gray, black, red)), true},
		{"gray frame before a coloured one", asGIF(t, indexed(2, gray, black), indexed(2, red, black)), true},
		{"coloured frame before a gray one", asGIF(t, indexed(2, red, black), indexed(2, gray, black)), false},
	} {
		if _, got := decode(t, test.file); got != test.want {
			t.Errorf("%s: gray %v", test.name, got)
		}
	}
}

// grayAlphaPNG is a PNG of the type that package image/png does not write.
func grayAlphaPNG() []byte {
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"),
		pngChunk("IHDR", "\x00\x00\x00\x02\x00\x00\x00\x01\x08\x04\x00\x00\x00"),
		pngChunk("IDAT", "\x78\x01\x01\x05\x00\xfa\xff\x00\x09\x80\x50\xff\x03\x48\x01\xd9"), // two pixels, not compressed
		pngChunk("IEND", ""))
}

func TestFaults(t *testing.T) {
	photo := asJPEG(t, painted(16, 16))
	frame := bytes.Index(photo, []byte{0xff, 0xc0})
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "an empty file"},
		{"zeros", make([]byte, 99), "begins with zeros"},
		{"LFS", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"), "git lfs pull"},
		{"page", []byte("\r\n<!DOCTYPE HTML><html>"), "a page of HTML"},
		{"SVG", []byte("<?xml version='1.0'?><svg/>"), "cannot read SVG pictures"},
		{"text", []byte("hello, this is no picture"), "not a PNG, JPEG, GIF, WebP, BMP or TIFF picture"},
		{"arithmetic", changed(photo, frame+1, 0xc9), "this decoder cannot read arithmetic-coded JPEG pictures; save it again as PNG"},
		{"lossless", changed(photo, frame+1, 0xc3), "cannot read lossless JPEG"},
		{"12 bits", changed(photo, frame+4, 12), "cannot read JPEG pictures of 12 bits"},
		{"3×1", changed(photo, frame+11, 0x31), "cannot read JPEG pictures with this sampling"},
		{"Cb and Cr", changed(photo, frame+14, 0x12), "cannot read JPEG pictures with this sampling"},
		{"sampling of 0", changed(photo, frame+11, 0x01), "whose sampling is none"},
		{"no height", changed(changed(photo, frame+5, 0), frame+6, 0), "whose height follows"},
		{"scans", []byte(string(photo[:2]) + segment(0xfe, strings.Repeat("\xff\xda", 501)) + string(changed(photo, frame+1, 0xc2)[2:])), "502 scans, more than 500"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "this decoder cannot read HEIC pictures; save it again as PNG"},
		{"AVIF", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"), "cannot read AVIF"},
		{"BigTIFF", []byte("II+\x00\x08\x00\x00\x00"), "cannot read BigTIFF"},
		{"half a JPEG", photo[:len(photo)*9/10], "invalid JPEG format"},
	} {
		err := failure(test.file)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		var u *imagefile.UnsupportedError
		if errors.As(err, &u) != strings.Contains(test.want, "cannot read") && test.name != "no height" {
			t.Errorf("%s: %T", test.name, err)
		}
	}
}

// failure is the error of reading a picture.
func failure(file []byte) error {
	f, err := imagefile.Open(bytes.NewReader(file), int64(len(file)))
	if err == nil {
		_, _, err = f.Decode()
	}
	return err
}

// changed is a file with another byte.
func changed(file []byte, at int, b byte) []byte {
	other := bytes.Clone(file)
	other[at] = b
	return other
}

// TestLenient: what is there beside whole pixels does no harm.
func TestLenient(t *testing.T) {
	photo, plain := asJPEG(t, painted(16, 16)), asPNG(t, painted(9, 7))
	idat := bytes.Index(plain, []byte("IDAT")) - 4
	size := int(binary.BigEndian.Uint32(plain[idat:]))
	data := plain[idat+8 : idat+8+size]
	// another puts data in the place of that of the PNG.
	another := func(data []byte) []byte {
		return bytes.Join([][]byte{plain[:idat], pngChunk("IDAT", string(data)), plain[idat+12+size:]}, nil)
	}
	for _, test := range []struct {
		name        string
		file, plain []byte
	}{
		{"JPEG without its end", photo[:len(photo)-2], photo},
		{"JPEG and more", append(bytes.Clone(photo), "more"...), photo},
		{"PNG without its end", plain[:len(plain)-12], plain},
		{"PNG and more", append(bytes.Clone(plain), "more"...), plain},
		{"PNG with more in its IDAT", another(append(bytes.Clone(data), "more"...)), plain},
		{"PNG with its data twice", another(append(bytes.Clone(data), data...)), plain},
		{"PNG with a palette that it has not", slices.Concat(asPNG(t, grayed(4, 4))[:33], pngChunk("PLTE", "abc"), asPNG(t, grayed(4, 4))[33:]), asPNG(t, grayed(4, 4))},
	} {
		got, _ := decode(t, test.file)
		if want, _ := decode(t, test.plain); !same(got, want) {
			t.Errorf("%s: other pixels", test.name)
		}
	}
	if err := failure(another(data[:len(data)-9])); err == nil {
		t.Error("a PNG whose pixels are cut off went through")
	}
}

func TestLimits(t *testing.T) {
	if _, err := imagefile.Open(nil, imagefile.MaxBytes+1); err == nil || !strings.Contains(err.Error(), "67108865 bytes, more than 67108864") {
		t.Error(err)
	}
	huge := asPNG(t, grayed(1, 1))
	binary.BigEndian.PutUint32(huge[16:], 1<<31-1)
	binary.BigEndian.PutUint32(huge[20:], 1<<31-1)
	photo := asJPEG(t, grayed(1, 1))
	frame := bytes.Index(photo, []byte{0xff, 0xc0})
	film := asGIF(t, indexed(2, color.White, color.Black))
	for name, file := range map[string][]byte{
		"PNG":        huge,
		"JPEG":       changed(changed(photo, frame+5, 255), frame+7, 255),
		"GIF":        changed(changed(film, 7, 255), 9, 255),
		"GIF, frame": changed(changed(film, bytes.IndexByte(film, ',')+6, 255), bytes.IndexByte(film, ',')+8, 255),
	} {
		if err := failure(file); err == nil || !strings.Contains(err.Error(), "pixels, more than 50000000") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
