package dataset

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// TestChannels: what is decoded decides on the channels of a folder, and not
// what a header has that no pixel uses.
func TestChannels(t *testing.T) {
	paletted := func(p ...color.Color) []byte {
		m := image.NewPaletted(image.Rect(0, 0, 4, 4), p)
		for i := range m.Pix {
			m.Pix[i] = byte(i % 2)
		}
		// Without a table for all frames, as EncodeAll writes it.
		return encodeGIF(t, &gif.GIF{Image: []*image.Paletted{m}, Delay: []int{0}})
	}
	gray, red := color.Gray{90}, color.NRGBA{255, 0, 0, 255}
	colour := encodePNG(t, painted(4, 4, func(x, y int) color.Color { return color.NRGBA{byte(x), 200, byte(y), 255} }))
	clear := encodePNG(t, image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{color.NRGBA{255, 0, 0, 0}, gray}))
	for _, test := range []struct {
		name  string
		files [][]byte
		want  int
	}{
		{"gray", [][]byte{encodePNG(t, grayed(4, 4, 9)), encodeJPEG(t, grayed(4, 4, 8))}, 1},
		{"a gray palette", [][]byte{paletted(gray, color.Black), encodePNG(t, grayed(4, 4, 9))}, 1},
		{"a palette with a colour that is not used", [][]byte{paletted(gray, color.Black, red), clear}, 1},
		{"one in colour", [][]byte{paletted(gray, color.Black), paletted(gray, red)}, 3},
		{"colour", [][]byte{colour, encodePNG(t, grayed(4, 4, 9))}, 3},
		{"one in colour that cannot be read", [][]byte{colour[:len(colour)-20], encodePNG(t, grayed(4, 4, 9)), clear}, 1},
	} {
		dir, cache := t.TempDir(), t.TempDir()
		for i, file := range test.files {
			put(t, filepath.Join(dir, fmt.Sprintf("%d.png", i)), file)
		}
		for range 2 { // read, then from the cache
			train, held, err := Open(t.Context(), dir, Options{Cache: cache})
			if err != nil {
				t.Fatal(err)
			}
			train.check()
			held.check()
			if train.C != test.want || held.C != test.want || train.H != 4 {
				t.Errorf("%s: %d and %d channels, want %d", test.name, train.C, held.C, test.want)
			}
			asked, _, err := Open(t.Context(), dir, Options{Cache: cache, Shape: lane.Shape{C: test.want, H: 4, W: 4}})
			if err != nil || !bytes.Equal(asked.Pixels, train.Pixels) {
				t.Errorf("%s: other pixels than with the channels asked for, %v", test.name, err)
			}
		}
	}
}

// TestUnsupported: valid pictures that the decoders do not know are not to be
// mended.
func TestUnsupported(t *testing.T) {
	photo := encodeJPEG(t, painted(8, 8, func(x, y int) color.Color { return color.White }))
	photo[bytes.Index(photo, []byte{0xff, 0xc0})+1] = 0xc9
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.jpg"), photo)
	put(t, filepath.Join(dir, "b.jpg"), photo)
	_, _, err := Open(t.Context(), dir, Options{Cache: t.TempDir()})
	var e *Error
	if !errors.As(err, &e) || !strings.HasSuffix(e.What, "this decoder cannot read arithmetic-coded JPEG pictures; save it again as PNG") ||
		e.Hint != "joule data verify lists them all; save them again as PNG" {
		t.Errorf("%+v", err)
	}
	put(t, filepath.Join(dir, "c.jpg"), photo[:20])
	if _, _, err = Open(t.Context(), dir, Options{Cache: t.TempDir()}); !errors.As(err, &e) || !strings.Contains(e.Hint, "mend them") {
		t.Errorf("%+v", err)
	}
	if _, err := ReadImage(filepath.Join(dir, "a.jpg"), lane.Shape{C: 1, H: 1, W: 1}); !errors.As(err, &e) || e.Hint != "save it again as PNG" {
		t.Errorf("%+v", err)
	}
}

// TestEndings: all formats are found by their names, in any case.
func TestEndings(t *testing.T) {
	webp, err := base64.StdEncoding.DecodeString("UklGRj4AAABXRUJQVlA4IDIAAADQAQCdASoDAAIAAMASJaACdLoB+AADsAD+2ib/7vN+09e09f1M//jKnyA/4yp/xcwAAA==")
	if err != nil {
		t.Fatal(err)
	}
	m := painted(3, 2, func(x, y int) color.Color { return color.NRGBA{201, 100, 50, 255} })
	var asBMP, asTIFF bytes.Buffer
	if err := errors.Join(bmp.Encode(&asBMP, m), tiff.Encode(&asTIFF, m, nil)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := map[string][]byte{"a.webp": webp, "b.bmp": asBMP.Bytes(), "c.dib": asBMP.Bytes()[14:], "d.tif": asTIFF.Bytes(), "e.TIFF": asTIFF.Bytes(), "f.apng": encodePNG(t, m)}
	for _, ending := range []string{"jfif", "JPE", "jif", "jpeg"} {
		names["g."+ending] = encodeJPEG(t, m)
	}
	for name, file := range names {
		put(t, filepath.Join(dir, name), file)
	}
	train, held, err := Open(t.Context(), dir, Options{Cache: t.TempDir(), Folder: func(e FolderEvent) {
		if e.Err != nil {
			t.Errorf("%s: %v", e.Path, e.Err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if train.N+held.N != len(names) || train.C != 3 || train.H != 2 || train.W != 3 {
		t.Errorf("%d and %d images of %d×%d×%d", train.N, held.N, train.C, train.H, train.W)
	}
	for i, v := range train.Pixels {
		if want := []byte{201, 100, 50}[i/6%3]; max(v, want)-min(v, want) > 2 {
			t.Fatalf("value %d is %d, want %d", i, v, want)
		}
	}
}

// TestSizeOfReadable: a picture that turns out to be cut off has no part in the
// size either.
func TestSizeOfReadable(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	tiles(t, dir, "1.png", "2.png")
	large := encodePNG(t, grayed(90, 90, 3))
	put(t, filepath.Join(dir, "cut.png"), large[:len(large)-20])
	for range 2 { // read, then from the cache
		train, held, p := openTest(t, dir, Options{Cache: cache})
		if train.W != 6 || train.H != 4 || train.C != 1 || train.N+held.N != 2 || len(p.files) != 1 || train.Pixels[0]+held.Pixels[0] != 3 {
			t.Errorf("%d×%d×%d, left out %v", train.C, train.H, train.W, p.files)
		}
	}
}
