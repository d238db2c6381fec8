package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule/lane"
	scale "golang.org/x/image/draw"
)

// Limits on a picture, which are checked before its pixels are decoded.
const (
	// MaxSide is the largest height and width that pictures are made to.
	MaxSide = 128
	// MaxPictureBytes is the largest file that is read.
	MaxPictureBytes = 64 << 20
	// MaxPicturePixels is the most pixels, width × height, that a file may
	// declare: 50 million, those of a large camera. Decoding one takes 8 to 16
	// bytes a pixel at worst.
	MaxPicturePixels = 50_000_000
)

// ReadImage reads the PNG, JPEG or GIF picture at path as a set of one image
// of the given shape, 1 or 3 channels of at most MaxSide × MaxSide. What is
// done to it is told at [OpenFolder]. A fault in the file is an *Error.
func ReadImage(path string, shape lane.Shape) (*Set, error) {
	checkShape(shape)
	f, err := openPicture(path)
	if err != nil {
		return nil, pictureError(err, path)
	}
	defer f.Close()
	s := &Set{Name: path, N: 1, C: shape.C, H: shape.H, W: shape.W, Pixels: make([]byte, shape.Len())}
	if err := readPicture(s.Pixels, f, shape); err != nil {
		return nil, pictureError(err, path)
	}
	return s, nil
}

func checkShape(s lane.Shape) {
	if s.C != 1 && s.C != 3 || s.H < 1 || s.W < 1 || s.H > MaxSide || s.W > MaxSide {
		panic(fmt.Sprintf("dataset: pictures of %d×%d×%d", s.C, s.H, s.W))
	}
}

// openPicture opens a file that the user named, following links to it.
func openPicture(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return os.OpenFile(path, os.O_RDONLY|nonblock, 0)
}

var errNotRegular = errors.New("not a regular file")

// pictureError makes an *Error of what is wrong with the file at path.
func pictureError(err error, path string) error {
	hint := "give a PNG, JPEG or GIF picture of at most 50 million pixels"
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		hint = ""
	}
	return &Error{File: path, What: reason(err), Hint: hint}
}

// reason is what an error says, without the path and in one line.
func reason(err error) string {
	return strings.Join(strings.Fields(plain(err).Error()), " ")
}

// isPicture tells by its name whether a file is to be read.
func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif":
		return true
	}
	return false
}

// A format is a kind of picture. Its functions are called by what the file
// begins with, not through the registry of package image, to which any
// package of the program may add.
type format struct {
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"\xff\xd8", jpeg.DecodeConfig, jpeg.Decode},
		{"GIF8", gif.DecodeConfig, gif.Decode}, // the first frame
	}
}

// A header is what is known of a picture without decoding it.
type header struct {
	format
	width, height int
	gray          bool
	turn          orientation
	buffer        *bufio.Reader // of the file
}

// readPictureHeader reads the beginning of a picture and checks it against the
// limits. It leaves f at some place.
func readPictureHeader(f io.ReadSeeker) (h header, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return h, err
	}
	if size > MaxPictureBytes {
		return h, fmt.Errorf("%d bytes, more than %d", size, MaxPictureBytes)
	}
	// Many pictures are small, so that larger buffers would be most of the
	// memory that reading them takes.
	h.buffer = bufio.NewReaderSize(nil, 16<<10)
	if err := h.rewind(f); err != nil {
		return h, err
	}
	start, err := h.buffer.Peek(8)
	if err != nil && err != io.EOF {
		return h, err
	}
	for _, k := range formats() {
		if bytes.HasPrefix(start, []byte(k.magic)) {
			h.format = k
		}
	}
	if h.format.decode == nil {
		return h, errors.New("not a PNG, JPEG or GIF picture")
	}
	c, err := h.format.config(h.buffer)
	if err != nil {
		return h, unexpected(err)
	}
	if c.Width < 1 || c.Height < 1 {
		return h, fmt.Errorf("a picture of %d×%d pixels", c.Width, c.Height)
	}
	if int64(c.Width)*int64(c.Height) > MaxPicturePixels {
		return h, fmt.Errorf("%d×%d pixels, more than %d", c.Width, c.Height, MaxPicturePixels)
	}
	h.width, h.height, h.gray = c.Width, c.Height, isGray(c.ColorModel)
	if h.magic == "\xff\xd8" {
		if err := h.rewind(f); err != nil {
			return h, err
		}
		h.turn = readOrientation(h.buffer)
	}
	return h, nil
}

