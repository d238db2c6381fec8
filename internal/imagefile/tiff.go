package imagefile

import (
	"errors"
	"fmt"
	"image"
	"slices"

	"golang.org/x/image/tiff"
)

// maxBlocks bounds the strips or tiles of a TIFF. Each takes some microseconds
// and some kilobytes, however small it is.
const maxBlocks = 1 << 17

// A layout is what the directory of a TIFF says of its pixels.
type layout struct {
	width, height                  uint32
	photometric, compression       uint32
	samples, planar, extra, format uint32
	fill, t4, predictor            uint32
	rows, tileWidth, tileHeight    uint32
	bits                           []uint32 // of each sample of a pixel
}

// openTIFF reads the directory of the first picture. It refuses by name what
// package tiff does not know, or would read wrongly without a word.
func openTIFF(s *source) (*File, error) {
	d, err := readDirectory(s)
	if err != nil {
		return nil, err
	}
	l, err := readLayout(d)
	if err != nil {
		return nil, err
	}
	if l.width > MaxPixels || l.height > MaxPixels {
		return nil, fmt.Errorf("%d×%d pixels, more than %d", l.width, l.height, MaxPixels)
	}
	if err := checkSize(int(l.width), int(l.height)); err != nil {
		return nil, err
	}
	for _, check := range []func() error{l.checkColours, l.checkCompression, l.checkBlocks} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if err := checkBytes(d); err != nil {
		return nil, err
	}
	f := &File{Width: int(l.width), Height: int(l.height), Gray: l.photometric <= black, Orientation: d.orientation()}
	if !d.oriented() {
		f.Orientation = xmpOrientation(d.bytes(tagXMP))
	}
	if _, err := tiff.DecodeConfig(s.SectionReader); err != nil {
		return nil, tiffError(err)
	}
	f.decode = func() (image.Image, error) {
		m, err := tiff.Decode(s.SectionReader)
		if gray, ok := m.(*image.Gray); ok && l.fax() && l.photometric == black {
			// In a fax, white is 0 before the colours are interpreted: so has
			// libtiff it, whose files these are.
			for i, v := range gray.Pix {
				gray.Pix[i] = 255 - v
			}
		}
		return m, tiffError(err)
	}
	return f, nil
}

// Photometric interpretations: what is 0, and colours.
const (
	white   = 0
	black   = 1
	rgb     = 2
	palette = 3
)

// Compressions.
const (
	uncompressed = 1
	group3       = 3
	group4       = 4
	tiffLZW      = 5
	deflate      = 8
	packBits     = 32773
	oldDeflate   = 32946
)

// fax tells whether the compression is of ITU-T T.4 or T.6.
func (l *layout) fax() bool { return l.compression == group3 || l.compression == group4 }

func tiffError(err error) error {
	var u tiff.UnsupportedError
	var f tiff.FormatError
	switch {
	case errors.As(err, &u):
		return unsupported("TIFF pictures with this %s", string(u))
	case errors.As(err, &f) && f == "tags are not sorted in ascending order":
		return unsupported("TIFF pictures whose tags are not sorted")
	}
	return err
}

func readLayout(d *directory) (*layout, error) {
	l := &layout{}
	for _, t := range []struct {
		to        *uint32
		tag       uint16
		otherwise uint32
	}{
		{&l.width, tagWidth, 0}, {&l.height, tagHeight, 0}, {&l.compression, tagCompression, uncompressed}, {&l.photometric, tagPhotometric, 0},
		{&l.fill, tagFillOrder, 1}, {&l.samples, tagSamples, 0}, {&l.rows, tagRowsPerStrip, 0}, {&l.planar, tagPlanar, 1},
		{&l.t4, tagT4Options, 0}, {&l.predictor, tagPredictor, 1}, {&l.tileWidth, tagTileWidth, 0}, {&l.tileHeight, tagTileHeight, 0},
		{&l.extra, tagExtraSamples, 0}, {&l.format, tagSampleFormat, 1},
	} {
		v, err := d.value(t.tag, t.otherwise)
		if err != nil {
			return nil, fmt.Errorf("a TIFF with a bad tag %d: %w", t.tag, err)
		}
		*t.to = v
	}
	bits, err := d.values(tagBits, 16)
	if err != nil {
		return nil, fmt.Errorf("a TIFF with bad bits a sample: %w", err)
	}
	if len(bits) == 0 {
		bits = []uint32{1}
	}
	l.bits = bits
	return l, nil
}

