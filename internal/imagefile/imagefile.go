// Package imagefile reads pictures that come from outside: PNG, JPEG, GIF, WebP,
// BMP and TIFF. Call [Open] first, which reads the header within limits, and
// then [File.Decode].
//
// The kinds of pictures are told by what a file begins with, not through the
// registry of package image, to which any package of the program may add.
package imagefile

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
)

// Limits on a picture, which are checked before its pixels are decoded.
const (
	// MaxBytes is the largest file that is read.
	MaxBytes = 64 << 20
	// MaxPixels is the most pixels, width × height, that a file may declare: 50
	// million, those of a large camera.
	MaxPixels = 50_000_000
)

// Kinds names the formats that are read, as a sentence needs them.
const Kinds = "PNG, JPEG, GIF, WebP, BMP or TIFF"

// Extensions lists how the names of pictures end, in lower case.
func Extensions() []string {
	return []string{
		".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff",
	}
}

// A File is a picture whose header has been read. It is for one goroutine.
type File struct {
	Format        string // "PNG", "JPEG", …
	Width, Height int    // as stored, before it is turned
	Orientation   Orientation
	// Gray tells that the pixels are stored in gray, with alpha or without. The
	// colours of a palette are known only when the pixels are: see Decode.
	Gray bool

	decode func() (image.Image, error)
}

// An UnsupportedError tells of a valid picture that has something which the
// decoders do not know. Its text says what to do.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string {
	return "this decoder cannot read " + e.What + "; " + e.Remedy()
}

// Remedy says what the user can do.
func (e *UnsupportedError) Remedy() string { return "save it again as PNG" }

func unsupported(format string, args ...any) error {
	return &UnsupportedError{fmt.Sprintf(format, args...)}
}

// A format is a kind of picture. The ? in its magic stand for any byte.
type format struct {
	name, magic string
	open        func(*source) (*File, error)
}

func formats() []format {
	return []format{
		{"PNG", "\x89PNG\r\n\x1a\n", openPNG},
		{"JPEG", "\xff\xd8", openJPEG},
		{"GIF", "GIF8", openGIF},
		{"WebP", "RIFF????WEBP", openWebP},
		{"BMP", "BM", openBMP},
		{"TIFF", "II*\x00", openTIFF},
		{"TIFF", "MM\x00*", openTIFF},
		{"BMP", "\x28\x00\x00\x00????????\x01\x00", openBMP}, // without its file header
		{"BigTIFF", "II+\x00", nil},
		{"BigTIFF", "MM\x00+", nil},
		{"AVIF", "????ftypavi", nil},
		{"HEIC", "????ftyp", nil},
		{"JPEG 2000", "\x00\x00\x00\x0cjP  ", nil},
		{"JPEG 2000", "\xff\x4f\xff\x51", nil},
		{"JPEG XL", "\xff\x0a", nil},
		{"JPEG XL", "\x00\x00\x00\x0cJXL ", nil},
		{"Photoshop", "8BPS", nil},
		{"Windows icon", "\x00\x00\x01\x00", nil},
	}
}

func matches(start, magic string) bool {
	if len(start) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != start[i] {
			return false
		}
	}
	return true
}

// Open reads the header of the picture in the first size bytes of r, and checks
// it against the limits. What a picture has that cannot be read is an
// *UnsupportedError where it is known from the header. r must stay readable
// until Decode has returned.
func Open(r io.ReaderAt, size int64) (*File, error) {
	if size > MaxBytes {
		return nil, fmt.Errorf("%d bytes, more than %d", size, MaxBytes)
	}
	s := &source{SectionReader: io.NewSectionReader(r, 0, size)}
	start := make([]byte, 32)
	n, err := s.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, k := range formats() {
		if !matches(string(start[:n]), k.magic) {
			continue
		}
		if k.open == nil {
			return nil, unsupported("%s pictures", k.name)
		}
		f, err := k.open(s)
		if err != nil {
			return nil, unexpected(err)
		}
		f.Format = k.name
		return f, nil
	}
	return nil, foreign(start[:n])
}

