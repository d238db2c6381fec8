package imagefile_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
	"golang.org/x/image/tiff"
)

// A tag of a TIFF, with values of the type LONG.
type tag struct {
	number uint16
	values []uint32
}

// asTIFF is a TIFF of one strip or tile of 8 × 8 pixels in gray, but for the tags
// given.
func asTIFF(order binary.AppendByteOrder, data string, tags ...tag) []byte {
	all := []tag{
		{256, []uint32{8}}, {257, []uint32{8}}, {258, []uint32{8}}, {259, []uint32{1}}, {262, []uint32{1}}, {273, []uint32{8}},
		{278, []uint32{8}}, {279, []uint32{uint32(len(data))}},
	}
	for _, t := range tags {
		all = slices.DeleteFunc(all, func(other tag) bool { return other.number == t.number })
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b tag) int { return int(a.number) - int(b.number) })
	magic := "II*\x00"
	if order == binary.AppendByteOrder(binary.BigEndian) {
		magic = "MM\x00*"
	}
	far := []byte(data)
	var entries []byte
	for _, t := range all {
		entries = order.AppendUint16(order.AppendUint16(entries, t.number), 4)
		entries = order.AppendUint32(entries, uint32(len(t.values)))
		if len(t.values) == 1 {
			entries = order.AppendUint32(entries, t.values[0])
			continue
		}
		entries = order.AppendUint32(entries, uint32(8+len(far)))
		for _, v := range t.values {
			far = order.AppendUint32(far, v)
		}
	}
	b := order.AppendUint32([]byte(magic), uint32(8+len(far)))
	b = order.AppendUint16(append(b, far...), uint16(len(all)))
	return order.AppendUint32(append(b, entries...), 0)
}

func TestTIFF(t *testing.T) {
	pixels := grayed(8, 8)
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for o := range uint32(10) {
			file := asTIFF(order, string(pixels.Pix), tag{274, []uint32{o}})
			f, err := imagefile.Open(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			if m, gray, err := f.Decode(); err != nil || !gray || !same(m, pixels) || uint32(f.Orientation) != o%9 {
				t.Errorf("%v: gray %v, orientation %d for %d, %v", order, gray, f.Orientation, o, err)
			}
		}
	}
	for name, m := range map[string]image.Image{"colour": painted(5, 3), "palette": indexed(2, color.White, color.NRGBA{255, 0, 0, 255})} {
		for _, c := range []tiff.CompressionType{tiff.Uncompressed, tiff.Deflate} {
			file := encoded(t, func(b *bytes.Buffer) error {
				return tiff.Encode(b, m, &tiff.Options{Compression: c, Predictor: name == "colour"})
			})
			if got, gray := decode(t, file); gray || !same(got, m) {
				t.Errorf("%s, compression %v: other pixels", name, c)
			}
		}
	}
}

// TestTIFFRefusals: what package tiff does not know, or reads wrongly, is named.
// What would take too long or too much is refused before it is begun.
func TestTIFFRefusals(t *testing.T) {
	one := func(number uint16, v ...uint32) tag { return tag{number, v} }
	tiles := func(w, h, tw, th uint32) []tag {
		return []tag{one(256, w), one(257, h), one(322, tw), one(323, th), one(324, 8), one(325, 64)}
	}
	rgb := []tag{one(258, 8, 8, 8), one(262, 2), one(277, 3)}
	for name, test := range map[string]struct {
		tags []tag
		want string
	}{
		"CMYK":            {[]tag{one(258, 8, 8, 8, 8), one(262, 5)}, "cannot read TIFF pictures in CMYK"},
		"gray and alpha":  {[]tag{one(258, 8, 8), one(277, 2)}, "cannot read TIFF pictures in gray or with a palette that have alpha"},
		"one bit depth":   {[]tag{one(277, 2)}, "of 2 samples with bits for 1"},
		"planes":          {append(rgb[:3:3], one(284, 2)), "separate planes"},
		"5 samples":       {[]tag{one(258, 8, 8, 8, 8, 8), one(262, 2)}, "RGB of 5 samples"},
		"4 bits":          {[]tag{one(258, 4)}, "4 bits a sample"},
		"16-bit palette":  {[]tag{one(258, 16), one(262, 3)}, "16 bits a sample"},
		"float":           {[]tag{one(339, 3)}, "floating-point"},
		"JPEG":            {[]tag{one(259, 7)}, "compressed by JPEG"},
		"Zstandard":       {[]tag{one(259, 50000)}, "compressed by Zstandard"},
		"unknown":         {[]tag{one(259, 77)}, "compressed by the unknown 77"},
		"2D fax":          {[]tag{one(258, 1), one(259, 3), one(292, 1)}, "two-dimensional"},
		"fax of bytes":    {[]tag{one(259, 4)}, "for 1 bit"},
		"reversed bits":   {[]tag{one(258, 1), one(266, 2)}, "reverse order"},
		"predictor":       {[]tag{one(317, 3)}, "predictor 3"},
		"size":            {[]tag{one(256, 1<<31), one(257, 1<<31)}, "more than 50000000"},
		"no size":         {[]tag{one(256, 0)}, "0×8 pixels"},
		"strips":          {[]tag{one(256, 1), one(257, 1<<20), one(278, 1)}, "1048576 strips, more than 131072"},
		"tiles":           {tiles(1, 50_000_000, 1024, 16), "tiles of 1024×16 pixels, more than"},
		"a huge tile":     {tiles(8, 8, 1<<31, 1<<31), "tiles of 2147483648×2147483648 pixels"},
		"strips of bytes": {[]tag{one(278, 1), {279, []uint32{1 << 28, 1, 1, 1, 1, 1, 1, 1}}}, "strips or tiles of 268435463 bytes together"},
		"small tiles":     {tiles(8, 8, 1, 1), "tiles of 1×1 pixels"},
	} {
		err := failure(asTIFF(binary.LittleEndian, strings.Repeat("x", 64), test.tags...))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	whole := asTIFF(binary.LittleEndian, strings.Repeat("x", 64))
	for n := range len(whole) - 4 {
		if failure(whole[:n]) == nil {
			t.Errorf("the first %d of %d bytes went through", n, len(whole))
		}
	}
}