func (l *layout) checkColours() error {
	samples := len(l.bits)
	switch {
	case l.photometric > palette:
		names := map[uint32]string{4: "masks", 5: "CMYK", 6: "YCbCr", 8: "L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*"}
		name := names[l.photometric]
		if name == "" {
			name = fmt.Sprintf("the photometric interpretation %d", l.photometric)
		}
		return unsupported("TIFF pictures in %s", name)
	case l.samples != 0 && int(l.samples) != samples:
		return unsupported("TIFF pictures of %d samples with bits for %d", l.samples, samples)
	case l.photometric != rgb && samples != 1:
		return unsupported("TIFF pictures in gray or with a palette that have alpha or other samples")
	case l.photometric == rgb && (samples < 3 || samples > 4 || samples == 4 && l.extra != 1 && l.extra != 2):
		return unsupported("TIFF pictures in RGB of %d samples that are not alpha", samples)
	case l.planar != 1 && samples > 1:
		return unsupported("TIFF pictures of separate planes")
	case l.format != 1:
		return unsupported("TIFF pictures of signed or floating-point numbers")
	}
	bits := l.bits[0]
	if slices.Max(l.bits) != bits || slices.Min(l.bits) != bits || bits != 1 && bits != 8 && bits != 16 ||
		l.photometric == palette && bits == 16 || l.photometric == rgb && bits == 1 {
		return unsupported("TIFF pictures of %d bits a sample", bits)
	}
	return nil
}

func (l *layout) checkCompression() error {
	switch l.compression {
	case uncompressed, group3, group4, tiffLZW, deflate, packBits, oldDeflate:
	default:
		names := map[uint32]string{2: "CCITT run-length", 6: "old JPEG", 7: "JPEG", 34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}
		name := names[l.compression]
		if name == "" {
			name = fmt.Sprintf("the unknown %d", l.compression)
		}
		return unsupported("TIFF pictures compressed by %s", name)
	}
	predictable := l.compression == tiffLZW || l.compression == deflate || l.compression == oldDeflate
	switch {
	case l.compression == group3 && l.t4&1 != 0:
		return unsupported("TIFF pictures compressed by two-dimensional CCITT Group 3")
	case l.fax() && l.bits[0] != 1:
		return errors.New("a TIFF of more than 1 bit a sample in a compression for 1 bit")
	case !l.fax() && l.fill == 2 && l.bits[0] == 1:
		return unsupported("TIFF pictures whose bits are in reverse order")
	case l.predictor != 1 && (l.predictor != 2 || !predictable || l.bits[0] == 1):
		return unsupported("TIFF pictures with predictor %d of this compression", l.predictor)
	}
	return nil
}

// checkBlocks bounds the strips or tiles: together they may have little more
// pixels than the picture, as each may be decompressed to its full size.
func (l *layout) checkBlocks() error {
	if l.tileWidth == 0 {
		rows := int64(l.height)
		if l.rows > 0 {
			rows = min(rows, int64(l.rows))
		}
		if n := (int64(l.height) + rows - 1) / rows; n > maxBlocks {
			return fmt.Errorf("%d strips, more than %d", n, maxBlocks)
		}
		return nil
	}
	tw, th := int64(l.tileWidth), int64(l.tileHeight)
	if tw < 8 || th < 8 || tw > MaxPixels || th > MaxPixels {
		return fmt.Errorf("tiles of %d×%d pixels", tw, th)
	}
	across, down := (int64(l.width)+tw-1)/tw, (int64(l.height)+th-1)/th
	if across*down > maxBlocks || across*tw > 2*MaxPixels || across*tw*down*th > 2*MaxPixels {
		return fmt.Errorf("%d×%d tiles of %d×%d pixels, more than %d or than %d pixels together", across, down, tw, th, maxBlocks, 2*MaxPixels)
	}
	return nil
}

// checkBytes bounds the bytes of the strips or tiles together. Nothing else keeps
// each from being the whole file, and what is in it from decompressing to nothing.
func checkBytes(d *directory) error {
	total := int64(0)
	for _, tag := range []uint16{tagStripBytes, tagTileBytes} {
		counts, err := d.values(tag, maxBlocks)
		if err != nil {
			return fmt.Errorf("a TIFF with a bad tag %d: %w", tag, err)
		}
		for _, n := range counts {
			total += int64(n)
		}
	}
	if total > 2*MaxBytes { // writers may store equal strips once
		return fmt.Errorf("strips or tiles of %d bytes together, more than %d", total, int64(2*MaxBytes))
	}
	return nil
}
