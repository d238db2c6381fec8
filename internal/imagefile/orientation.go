package imagefile

import (
	"bytes"
	"image"
)

// An Orientation is Exif's (JEITA CP-3451, tag 0x0112): 1 to 8 say which corner
// of the stored picture is the first one of what was seen. 0 and 1 leave it as
// it is.
type Orientation int

// maxExif bounds what is read of a picture's Exif data: the orientation is in
// its first directory, whose place is anywhere.
const maxExif = 1 << 20

// orientationOf is that of Exif data, or where those have none, that of XMP, as in
// Pillow. It is 0 where there is none, or where what is there makes no sense.
func orientationOf(exif, xmp []byte) Orientation {
	d, err := readDirectory(bytes.NewReader(bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))))
	if err != nil || !d.oriented() {
		return xmpOrientation(xmp)
	}
	return d.orientation()
}

func xmpOrientation(xmp []byte) Orientation {
	for {
		_, rest, found := bytes.Cut(xmp, []byte("tiff:Orientation"))
		if !found {
			return 0
		}
		for _, mark := range []string{`="`, ">"} {
			if after, ok := bytes.CutPrefix(rest, []byte(mark)); ok && len(after) > 0 && after[0] >= '0' && after[0] <= '9' {
				if after[0] == '9' {
					return 0
				}
				return Orientation(after[0] - '0')
			}
		}
		xmp = rest
	}
}

// oriented tells whether there is an orientation. Like Pillow, this takes no
// bytes.
func (d *directory) oriented() bool {
	e := d.entry(tagOrientation)
	return e != nil && d.order.Uint16(e[2:]) != typeByte
}

// orientation returns that of the directory of a TIFF or of Exif data. It is a
// SHORT; some write a LONG.
func (d *directory) orientation() Orientation {
	if !d.oriented() {
		return 0
	}
	v, err := d.value(tagOrientation, 0)
	if err != nil || v > 8 {
		return 0
	}
	return Orientation(v)
}

// Size returns the width and height of a picture as stored that is w × h once
// it is turned, or the other way round.
func (o Orientation) Size(w, h int) (int, int) {
	if o >= 5 {
		return h, w
	}
	return w, h
}

// Apply returns m, whose corner is at 0, 0, as it was seen.
func (o Orientation) Apply(m *image.RGBA) *image.RGBA {
	if o <= 1 {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	dw, dh := o.Size(w, h)
	dst := image.NewRGBA(image.Rect(0, 0, dw, dh))
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
