package imagefile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

const (
	webpHeader    = 12 // RIFF, length, WEBP
	webpXMP       = 1 << 2
	webpExif      = 1 << 3
	webpAlpha     = 1 << 4
	maxWebPChunks = 1 << 12
)

// A webpFile is what the chunks of a WebP say of its first frame.
type webpFile struct {
	s             *source
	width, height int        // of the canvas; 0 without a chunk that says so
	frame         *webpFrame // the first
	flags         byte
	exif, xmp     []byte
}

// A webpFrame is a frame: its chunks, of which alpha may be empty, and its
// place.
type webpFrame struct {
	alpha, pixels chunk
	bounds        image.Rectangle
}

func openWebP(s *source) (*File, error) {
	b, err := s.bytes(0, webpHeader)
	if err != nil {
		return nil, err
	}
	w := &webpFile{s: s}
	if err := w.chunks(webpHeader, min(s.Size(), 8+int64(binary.LittleEndian.Uint32(b[4:]))), nil); err != nil {
		return nil, err
	}
	if w.frame == nil || w.frame.pixels.size == 0 {
		return nil, errors.New("a WebP without a picture")
	}
	if w.width == 0 {
		w.width, w.height = w.frame.bounds.Dx(), w.frame.bounds.Dy()
	}
	if err := checkSize(w.width, w.height); err != nil {
		return nil, err
	}
	if !w.frame.bounds.In(image.Rect(0, 0, w.width, w.height)) {
		return nil, errors.New("a WebP whose frame is not within its canvas")
	}
	f := &File{Width: w.width, Height: w.height}
	f.Orientation = orientationOf(w.exif, w.xmp)
	f.decode = w.frame.decoder(s)
	return f, nil
}

// chunks reads the chunks from at to end: those of the file, or with frame those
// of an animation's frame.
func (w *webpFile) chunks(at, end int64, frame *webpFrame) error {
	for range maxWebPChunks {
		b := make([]byte, 8)
		if at+int64(len(b)) > end {
			return nil
		}
		if n, err := w.s.ReadAt(b, at); n < len(b) {
			return err
		}
		c := chunk{string(b[:4]), at, int64(binary.LittleEndian.Uint32(b[4:]))}
		if at+8+c.size > end {
			if w.frame != nil && frame == nil {
				return nil // what comes after the picture may be cut off
			}
			return io.ErrUnexpectedEOF
		}
		if err := w.chunk(c, frame); err != nil {
			return err
		}
		at += 8 + c.size + c.size&1
	}
	return nil
}

func (w *webpFile) chunk(c chunk, frame *webpFrame) error {
	data := c.at + 8
	switch c.kind {
	case "VP8X", "ANMF":
		if frame != nil || c.kind == "ANMF" && w.frame != nil {
			return nil
		}
		b, err := w.s.bytes(data, min(c.size, 16))
		if err != nil || len(b) < 10 || c.kind == "ANMF" && len(b) < 16 {
			return errors.New("a WebP with a chunk that is too short")
		}
		u24 := func(i int) int { return int(b[i]) | int(b[i+1])<<8 | int(b[i+2])<<16 }
		if c.kind == "VP8X" {
			w.flags, w.width, w.height = b[0], u24(4)+1, u24(7)+1
			return nil
		}
		f := &webpFrame{bounds: image.Rect(0, 0, u24(6)+1, u24(9)+1).Add(image.Pt(2*u24(0), 2*u24(3)))}
		w.frame = f
		return w.chunks(data+16, data+c.size, f)
	case "EXIF", "XMP ":
		// The flags tell of them, and libwebp believes those.
		if frame != nil || c.size > maxExif {
			return nil
		}
		to, flag := &w.exif, webpExif
		if c.kind == "XMP " {
			to, flag = &w.xmp, webpXMP
		}
		if w.flags&byte(flag) == 0 {
			return nil
		}
		b, err := w.s.bytes(data, c.size)
		*to = b
		return err
	case "ALPH", "VP8 ", "VP8L":
		if frame == nil {
			if w.frame == nil {
				w.frame = &webpFrame{}
			}
			frame = w.frame
		}
		if frame.pixels.size > 0 {
			return nil
		}
		if c.kind == "ALPH" {
			frame.alpha = c
			return nil
		}
		return frame.read(w.s, c)
	}
	return nil
}