// rewind makes the buffer read from the start of f up to the limit, even if
// the file grows.
func (h *header) rewind(f io.ReadSeeker) error {
	_, err := f.Seek(0, io.SeekStart)
	h.buffer.Reset(io.LimitReader(f, MaxPictureBytes))
	return err
}

// isGray tells whether all colours of a model are shades of gray.
func isGray(m color.Model) bool {
	if p, ok := m.(color.Palette); ok {
		for _, c := range p {
			if r, g, b, _ := c.RGBA(); r != g || g != b {
				return false
			}
		}
		return true
	}
	return m == color.GrayModel || m == color.Gray16Model
}

// readPicture decodes a picture into dst, C×H×W.
func readPicture(dst []byte, f io.ReadSeeker, shape lane.Shape) error {
	h, err := readPictureHeader(f)
	if err != nil {
		return err
	}
	return h.read(dst, f, shape)
}

func (h *header) read(dst []byte, f io.ReadSeeker, shape lane.Shape) error {
	if err := h.rewind(f); err != nil {
		return err
	}
	m, err := h.format.decode(h.buffer)
	if err != nil {
		return unexpected(err)
	}
	if b := m.Bounds(); b.Dx() != h.width || b.Dy() != h.height {
		// The first frame of a GIF may cover a part of its canvas.
		canvas := image.NewRGBA(image.Rect(0, 0, h.width, h.height))
		draw.Draw(canvas, b, m, b.Min, draw.Over)
		m = canvas
	}
	width, height := h.turn.size(shape)
	store(dst, h.turn.apply(fit(m, width, height)), shape)
	return nil
}

// fit crops m from the centre to the aspect of w × h and scales it to that,
// over black.
//
// Catmull–Rom's kernel widens with the factor, so that every pixel counts
// when a picture shrinks; ApproxBiLinear reads four whatever the factor, which
// leaves thin strokes dotted. Colours are premultiplied by alpha here, so
// dropping alpha is what composing over black means.
func fit(m image.Image, w, h int) *image.RGBA {
	b := m.Bounds()
	cw, ch := b.Dx(), b.Dy()
	if cw*h > ch*w {
		cw = max(1, (ch*w+h/2)/h)
	} else {
		ch = max(1, (cw*h+w/2)/w)
	}
	from := image.Rect(0, 0, cw, ch).Add(b.Min).Add(image.Pt((b.Dx()-cw)/2, (b.Dy()-ch)/2))
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Bounds(), image.Black, image.Point{}, draw.Src)
	if cw == w && ch == h {
		draw.Draw(dst, dst.Bounds(), m, from.Min, draw.Over)
	} else {
		scale.CatmullRom.Scale(dst, dst.Bounds(), m, from, draw.Over, nil)
	}
	return dst
}

// store writes the pixels of m to dst, C×H×W, gray by the luma of ITU-R
// BT.601 as package color has it.
func store(dst []byte, m *image.RGBA, shape lane.Shape) {
	plane := shape.H * shape.W
	for y := range shape.H {
		for x := range shape.W {
			i, c := y*shape.W+x, m.RGBAAt(x, y)
			if shape.C == 1 {
				dst[i] = color.GrayModel.Convert(c).(color.Gray).Y
				continue
			}
			dst[i], dst[plane+i], dst[2*plane+i] = c.R, c.G, c.B
		}
	}
}
