package imagefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerTEM  = 0x01
	markerSOF0 = 0xc0 // baseline; SOF2, 0xc2, is progressive
	markerSOF2 = 0xc2
	markerSOFf = 0xcf
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerRST0 = 0xd0
	markerEOI  = 0xd9
	markerSOS  = 0xda // pixels follow
	markerAPP1 = 0xe1 // Exif and XMP
	markerAPPe = 0xee // Adobe's
)

// maxScans bounds how often a progressive picture is gone through: a scan may
// take a few bytes of the file, and each visits all pixels. Ten are usual;
// libjpeg-turbo advises to stop at 500.
const maxScans = 500

func openJPEG(s *source) (*File, error) {
	h, err := readJPEGHeader(s.stream(""))
	if err != nil {
		return nil, err
	}
	f := &File{Width: h.width, Height: h.height, Gray: h.components == 1, Orientation: orientationOf(h.exif, h.xmp)}
	f.decode = func() (image.Image, error) {
		if h.progressive {
			if n := countScans(s); n > maxScans {
				return nil, fmt.Errorf("%d scans, more than %d", n, maxScans)
			}
		}
		if h.components == 4 && !h.adobe {
			return jpeg.Decode(adobeFirst(s))
		}
		m, err := s.complete(jpeg.Decode, string([]byte{0xff, markerEOI}))
		var u jpeg.UnsupportedError
		if errors.As(err, &u) {
			return nil, unsupported("JPEG pictures with this %s", string(u))
		}
		return m, err
	}
	return f, nil
}

// countScans counts the markers of scans. Within the pixels no 0xff is followed
// by anything but 0 or a marker; thumbnails may have some more.
func countScans(s *source) int {
	n, last, r := 0, byte(0), s.stream("")
	for {
		b, err := r.ReadByte()
		if err != nil {
			return n
		}
		if last == 0xff && b == markerSOS {
			n++
		}
		last = b
	}
}

// adobeFirst reads a picture in CMYK with the segment that Adobe's programs
// write: package image/jpeg refuses those without. Like Pillow, it takes their
// values for inverted, too.
func adobeFirst(s *source) io.Reader {
	const adobe = "\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
	r := s.stream("")
	r.Discard(2) // that much is there
	return io.MultiReader(strings.NewReader(adobe), r)
}

type jpegHeader struct {
	width, height, components int
	progressive, adobe        bool
	exif, xmp                 []byte
}

// readJPEGHeader reads the segments before the pixels. Like libjpeg, it takes
// any number of 0xff before a marker and passes over what is no segment.
func readJPEGHeader(r *bufio.Reader) (h jpegHeader, err error) {
	if _, err := r.Discard(2); err != nil {
		return h, err
	}
	for {
		marker, err := nextMarker(r)
		if err != nil {
			return h, err
		}
		if marker == markerTEM || marker >= markerRST0 && marker < markerEOI {
			continue // has no length
		}
		if marker == markerEOI {
			return h, errors.New("a JPEG picture that ends before its pixels")
		}
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return h, err
		}
		n := int(binary.BigEndian.Uint16(b[:])) - 2
		if n < 0 {
			return h, fmt.Errorf("a JPEG segment of %d bytes", n+2)
		}
		switch {
		case marker == markerSOS:
			if h.components == 0 {
				return h, errors.New("a JPEG picture without a size")
			}
			return h, nil
		case marker == markerAPP1:
			err = h.app1(r, n)
		case marker == markerAPPe:
			start, _ := r.Peek(min(n, 5))
			h.adobe = h.adobe || n >= 12 && string(start) == "Adobe"
			_, err = r.Discard(n)
		case marker >= markerSOF0 && marker <= markerSOFf && marker != markerDHT && marker != markerJPG && marker != markerDAC:
			err = h.frame(r, marker, n)
		default:
			_, err = r.Discard(n)
		}
		if err != nil {
			return h, err
		}
	}
}

func nextMarker(r *bufio.Reader) (byte, error) {
	for last := byte(0); ; {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if last == 0xff && b != 0xff && b != 0 {
			return b, nil
		}
		last = b
	}
}

// app1 keeps Exif and XMP data. Where Exif's is too long for a segment, the next
// one goes on with it.
func (h *jpegHeader) app1(r *bufio.Reader, n int) error {
	const exif, xmp = "Exif\x00\x00", "http://ns.adobe.com/xap/1.0/\x00"
	data := make([]byte, n) // below 64 kB
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	if text, ok := bytes.CutPrefix(data, []byte(xmp)); ok {
		h.xmp = text
	}
	if text, ok := bytes.CutPrefix(data, []byte(exif)); ok && len(h.exif)+len(text) <= maxExif {
		h.exif = append(h.exif, text...)
	}
	return nil
}

// frame reads a frame header, and refuses what the decoder would.
func (h *jpegHeader) frame(r *bufio.Reader, marker byte, n int) error {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if n < 6 || n < 6+3*int(b[5]) {
		return errors.New("a JPEG frame header that is too short")
	}
	if h.components != 0 {
		return errors.New("a JPEG picture with two sizes")
	}
	h.progressive = marker == markerSOF2
	bits := int(b[0])
	h.height, h.width, h.components = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])), int(b[5])
	switch {
	case marker > 0xc8:
		return unsupported("arithmetic-coded JPEG pictures")
	case marker == 0xc3:
		return unsupported("lossless JPEG pictures")
	case marker > markerSOF2:
		return unsupported("hierarchical JPEG pictures")
	case bits != 8:
		return unsupported("JPEG pictures of %d bits a sample", bits)
	case h.height == 0 && h.width > 0:
		return unsupported("JPEG pictures whose height follows their pixels")
	case h.components != 1 && h.components != 3 && h.components != 4:
		return unsupported("JPEG pictures of %d components", h.components)
	}
	if err := checkSize(h.width, h.height); err != nil {
		return err
	}
	return checkSampling(b[6:], h.components)
}

// checkSampling refuses what package image/jpeg does not know of the sampling
// of the components, three bytes each.
func checkSampling(b []byte, components int) error {
	cannot := unsupported("JPEG pictures with this sampling of colours")
	sampling := func(i int) (h, v int) { return int(b[3*i+1] >> 4), int(b[3*i+1] & 15) }
	for i := range components {
		h, v := sampling(i)
		if h < 1 || h > 4 || v < 1 || v > 4 {
			return errors.New("a JPEG picture whose sampling is none")
		}
		if h == 3 || v == 3 {
			return cannot
		}
	}
	if components != 3 {
		return nil // gray has none; of four components the decoder tells
	}
	h0, v0 := sampling(0)
	h1, v1 := sampling(1)
	h2, v2 := sampling(2)
	if v0 == 4 || h0%h1 != 0 || v0%v1 != 0 || h1 != h2 || v1 != v2 {
		return cannot
	}
	return nil
}