// foreign says what a file is that begins as no picture does, where it is one of
// those that are found under the names of pictures.
func foreign(start []byte) error {
	text := strings.ToLower(strings.TrimLeft(string(start), "\xef\xbb\xbf \t\r\n"))
	begins := func(with ...string) bool {
		return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(text, w) })
	}
	switch {
	case len(start) == 0:
		return errors.New("an empty file")
	case strings.Trim(string(start), "\x00") == "":
		return errors.New("begins with zeros, as a download or a copy that did not finish; copy it again")
	case begins("version https://git-lfs"):
		return errors.New("a pointer of Git LFS, which stands for the picture; run git lfs pull where the repository is")
	case begins("<!doctype html", "<html"):
		return errors.New("a page of HTML; its link led to a page about the picture")
	case begins("<svg", "<?xml"):
		return unsupported("SVG pictures or other XML")
	}
	return fmt.Errorf("not a %s picture", Kinds)
}

// checkSize refuses pictures that are empty or beyond the limit.
func checkSize(w, h int) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("a picture of %d×%d pixels", w, h)
	}
	if int64(w) > MaxPixels || int64(h) > MaxPixels || int64(w)*int64(h) > MaxPixels {
		return fmt.Errorf("%d×%d pixels, more than %d", w, h, MaxPixels)
	}
	return nil
}

// Decode returns the picture, of Width × Height pixels and not yet turned, and
// whether it is gray: stored as gray, or with a palette whose colours are all
// gray, where only those count that its pixels have and that can be seen. A
// picture of another kind is in colour, even if all its pixels are shades of
// gray.
func (f *File) Decode() (m image.Image, gray bool, err error) {
	m, err = f.decode()
	if err != nil {
		return nil, false, unexpected(err)
	}
	p, ok := m.(*image.Paletted)
	gray = f.Gray || ok && isGray(p)
	if b := m.Bounds(); b.Dx() != f.Width || b.Dy() != f.Height {
		m = onCanvas(m, f.Width, f.Height)
	}
	return m, gray, nil
}

// isGray tells whether all colours that the pixels of m have are gray.
func isGray(m *image.Paletted) bool {
	var coloured [256]bool
	some := false
	for i, c := range m.Palette {
		r, g, b, _ := c.RGBA() // premultiplied: 0 for what cannot be seen
		coloured[i] = r != g || g != b
		some = some || coloured[i]
	}
	if !some {
		return true
	}
	for y := range m.Rect.Dy() {
		for _, i := range m.Pix[y*m.Stride : y*m.Stride+m.Rect.Dx()] {
			if coloured[i] {
				return false
			}
		}
	}
	return true
}

// A source is the bytes of a file.
type source struct {
	*io.SectionReader
	buffer *bufio.Reader
}

// stream reads from the start of the file, and end after it. Many pictures are
// small, so that larger buffers would be most of the memory that reading them
// takes.
func (s *source) stream(end string) *bufio.Reader {
	r := io.MultiReader(io.NewSectionReader(s.SectionReader, 0, s.Size()), strings.NewReader(end))
	if s.buffer == nil {
		s.buffer = bufio.NewReaderSize(r, 16<<10)
	}
	s.buffer.Reset(r)
	return s.buffer
}

// complete decodes the file. Where it ends too soon, it may be that all pixels
// are there and nothing but the mark of the end is not.
func (s *source) complete(decode func(io.Reader) (image.Image, error), end string) (image.Image, error) {
	m, err := decode(s.stream(""))
	if err == io.ErrUnexpectedEOF {
		if whole, err := decode(s.stream(end)); err == nil {
			return whole, nil
		}
	}
	return m, err
}

// bytes returns n bytes at offset, which must be few.
func (s *source) bytes(offset, n int64) ([]byte, error) {
	b := make([]byte, n)
	if read, err := s.ReadAt(b, offset); read < len(b) {
		return nil, err
	}
	return b, nil
}

// unexpected makes an end within a picture no end of input.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
