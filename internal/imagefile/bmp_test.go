package imagefile_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
)

func asBMP(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, m) })
}

// TestBMP: package bmp knows the plainest headers; ours are read as those.
func TestBMP(t *testing.T) {
	colour := image.NewRGBA(image.Rect(0, 0, 5, 3))
	for i := range colour.Pix {
		colour.Pix[i] = byte(i*31) | byte(-(i % 4 / 3))
	}
	rgb, table := asBMP(t, colour), asBMP(t, indexed(2, color.NRGBA{9, 8, 7, 255}, color.Black))
	le := binary.LittleEndian
	// insert puts bytes before the pixels, whose place the header tells.
	insert := func(file []byte, more string) []byte {
		at := int(le.Uint32(file[10:]))
		file = bytes.Join([][]byte{file[:at], []byte(more), file[at:]}, nil)
		le.PutUint32(file[10:], uint32(at+len(more)))
		return file
	}
	longer := insert(rgb, strings.Repeat("\x00", 84)) // of 124 bytes
	longer[14] = 124
	core := append(append([]byte(nil), rgb[:14]...), "\x0c\x00\x00\x00\x05\x00\x03\x00\x01\x00"...)
	core = append(append(core, rgb[28:30]...), rgb[54:]...)
	le.PutUint32(core[10:], 26)
	for name, file := range map[string][]byte{
		"plain": rgb, "a gap": insert(rgb, "gap!"), "a longer header": longer, "a shorter header": core, "without the file's header": rgb[14:],
	} {
		if got, gray := decode(t, file); gray || !same(got, colour) {
			t.Errorf("%s: other pixels", name)
		}
	}
	if _, gray := decode(t, table); gray {
		t.Error("a coloured palette is gray")
	}
	if _, gray := decode(t, asBMP(t, grayed(4, 4))); !gray {
		t.Error("a gray palette is coloured")
	}
	huge := bytes.Clone(rgb)
	le.PutUint32(huge[18:], 1<<31-1)
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"run-length": {changed(table, 30, 1), "cannot read run-length coded BMP"},
		"16 bits":    {changed(rgb, 28, 16), "cannot read BMP pictures of 16 bits"},
		"masks":      {changed(insert(changed(rgb, 28, 32), "\x01\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00"), 30, 3), "masks of colours"},
		"PNG inside": {changed(rgb, 30, 5), "hold a JPEG or PNG"},
		"a header":   {changed(rgb, 14, 41), "a header of 41 bytes"},
		"half":       {rgb[:len(rgb)-5], "not enough pixel data"},
		"huge":       {huge, "more than 50000000"},
		"a palette":  {table[:60], "unexpected EOF"},
		"only BM":    {rgb[:10], "unexpected EOF"},
	} {
		if err := failure(test.file); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