// read takes the size from the pixels' header.
func (f *webpFrame) read(s *source, c chunk) error {
	b, err := s.bytes(c.at+8, min(c.size, 10))
	if err != nil {
		return err
	}
	var w, h int
	switch {
	case c.kind == "VP8L" && len(b) >= 5 && b[0] == 0x2f:
		v := binary.LittleEndian.Uint32(b[1:])
		w, h = int(v&0x3fff)+1, int(v>>14&0x3fff)+1
	case c.kind == "VP8 " && len(b) == 10 && b[0]&1 == 0 && bytes.Equal(b[3:6], []byte{0x9d, 0x01, 0x2a}):
		w, h = int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff)
	default:
		return errors.New("a WebP whose picture has no header")
	}
	size := image.Rect(0, 0, w, h)
	if f.bounds != (image.Rectangle{}) && f.bounds.Size() != size.Size() {
		return errors.New("a WebP whose frame is not of its size")
	}
	if f.bounds == (image.Rectangle{}) {
		f.bounds = size
	}
	f.pixels = c
	return nil
}

// decoder decodes the frame as package webp does a file that has this one picture.
func (f *webpFrame) decoder(s *source) func() (image.Image, error) {
	return func() (image.Image, error) {
		body := []io.Reader{}
		var head bytes.Buffer
		le := binary.LittleEndian
		size := f.bounds.Size()
		if f.alpha.size > 0 && f.pixels.kind == "VP8 " {
			x := []byte{webpAlpha, 0, 0, 0}
			x = append(le.AppendUint32(x, uint32(size.X-1))[:7], le.AppendUint32(nil, uint32(size.Y-1))[:3]...)
			head.WriteString("VP8X")
			head.Write(le.AppendUint32(nil, uint32(len(x))))
			head.Write(x)
			body = append(body, f.alpha.padded(s))
		}
		body = append(body, f.pixels.padded(s))
		total := 4 + int64(head.Len()) + f.alpha.size + 9 + f.pixels.size + 9
		start := append(le.AppendUint32([]byte("RIFF"), uint32(total)), "WEBP"...)
		m, err := webp.Decode(bufio.NewReader(io.MultiReader(append([]io.Reader{bytes.NewReader(start), &head}, body...)...)))
		if err != nil {
			return nil, err
		}
		return f.place(m), nil
	}
}

// padded is a chunk with its header, of an even number of bytes.
func (c chunk) padded(s *source) io.Reader {
	return io.MultiReader(io.NewSectionReader(s, c.at, 8+c.size), bytes.NewReader(make([]byte, c.size&1)))
}

// place gives a frame its place on the canvas, and its colours.
func (f *webpFrame) place(m image.Image) image.Image {
	switch m := m.(type) {
	case *image.YCbCr:
		return videoRGB(m, nil, 0, f.bounds.Min)
	case *image.NYCbCrA:
		return videoRGB(&m.YCbCr, m.A, m.AStride, f.bounds.Min)
	case *image.NRGBA:
		m.Rect = f.bounds
	}
	return m
}

// videoRGB returns the colours of a picture in the YCbCr of video, whose values
// are 16 to 235 and 16 to 240 (ITU-R BT.601), moved to the corner. Package webp takes them for those of JPEG, 0 to 255. The arithmetic is libwebp's, to
// the bit.
func videoRGB(m *image.YCbCr, alpha []byte, alphaStride int, corner image.Point) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	dst := image.NewNRGBA(image.Rect(0, 0, w, h).Add(corner))
	clip := func(v int) byte { return byte(max(0, min(v>>6, 255))) }
	for y := range h {
		near, far := chroma(y, h)
		for x := range w {
			cx, fx := chroma(x, w)
			at := func(c []byte) int {
				n, a, b, d := int(c[near*m.CStride+cx]), int(c[near*m.CStride+fx]), int(c[far*m.CStride+cx]), int(c[far*m.CStride+fx])
				return ((n+3*a+3*b+d+8)>>3 + n) >> 1
			}
			luma, u, v := int(m.Y[y*m.YStride+x])*19077>>8, at(m.Cb), at(m.Cr)
			p := dst.Pix[y*dst.Stride+4*x:][:4]
			p[0] = clip(luma + v*26149>>8 - 14234)
			p[1] = clip(luma - u*6419>>8 - v*13320>>8 + 8708)
			p[2] = clip(luma + u*33050>>8 - 17685)
			p[3] = 255
			if alpha != nil {
				p[3] = alpha[y*alphaStride+x]
			}
		}
	}
	return dst
}

// chroma returns which of the colour samples, half as many as the n pixels, is
// nearest to pixel i, and which is second.
func chroma(i, n int) (near, far int) {
	near = i / 2
	far = near - 1 + i%2*2
	return near, max(0, min(far, (n-1)/2))
}
