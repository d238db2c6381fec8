package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joule-ml/joule/internal/imagefile"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/lane"
	scale "golang.org/x/image/draw"
)

// Limits on a picture, which are checked before its pixels are decoded.
const (
	// MaxSide is the largest height and width that pictures are made to.
	MaxSide = 128
	// MaxPictureBytes is the largest file that is read.
	MaxPictureBytes = imagefile.MaxBytes
	// MaxPicturePixels is the most pixels, width × height, that a file may
	// declare: 50 million, those of a large camera. Decoding one takes 8 to 16
	// bytes a pixel at worst, and for a compressed TIFF 24.
	MaxPicturePixels = imagefile.MaxPixels
)

// ReadImage reads the picture at path as a set of one image of the given shape,
// 1 or 3 channels of at most MaxSide × MaxSide. The formats, and what is done to
// it, are told at [OpenFolder]. A fault in the file is an *Error.
func ReadImage(path string, shape lane.Shape) (*Set, error) {
	checkShape(shape)
	f, err := regular.Open(path)
	if err != nil {
		return nil, pictureError(err, path)
	}
	defer f.Close()
	s := oneImage(path, shape)
	if err := readPicture(s.Pixels, f, shape); err != nil {
		return nil, pictureError(err, path)
	}
	return s, nil
}

// DecodeImage is [ReadImage] of what r holds, all of which it reads, up to
// MaxPictureBytes. name is for the set and for errors.
func DecodeImage(r io.Reader, name string, shape lane.Shape) (*Set, error) {
	checkShape(shape)
	data, err := io.ReadAll(io.LimitReader(r, MaxPictureBytes+1))
	if err != nil {
		return nil, pictureError(err, name)
	}
	p, err := imagefile.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, pictureError(err, name)
	}
	s := oneImage(name, shape)
	if _, err := decodePicture(s.Pixels, p, shape); err != nil {
		return nil, pictureError(err, name)
	}
	return s, nil
}

func oneImage(name string, shape lane.Shape) *Set {
	return &Set{Name: name, N: 1, C: shape.C, H: shape.H, W: shape.W, Pixels: make([]byte, shape.Len())}
}

func checkShape(s lane.Shape) {
	if s.C != 1 && s.C != 3 || s.H < 1 || s.W < 1 || s.H > MaxSide || s.W > MaxSide {
		panic(fmt.Sprintf("dataset: pictures of %d×%d×%d", s.C, s.H, s.W))
	}
}

var errNotRegular = errors.New("not a regular file")

// pictureError makes an *Error of what is wrong with the file at path.
func pictureError(err error, path string) error {
	hint := "give a " + imagefile.Kinds + " picture of at most 50 million pixels"
	var other *imagefile.UnsupportedError
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		hint = ""
	case errors.As(err, &other):
		hint = other.Remedy()
	}
	return &Error{File: path, What: reason(err), Hint: hint}
}

// reason is what an error says, without the path and in one line.
func reason(err error) string {
	return strings.Join(strings.Fields(plain(err).Error()), " ")
}

// isPicture tells by its name whether a file is to be read.
func isPicture(name string) bool {
	return slices.Contains(imagefile.Extensions(), strings.ToLower(filepath.Ext(name)))
}

// openHeader reads the header of a picture and checks it against the limits.
func openHeader(f *os.File) (*imagefile.File, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return imagefile.Open(f, st.Size())
}

// readPicture decodes a picture into dst, C×H×W.
func readPicture(dst []byte, f *os.File, shape lane.Shape) error {
	p, err := openHeader(f)
	if err != nil {
		return err
	}
	_, err = decodePicture(dst, p, shape)
	return err
}

// decodePicture decodes a picture into dst, C×H×W, and tells whether it is gray.
func decodePicture(dst []byte, p *imagefile.File, shape lane.Shape) (gray bool, err error) {
	m, gray, err := p.Decode()
	if err != nil {
		return false, err
	}
	width, height := p.Orientation.Size(shape.W, shape.H)
	store(dst, p.Orientation.Apply(fit(m, width, height)), shape)
	return gray, nil
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
