// Package grid draws pictures of a run: images side by side, what became of
// them over time, and curves. Start with Make and EncodePNG; Filmstrip and
// Animation show chains on their way, EncodeNPY writes the numbers themselves,
// Curves draws the metrics.
package grid

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// Options says how Make lays out images.
type Options struct {
	Columns int     // images in a row
	Padding int     // black pixels around each image
	Lo, Hi  float32 // the values that become black and full brightness
	Scale   int     // each pixel becomes a square of Scale×Scale; 0 and 1 leave it alone
}

// DefaultOptions are those of torchvision's make_grid, for pixels in [−1, 1].
func DefaultOptions() Options {
	return Options{Columns: 8, Padding: 2, Lo: -1, Hi: 1}
}

// broken is the colour of pixels that are NaN or infinite: no grey and not
// likely in a picture, so that a number gone wrong is seen.
var broken = color.RGBA{R: 255, A: 255}

// Make lays n images of c×h×w values, channel by channel and row by row, out
// in rows. c is 1 (grey) or 3 (red, green, blue). Layout and rounding are
// those of torchvision's make_grid and save_image, so a single image stands
// alone, without padding. Values beyond Lo and Hi are clamped; those that are
// NaN or infinite become pure red.
func Make(images []float32, n, c, h, w int, opt Options) image.Image {
	switch {
	case n < 1 || h < 1 || w < 1 || len(images) != n*c*h*w:
		panic(fmt.Sprintf("grid: %d values are not %d images of %d×%d×%d", len(images), n, c, h, w))
	case c != 1 && c != 3:
		panic(fmt.Sprintf("grid: %d channels, want 1 or 3", c))
	case opt.Columns < 1 || opt.Padding < 0 || opt.Scale < 0 || !(opt.Lo < opt.Hi):
		panic(fmt.Sprintf("grid: impossible options %+v", opt))
	}
	l := layout{n: n, c: c, h: h, w: w, columns: min(opt.Columns, n), padding: opt.Padding, scale: max(opt.Scale, 1)}
	if n == 1 {
		l.padding = 0
	}
	if c == 1 && allFinite(images) {
		return l.gray(images, opt.Lo, opt.Hi)
	}
	return l.rgba(images, opt.Lo, opt.Hi)
}

// layout says where the pixels of n images of c×h×w values go.
type layout struct {
	n, c, h, w              int
	columns, padding, scale int
}

// bounds returns the size of the whole picture.
func (l layout) bounds() image.Rectangle {
	rows := (l.n + l.columns - 1) / l.columns
	return image.Rect(0, 0, (l.columns*(l.w+l.padding)+l.padding)*l.scale, (rows*(l.h+l.padding)+l.padding)*l.scale)
}

// place calls set with the corner of every pixel's square and the index of
// its first channel.
func (l layout) place(set func(x, y, i int)) {
	for k := range l.n {
		left, top := l.padding+k%l.columns*(l.w+l.padding), l.padding+k/l.columns*(l.h+l.padding)
		for y := range l.h {
			for x := range l.w {
				set((left+x)*l.scale, (top+y)*l.scale, k*l.c*l.h*l.w+y*l.w+x)
			}
		}
	}
}

// gray draws images of one channel that are finite everywhere.
func (l layout) gray(images []float32, lo, hi float32) *image.Gray {
	m := image.NewGray(l.bounds())
	l.place(func(x, y, i int) {
		v := level(images[i], lo, hi)
		for dy := range l.scale {
			row := m.Pix[m.PixOffset(x, y+dy):][:l.scale]
			for dx := range row {
				row[dx] = v
			}
		}
	})
	return m
}

// rgba draws images of one or three channels, with what is not finite in the
// colour of broken pixels.
func (l layout) rgba(images []float32, lo, hi float32) *image.RGBA {
	m := image.NewRGBA(l.bounds())
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255 // the padding is black, not transparent
	}
	l.place(func(x, y, i int) {
		r, g, b := images[i], images[i], images[i]
		if l.c == 3 {
			g, b = images[i+l.h*l.w], images[i+2*l.h*l.w]
		}
		colour := broken
		if finite(r) && finite(g) && finite(b) {
			colour = color.RGBA{level(r, lo, hi), level(g, lo, hi), level(b, lo, hi), 255}
		}
		for dy := range l.scale {
			for dx := range l.scale {
				m.SetRGBA(x+dx, y+dy, colour)
			}
		}
	})
	return m
}

// level maps [lo, hi] to 0…255 as save_image does: scaled to 255, a half
// added, cut off. The conversions keep the compiler from fusing operations,
// which would round differently on other machines.
func level(v, lo, hi float32) uint8 {
	v = min(max(v, lo), hi)
	unit := float32(v-lo) / float32(hi-lo)
	return uint8(min(float32(unit*255)+0.5, 255))
}

func finite(v float32) bool { return math.Abs(float64(v)) <= math.MaxFloat32 }

func allFinite(values []float32) bool {
	for _, v := range values {
		if !finite(v) {
			return false
		}
	}
	return true
}
