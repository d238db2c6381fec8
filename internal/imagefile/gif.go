package imagefile

import (
	"bufio"
	"compress/lzw"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
)

// The first frame of a GIF is read here and not by package image/gif, which
// refuses frames that reach beyond the canvas, and whatever follows the pixels.

// Bits of the fields of GIF89a.
const (
	gifTable       = 0x80 // a colour table follows
	gifTableSize   = 0x07
	gifInterlaced  = 0x40
	gifTransparent = 0x01
	gifControl     = 0xf9 // labels of extensions
	gifComment     = 0xfe
)

type gifHeader struct {
	width, height int // of the canvas, or as far as the frame reaches
	frame         image.Rectangle
	palette       color.Palette
	interlaced    bool
	litWidth      int // bits of a pixel
}

func openGIF(s *source) (*File, error) {
	h, err := readGIFHeader(s.stream(""))
	if err != nil {
		return nil, err
	}
	f := &File{Width: h.width, Height: h.height}
	f.decode = func() (image.Image, error) {
		r := s.stream("")
		h, err := readGIFHeader(r)
		if err != nil {
			return nil, err
		}
		return h.readFrame(r)
	}
	return f, nil
}

// readGIFHeader reads up to the pixels of the first frame.
func readGIFHeader(r *bufio.Reader) (*gifHeader, error) {
	var b [13]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, err
	}
	if v := string(b[:6]); v != "GIF87a" && v != "GIF89a" {
		return nil, fmt.Errorf("a GIF of the unknown version %q", v[3:])
	}
	h := &gifHeader{width: int(b[6]) + int(b[7])<<8, height: int(b[8]) + int(b[9])<<8}
	var err error
	if b[10]&gifTable != 0 {
		if h.palette, err = readGIFTable(r, b[10]); err != nil {
			return nil, err
		}
	}
	transparent := -1
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		switch kind {
		case '!':
			if err := readGIFExtension(r, &transparent); err != nil {
				return nil, err
			}
		case ',':
			return h, h.readDescriptor(r, transparent)
		case ';':
			return nil, errors.New("a GIF without a picture")
		}
		// Whatever else is there is passed over, as Pillow does.
	}
}

func readGIFTable(r io.Reader, fields byte) (color.Palette, error) {
	b := make([]byte, 3<<(1+fields&gifTableSize))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	p := make(color.Palette, len(b)/3)
	for i := range p {
		p[i] = color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 0xff}
	}
	return p, nil
}

// readGIFExtension passes over an extension. A graphic control extension may
// tell which colour is transparent.
func readGIFExtension(r *bufio.Reader, transparent *int) error {
	label, err := r.ReadByte()
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		n, err := r.ReadByte()
		// An empty block ends it. Like others, this takes the first one of all but
		// a comment for a field of its own.
		if err != nil || n == 0 && (!first || label == gifComment) {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		if label == gifControl && first && n >= 4 && b[0]&gifTransparent != 0 {
			*transparent = int(b[3])
		}
	}
}

func (h *gifHeader) readDescriptor(r *bufio.Reader, transparent int) error {
	var b [9]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	u16 := func(i int) int { return int(b[i]) + int(b[i+1])<<8 }
	h.frame = image.Rect(0, 0, u16(4), u16(6)).Add(image.Pt(u16(0), u16(2)))
	// A frame that reaches beyond the canvas makes it larger, as in Pillow.
	h.width, h.height = max(h.width, h.frame.Max.X), max(h.height, h.frame.Max.Y)
	if err := checkSize(h.width, h.height); err != nil {
		return err
	}
	if h.frame.Empty() {
		return errors.New("a GIF whose first frame is empty")
	}
	h.interlaced = b[8]&gifInterlaced != 0
	if b[8]&gifTable != 0 {
		p, err := readGIFTable(r, b[8])
		if err != nil {
			return err
		}
		h.palette = p
	}
	if h.palette == nil {
		return errors.New("a GIF without a colour table")
	}
	if transparent >= 0 {
		// It may be beyond the table, which browsers take for granted.
		for len(h.palette) <= transparent {
			h.palette = append(h.palette, color.RGBA{})
		}
		h.palette[transparent] = color.RGBA{}
	}
	bits, err := r.ReadByte()
	if err == nil && (bits < 2 || bits > 8) {
		err = fmt.Errorf("a GIF of %d bits a pixel", bits)
	}
	h.litWidth = int(bits)
	return err
}

// readFrame reads the pixels. What follows them is passed over.
func (h *gifHeader) readFrame(r *bufio.Reader) (image.Image, error) {
	m := image.NewPaletted(h.frame, h.palette)
	data := lzw.NewReader(&gifBlocks{r: r}, lzw.LSB, h.litWidth)
	defer data.Close()
	if _, err := io.ReadFull(data, m.Pix); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = errors.New("not enough image data")
		}
		return nil, err
	}
	for _, p := range m.Pix {
		if int(p) >= len(h.palette) {
			return nil, errors.New("a GIF with a pixel that is beyond its colour table")
		}
	}
	if h.interlaced {
		stored, rest := m.Pix, 0
		m.Pix = make([]byte, len(stored))
		for _, pass := range [4][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} { // first row and step
			for y := pass[0]; y < h.frame.Dy(); y += pass[1] {
				rest += copy(m.Pix[y*m.Stride:(y+1)*m.Stride], stored[rest:])
			}
		}
	}
	return m, nil
}

// gifBlocks reads the blocks of at most 255 bytes, each after its length, up to
// the one of length 0.
type gifBlocks struct {
	r    *bufio.Reader
	left int
}

func (b *gifBlocks) ReadByte() (byte, error) {
	if b.left == 0 {
		n, err := b.r.ReadByte()
		if err == nil && n == 0 {
			err = io.EOF
		}
		if err != nil {
			b.left = -1 // no block follows
			return 0, err
		}
		b.left = int(n)
	}
	if b.left < 0 {
		return 0, io.EOF
	}
	b.left--
	return b.r.ReadByte()
}

// Read makes an io.Reader of the blocks; package lzw calls ReadByte.
func (b *gifBlocks) Read(p []byte) (int, error) {
	for i := range p {
		c, err := b.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = c
	}
	return len(p), nil
}

// onCanvas returns m at its place on a transparent picture of w × h.
func onCanvas(m image.Image, w, h int) image.Image {
	canvas := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(canvas, m.Bounds(), m, m.Bounds().Min, draw.Over)
	return canvas
}
