package imagefile

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
)

// The keys of texts of a PNG that hold XMP, and Exif data as ImageMagick writes
// them.
const (
	pngXMP  = "XML:com.adobe.xmp\x00"
	pngExif = "Raw profile type exif\x00"
)

// pngOrientation finds the orientation, wherever Pillow finds it: in the chunk
// eXIf, else in a text of Exif data, else in XMP. Of several the last counts.
func (s *source) pngOrientation() Orientation {
	var exif []byte
	var raw, xmp pngText
	found := false
	for c := range s.chunks() {
		switch c.kind {
		case "eXIf", "tEXt", "zTXt", "iTXt":
		default:
			continue
		}
		if c.size > maxExif {
			continue
		}
		data, err := s.bytes(c.at+8, c.size)
		if err != nil {
			continue
		}
		if c.kind == "eXIf" {
			exif, found = data, true
		} else if rest, ok := bytes.CutPrefix(data, []byte(pngXMP)); ok {
			xmp = pngText{c.kind, rest}
		} else if rest, ok := bytes.CutPrefix(data, []byte(pngExif)); ok {
			raw = pngText{c.kind, rest}
		}
	}
	if !found {
		exif = rawProfile(raw.value())
	}
	return orientationOf(exif, xmp.value())
}

// A pngText is what follows the key in a chunk of text.
type pngText struct {
	kind string
	data []byte
}

// value returns the text, nil if there is none or more than maxExif.
func (t pngText) value() []byte {
	data, compressed := t.data, t.kind == "zTXt"
	switch {
	case t.kind == "iTXt":
		if len(data) < 2 {
			return nil
		}
		compressed = data[0] != 0
		_, data, _ = bytes.Cut(data[2:], []byte{0}) // the language
		_, data, _ = bytes.Cut(data, []byte{0})     // the key in it
	case compressed:
		if len(data) == 0 {
			return nil
		}
		data = data[1:] // the method, of which there is one
	}
	if !compressed {
		return data
	}
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(z, maxExif+1))
	if err != nil || len(text) > maxExif {
		return nil
	}
	return text
}

// rawProfile returns the data that a text of ImageMagick's has in hexadecimal,
// behind three lines that are empty or tell its kind and length.
func rawProfile(text []byte) []byte {
	lines := bytes.SplitN(text, []byte{'\n'}, 4)
	if len(lines) < 4 {
		return nil
	}
	digits := bytes.Join(bytes.Fields(lines[3]), nil)
	data := make([]byte, len(digits)/2)
	if _, err := hex.Decode(data, digits); err != nil {
		return nil
	}
	return data
}
