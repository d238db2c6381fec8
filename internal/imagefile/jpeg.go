package imagefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
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
	markerAPP1 = 0xe1
)

func openJPEG(s *source) (*File, error) {
	h, err := readJPEGHeader(s.stream(""))
	if err != nil {
		return nil, err
	}
	f := &File{Width: h.width, Height: h.height, Gray: h.components == 1, Orientation: exifOrientation(h.exif)}
	f.decode = func() (image.Image, error) {
		m, err := s.complete(jpeg.Decode, string([]byte{0xff, markerEOI}))
		var u jpeg.UnsupportedError
		if errors.As(err, &u) {
			return nil, unsupported("JPEG pictures with this %s", string(u))
		}
		return m, err
	}
	return f, nil
}

type jpegHeader struct {
	width, height, components int
	exif                      []byte
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

// app1 keeps Exif data. Where it is too long for a segment, the next one goes
// on with it.
func (h *jpegHeader) app1(r *bufio.Reader, n int) error {
	const name = "Exif\x00\x00"
	start, err := r.Peek(min(n, len(name)))
	if err != nil || string(start) != name || len(h.exif)+n > maxExif {
		_, err := r.Discard(n)
		return err
	}
	if h.exif != nil {
		if _, err := r.Discard(len(name)); err != nil {
			return err
		}
		n -= len(name)
	}
	old := len(h.exif)
	h.exif = append(h.exif, make([]byte, n)...)
	_, err = io.ReadFull(r, h.exif[old:])
	return err
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
