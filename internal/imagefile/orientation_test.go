package imagefile_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/draw"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/imagefile"
)

// directory is Exif data of one tag besides the orientation, which is of the
// type SHORT (3) or LONG (4).
func directory(order binary.AppendByteOrder, kind uint16, o int) string {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][2]uint16{{0x0100, 7}, {0x0112, uint16(o)}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, kind)
		b = order.AppendUint32(b, 1)
		if kind == 3 {
			b = append(order.AppendUint16(b, e[1]), 0, 0)
		} else {
			b = order.AppendUint32(b, uint32(e[1]))
		}
	}
	return string(b)
}

// segment is a segment of a JPEG.
func segment(marker byte, data string) string {
	return string(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2))) + data
}

func pngChunk(kind, data string) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind+data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// TestOrientation compares with what the standard says of each orientation:
// on which side of the picture as seen the first row and the first column of
// the stored one are.
func TestOrientation(t *testing.T) {
	const w, h = 5, 3 // as seen
	row := []string{"", "top", "top", "bottom", "bottom", "left", "right", "right", "left"}
	column := []string{"", "left", "right", "right", "left", "top", "top", "bottom", "bottom"}
	want := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(want, want.Rect, grayed(w, h), image.Point{}, draw.Src)
	for o := 1; o <= 8; o++ {
		// at returns where the stored pixel of row r, column c is seen.
		at := func(r, c int) (p image.Point) {
			place := func(side string, i int) {
				switch side {
				case "left":
					p.X = i
				case "right":
					p.X = w - 1 - i
				case "top":
					p.Y = i
				case "bottom":
					p.Y = h - 1 - i
				}
			}
			place(row[o], r)
			place(column[o], c)
			return p
		}
		columns, rows := imagefile.Orientation(o).Size(w, h)
		stored := image.NewRGBA(image.Rect(0, 0, columns, rows))
		for r := range rows {
			for c := range columns {
				p := at(r, c)
				stored.SetRGBA(c, r, want.RGBAAt(p.X, p.Y))
			}
		}
		if !same(imagefile.Orientation(o).Apply(stored), want) {
			t.Errorf("orientation %d", o)
		}
	}
}

// TestExif finds the orientation wherever it is, and nothing in what makes no
// sense.
func TestExif(t *testing.T) {
	const exif = "Exif\x00\x00"
	photo, plain := string(asJPEG(t, grayed(8, 8))), string(asPNG(t, grayed(2, 2)))
	jpeg := func(segments string) string { return photo[:2] + segments + photo[2:] }
	for o := range 10 {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, kind := range []uint16{3, 4} {
				d := directory(order, kind, o)
				turned := segment(0xe1, exif+d)
				end := len(plain) - 12 // before IEND
				for name, file := range map[string]string{
					"JPEG":                    jpeg(turned),
					"after others":            jpeg(segment(0xe0, "JFIF") + segment(0xfe, "text") + turned),
					"after fill":              jpeg("\xff\xff\xff" + turned),
					"after what is nothing":   jpeg(segment(0xfe, "") + "\x00\x01" + turned),
					"after another APP1":      jpeg(segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00") + turned),
					"before another":          jpeg(turned + segment(0xe1, exif+directory(order, kind, 3))),
					"in two segments":         jpeg(segment(0xe1, exif+d[:15]) + segment(0xe1, exif+d[15:])),
					"PNG, before the pixels":  plain[:33] + string(pngChunk("eXIf", d)) + plain[33:],
					"PNG, after the pixels":   plain[:end] + string(pngChunk("eXIf", d)) + plain[end:],
					"PNG with Exif's heading": plain[:33] + string(pngChunk("eXIf", exif+d)) + plain[33:],
				} {
					want := imagefile.Orientation(o)
					if o > 8 {
						want = 0
					}
					if got := orientation(t, file); got != want {
						t.Errorf("%s, %v, type %d: orientation %d, want %d", name, order, kind, got, want)
					}
				}
			}
		}
	}
	const xmp = "http://ns.adobe.com/xap/1.0/\x00"
	d := directory(binary.BigEndian, 3, 6)
	for text, want := range map[string]imagefile.Orientation{`<a tiff:Orientation="6"/>`: 6, "<tiff:Orientation>3<": 3, `tiff:Orientation="9"`: 0, "tiff:Orientation=6": 0, "": 0} {
		if got := orientation(t, jpeg(segment(0xe1, xmp+text))); got != want {
			t.Errorf("XMP %q: orientation %d, want %d", text, got, want)
		}
	}
	if got := orientation(t, jpeg(segment(0xe1, xmp+`tiff:Orientation="3"`)+segment(0xe1, exif+d))); got != 6 {
		t.Errorf("XMP before Exif: orientation %d", got)
	}
	for name, data := range map[string]string{
		"empty": "", "no order": "XX" + d[2:], "cut": d[:len(d)-3], "a place beyond": d[:4] + "\xff\xff\xff\xff" + d[8:],
		"a place of its own": d[:4] + "\x00\x00\x00\x00" + d[8:], "a type unknown": d[:25] + "\x07" + d[26:], "values elsewhere": d[:28] + "\xff\xff\xff\xff" + d[32:],
	} {
		if got := orientation(t, jpeg(segment(0xe1, exif+data))); got != 0 {
			t.Errorf("%s: orientation %d", name, got)
		}
	}
}

