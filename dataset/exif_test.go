package dataset

import (
	"encoding/binary"
	"image"
	"image/color"
	"testing"
)

// withOrientation puts an Exif segment into a JPEG file.
func withOrientation(jpeg []byte, order binary.AppendByteOrder, o int) []byte {
	tiff := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	for _, e := range [][2]uint16{{0x0100, 7}, {0x0112, uint16(o)}} {
		tiff = order.AppendUint16(tiff, e[0])
		tiff = order.AppendUint16(tiff, 3)
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(tiff, e[1])
		tiff = append(tiff, 0, 0)
	}
	segment := append([]byte("Exif\x00\x00"), tiff...)
	b := append([]byte{}, jpeg[:2]...)
	b = append(b, 0xff, 0xe0, 0, 4, 1, 2) // some other segment first
	b = append(b, 0xff, 0xe1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(segment)+2))
	return append(append(b, segment...), jpeg[2:]...)
}

// TestOrientation compares with what the standard says of each orientation:
// on which side of the picture as seen the first row and the first column of
// the stored one are.
func TestOrientation(t *testing.T) {
	const w, h = 32, 16 // as seen
	seen := func(x, y int) byte { return byte(60*(x/(w/2)) + 120*(y/(h/2))) }
	row := []string{"", "top", "top", "bottom", "bottom", "left", "right", "right", "left"}
	column := []string{"", "left", "right", "right", "left", "top", "top", "bottom", "bottom"}
	for o := 1; o <= 8; o++ {
		// at returns where the stored pixel of row r, column c is seen.
		at := func(r, c int) (x, y int) {
			place := func(side string, i int) {
				switch side {
				case "left":
					x = i
				case "right":
					x = w - 1 - i
				case "top":
					y = i
				case "bottom":
					y = h - 1 - i
				}
			}
			place(row[o], r)
			place(column[o], c)
			return x, y
		}
		rows, columns := h, w
		if o >= 5 {
			rows, columns = w, h
		}
		stored := image.NewGray(image.Rect(0, 0, columns, rows))
		for r := range rows {
			for c := range columns {
				x, y := at(r, c)
				stored.SetGray(c, r, color.Gray{seen(x, y)})
			}
		}
		file := encodeJPEG(t, stored)
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			turned := withOrientation(file, order, o)
			for i, v := range decoded(t, turned, 1, h, w) {
				if want := seen(i%w, i/w); max(v, want)-min(v, want) > 3 {
					t.Fatalf("orientation %d, %v: at %d, %d: %d, want %d", o, order, i%w, i/w, v, want)
				}
			}
		}
	}
}
