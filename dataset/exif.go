package dataset

import (
	"bufio"
	"encoding/binary"
	"image"
	"io"

	"github.com/joule-ml/joule/lane"
)

// An orientation is Exif's: 1 to 8 say which corner of the stored picture is
// the first one of what was seen. 0 and 1 leave it as it is.
type orientation int

// readOrientation finds the orientation in the segments before the pixels of a
// JPEG file (JEITA CP-3451, tag 0x0112); 0 where there is none or where what
// is there makes no sense.
func readOrientation(r *bufio.Reader) orientation {
	const (
		app1 = 0xe1
		sos  = 0xda // start of scan: pixels follow
	)
	if _, err := r.Discard(2); err != nil {
		return 0
	}
	for {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil || b[0] != 0xff || b[1] == sos {
			return 0
		}
		n := int(binary.BigEndian.Uint16(b[2:])) - 2
		if n < 0 {
			return 0
		}
		if b[1] != app1 {
			if _, err := r.Discard(n); err != nil {
				return 0
			}
			continue
		}
		segment := make([]byte, n) // below 64 kB
		if _, err := io.ReadFull(r, segment); err != nil {
			return 0
		}
		if n > 6 && string(segment[:6]) == "Exif\x00\x00" {
			return parseOrientation(segment[6:])
		}
	}
}

// parseOrientation reads the first directory of a TIFF header.
func parseOrientation(b []byte) orientation {
	if len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	first := int64(order.Uint32(b[4:]))
	if first+2 > int64(len(b)) {
		return 0
	}
	entries := int(order.Uint16(b[first:]))
	for e := b[first+2:]; entries > 0 && len(e) >= 12; entries, e = entries-1, e[12:] {
		const tag, short = 0x0112, 3
		if order.Uint16(e) == tag && order.Uint16(e[2:]) == short {
			if v := order.Uint16(e[8:]); v >= 1 && v <= 8 {
				return orientation(v)
			}
			return 0
		}
	}
	return 0
}

// size returns the width and height that a picture must have to be of shape
// once it is turned.
func (o orientation) size(s lane.Shape) (w, h int) {
	if o >= 5 {
		return s.H, s.W
	}
	return s.W, s.H
}

// apply returns m as it was seen.
func (o orientation) apply(m *image.RGBA) *image.RGBA {
	if o <= 1 {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	if o >= 5 {
		dst = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var to image.Point
			switch o {
			case 2: // mirrored
				to = image.Pt(w-1-x, y)
			case 3: // upside down
				to = image.Pt(w-1-x, h-1-y)
			case 4: // upside down, mirrored
				to = image.Pt(x, h-1-y)
			case 5: // transposed
				to = image.Pt(y, x)
			case 6: // to be turned clockwise
				to = image.Pt(h-1-y, x)
			case 7: // transposed along the other diagonal
				to = image.Pt(h-1-y, w-1-x)
			case 8: // to be turned anticlockwise
				to = image.Pt(y, w-1-x)
			}
			dst.SetRGBA(to.X, to.Y, m.RGBAAt(x, y))
		}
	}
	return dst
}