func orientation(t *testing.T, file string) imagefile.Orientation {
	t.Helper()
	f, err := imagefile.Open(bytes.NewReader([]byte(file)), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return f.Orientation
}

func deflated(text string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// profile is Exif data as ImageMagick writes them into a text.
func profile(exif string) string {
	return fmt.Sprintf("\nexif\n%8d\n%x\n%x\n", len(exif), exif[:9], exif[9:])
}

// TestTexts finds the orientation in the texts of a PNG.
func TestTexts(t *testing.T) {
	const xmp, raw, text = "XML:com.adobe.xmp\x00", "Raw profile type exif\x00", `tiff:Orientation="" tiff:Orientation="8"`
	plain, d := string(asPNG(t, grayed(2, 2))), "Exif\x00\x00"+directory(binary.BigEndian, 3, 6)
	for _, test := range []struct {
		name, kind, data string
		want             imagefile.Orientation
	}{
		{"XMP", "iTXt", xmp + "\x00\x00\x00\x00" + text, 8},
		{"XMP in a language", "iTXt", xmp + "\x00\x00en\x00key\x00" + text, 8},
		{"XMP, compressed", "iTXt", xmp + "\x01\x00\x00\x00" + deflated(text), 8},
		{"XMP as plain text", "tEXt", xmp + text, 8},
		{"Exif", "tEXt", raw + profile(d), 6},
		{"Exif, compressed", "zTXt", raw + "\x00" + deflated(profile(d)), 6},
		{"of another key", "tEXt", "Raw profile type xmp\x00" + profile(d), 0},
		{"no method", "zTXt", raw, 0},
		{"no flags", "iTXt", xmp + "\x00", 0},
		{"no zlib", "zTXt", raw + "\x00text", 0},
		{"cut", "zTXt", raw + "\x00" + deflated(profile(d))[:20], 0},
		{"too long", "zTXt", raw + "\x00" + deflated(profile(d)+strings.Repeat("0", 1<<20)), 0},
		{"no lines", "tEXt", raw + "4d4d", 0},
		{"no digits", "tEXt", raw + "\nexif\n2\nxy", 0},
	} {
		if got := orientation(t, plain[:33]+string(pngChunk(test.kind, test.data))+plain[33:]); got != test.want {
			t.Errorf("%s: orientation %d, want %d", test.name, got, test.want)
		}
	}
	chunk := string(pngChunk("eXIf", directory(binary.BigEndian, 3, 0)))
	if got := orientation(t, plain[:33]+chunk+string(pngChunk("tEXt", raw+profile(d)))+string(pngChunk("tEXt", xmp+text))+plain[33:]); got != 0 {
		t.Errorf("Exif data that say 0: orientation %d", got)
	}
}
