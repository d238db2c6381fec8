package imagefile_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"testing"
)

// TestGIF compares with package image/gif, which knows the plain ones.
func TestGIF(t *testing.T) {
	some := indexed(3, color.White, color.Black, color.RGBA{1, 2, 3, 255})
	clear := indexed(3, color.White, color.RGBA{}, color.Black)
	smaller := indexed(2, color.White, color.Black)
	smaller.Rect = smaller.Rect.Add(image.Pt(3, 1))
	interlaced := asGIF(t, some)
	interlaced[bytes.IndexByte(interlaced, ',')+9] |= 0x40
	comma := bytes.IndexByte(asGIF(t, some), ',')
	extended := func(extension string) []byte {
		return slices.Concat(asGIF(t, some)[:comma], []byte(extension), asGIF(t, some)[comma:])
	}
	for name, file := range map[string][]byte{
		"a comment": extended("!\xfe\x02ab\x00"), "an empty comment": extended("!\xfe\x00"), "an empty field": extended("!\xff\x00\x03ab;\x00"),
		"plain": asGIF(t, some), "clear": asGIF(t, clear), "film": asGIF(t, some, clear), "smaller": asGIF(t, smaller), "interlaced": interlaced,
	} {
		got, _ := decode(t, file)
		want, err := gif.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := got.(*image.RGBA); ok { // on a larger canvas
			got = p.SubImage(want.Bounds())
		}
		if !same(got, want) {
			t.Errorf("%s: other pixels", name)
		}
	}
}

// TestGIFBeyond: a frame that is larger than the canvas makes it larger, and
// what follows the pixels is passed over.
func TestGIFBeyond(t *testing.T) {
	some := indexed(3, color.White, color.Black, color.RGBA{1, 2, 3, 255})
	file := asGIF(t, some)
	comma := bytes.IndexByte(file, ',')
	for name, other := range map[string][]byte{
		"a canvas too small":   changed(file, 6, 2),
		"no canvas":            changed(changed(file, 6, 0), 8, 0),
		"no end":               file[:len(file)-2],
		"junk before":          bytes.Join([][]byte{file[:comma], {0, 7}, file[comma:]}, nil),
		"an unknown extension": bytes.Join([][]byte{file[:comma], []byte("!\x77\x02ab\x01c\x00"), file[comma:]}, nil),
	} {
		if got, _ := decode(t, other); !same(got, some) {
			t.Errorf("%s: other pixels", name)
		}
	}
	fewer := changed(file, comma+7, 3) // a row less than there is data for
	if got, _ := decode(t, fewer); got.Bounds().Dy() != 4 {
		t.Error(got.Bounds())
	}
	if err := failure(changed(file, comma+7, 5)); err == nil || err.Error() != "not enough image data" {
		t.Error(err)
	}
}
