// Package picture writes samples as PNG pictures, animations and GIF files. The
// text in a PNG says how it was made, so that it can be made again. Start with
// WriteSamples, or with DefaultLayout and Write; Parse reads the text.
package picture

import (
	"fmt"
	"image"
	"io"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/lane"
)

// The kinds of pictures of samples.
const (
	Grid      = "grid"      // all images, in rows
	Filmstrip = "filmstrip" // a row for each chain, its pictures on the way from left to right
	Animation = "animation" // the grid over time, from noise to images
	Image     = "image"     // one image alone
)

// A Layout says how samples are shown. Start from [DefaultLayout].
type Layout struct {
	Kind    string
	Columns int // images in a row of a grid
	Padding int // black pixels around each image
	// Scale makes each pixel a square of Scale×Scale. 0 leaves stills alone
	// and makes animations large enough to be seen.
	Scale int
	Index int           // which image the kind Image shows
	Delay time.Duration // how long a frame of an animation is shown
	Hold  time.Duration // how long the last one is
}

// DefaultLayout returns the layout of torchvision's make_grid, and for an
// animation twelve frames a second and two seconds for the last.
func DefaultLayout(kind string) Layout {
	d := grid.DefaultOptions()
	p := Layout{Kind: kind, Columns: d.Columns, Padding: d.Padding}
	if kind == Animation {
		p.Delay, p.Hold = 80*time.Millisecond, 2*time.Second
	}
	return p
}

// MaxImages bounds the samples of a picture, far below [joule.MaxSamples], which
// is what memory holds: a picture of some thousand images is as large as
// viewers can show.
const MaxImages = 1 << 14

// Limits on a Layout. maxPixels bounds one picture, and all frames of an
// animation together: half a gigabyte in colour.
const (
	maxPadding    = 1024
	maxScale      = 64
	maxDelay      = time.Minute
	maxPixels     = 1 << 27
	animationSide = 400 // pixels that Scale 0 gives the longer side of an animation at least
)

// Validate reports the first setting that is out of range.
func (p Layout) Validate() error {
	switch p.Kind {
	case Grid, Filmstrip, Animation, Image:
	default:
		return fmt.Errorf("no kind of picture is called %.100q", p.Kind)
	}
	switch {
	case p.Columns < 1 || p.Columns > MaxImages:
		return fmt.Errorf("columns is %d, want 1 to %d", p.Columns, MaxImages)
	case p.Padding < 0 || p.Padding > maxPadding:
		return fmt.Errorf("padding is %d, want 0 to %d", p.Padding, maxPadding)
	case p.Scale < 0 || p.Scale > maxScale:
		return fmt.Errorf("scale is %d, want 0 to %d", p.Scale, maxScale)
	case p.Index < 0 || p.Index >= MaxImages:
		return fmt.Errorf("index is %d, want 0 to %d", p.Index, MaxImages-1)
	case p.Delay < 0 || p.Delay > maxDelay || p.Hold < 0 || p.Hold > maxDelay:
		return fmt.Errorf("frames of %v and %v, want 0 to %v", p.Delay, p.Hold, maxDelay)
	case p.Delay%time.Millisecond != 0 || p.Hold%time.Millisecond != 0:
		return fmt.Errorf("frames of %v and %v, want whole milliseconds", p.Delay, p.Hold)
	}
	return nil
}

// Fit checks that p can show samples of h×w values in so many channels that
// are drawn with the settings c, and returns it with its scale chosen. What it
// finds is an [*Error].
func (p Layout) Fit(c joule.SampleConfig, channels, h, w int) (Layout, error) {
	if err := p.Validate(); err != nil {
		return p, &Error{Fault: err.Error()}
	}
	if channels != 1 && channels != 3 {
		return p, &Error{Fault: fmt.Sprintf("images of %d channels cannot be shown, only of 1 or 3", channels)}
	}
	if c.N > MaxImages {
		return p, &Error{Fault: fmt.Sprintf("a picture of %d images, at most %d", c.N, MaxImages), Hint: "show fewer images"}
	}
	images, columns, frames := c.N, p.Columns, 1
	switch p.Kind {
	case Image:
		images = 1
		if p.Index >= c.N {
			return p, &Error{Fault: fmt.Sprintf("there is no image %d of %d", p.Index, c.N)}
		}
	case Filmstrip:
		columns = c.Frames()
		images *= columns
		if columns == 0 {
			return p, &Error{Fault: "a filmstrip without pictures on the way", Hint: "set SampleConfig.Every, to no more than the steps"}
		}
	case Animation:
		frames = c.Frames() + 2
	}
	columns = min(columns, images)
	width := columns*(w+p.Padding) + p.Padding
	height := (images+columns-1)/columns*(h+p.Padding) + p.Padding
	if p.Scale == 0 {
		p.Scale = 1
		if p.Kind == Animation {
			longer := max(width, height)
			p.Scale = min((animationSide+longer-1)/longer, 16)
		}
	}
	if total := float64(width) * float64(height) * float64(p.Scale*p.Scale) * float64(frames); total > maxPixels {
		return p, &Error{Fault: fmt.Sprintf("the %s would have %.0f pixels, at most %d", p.Kind, total, maxPixels), Hint: "show fewer images, or smaller ones"}
	}
	return p, nil
}

// fit does the same for s, and refuses settings that are not those of s.
func (p Layout) fit(c joule.SampleConfig, s *joule.Samples) (Layout, error) {
	if s.N != c.N || len(s.Frames) != c.Frames() {
		panic(fmt.Sprintf("picture: %d samples with %d pictures on the way are not of settings with %d and %d", s.N, len(s.Frames), c.N, c.Frames()))
	}
	return p.Fit(c, s.C, s.H, s.W)
}

// options are those of one still.
func (p Layout) options(c joule.SampleConfig) grid.Options {
	return grid.Options{Columns: p.Columns, Padding: p.Padding, Lo: c.Sampler.Min, Hi: c.Sampler.Max, Scale: p.Scale}
}

// still draws p, which fit returned, unless it is an animation.
func (p Layout) still(c joule.SampleConfig, s *joule.Samples) image.Image {
	opt := p.options(c)
	switch p.Kind {
	case Filmstrip:
		return grid.Filmstrip(s.Frames, s.N, s.C, s.H, s.W, opt)
	case Image:
		size := s.C * s.H * s.W
		return grid.Make(s.Images[p.Index*size:(p.Index+1)*size], 1, s.C, s.H, s.W, opt)
	}
	return grid.Make(s.Images, s.N, s.C, s.H, s.W, opt)
}

// animation draws the noise that the chains start from, the frames of s and,
// unless the last of them is, the images.
func (p Layout) animation(c joule.SampleConfig, s *joule.Samples) grid.Animation {
	a := grid.Animation{Delay: p.Delay, Hold: p.Hold}
	add := func(images []float32) {
		a.Frames = append(a.Frames, grid.Make(images, s.N, s.C, s.H, s.W, p.options(c)))
	}
	start := make([]float32, len(s.Images))
	c.Start(start, lane.Shape{C: s.C, H: s.H, W: s.W})
	add(start)
	for _, frame := range s.Frames {
		add(frame)
	}
	if c.Every == 0 || c.Sampler.Steps%c.Every != 0 {
		add(s.Images)
	}
	return a
}

// Write writes samples that m drew with the settings c as a PNG picture, an
// animated one for the kind Animation. Its text chunks are its [Provenance].
func Write(w io.Writer, m *joule.Model, c joule.SampleConfig, s *joule.Samples, p Layout) error {
	p, err := p.fit(c, s)
	if err != nil {
		return err
	}
	return p.write(w, c, s, Describe(m, c, p))
}

// write needs a p that fit returned.
func (p Layout) write(w io.Writer, c joule.SampleConfig, s *joule.Samples, v *Provenance) error {
	if p.Kind == Animation {
		return grid.EncodeAPNG(w, p.animation(c, s), v.Text())
	}
	return grid.EncodePNG(w, p.still(c, s), v.Text())
}

// WriteGIF writes the animation that [Write] makes for the kind Animation as a
// GIF. Its comments are the texts of a PNG's Provenance, so that others can tell
// where it comes from; Joule does not make it again.
func WriteGIF(w io.Writer, m *joule.Model, c joule.SampleConfig, s *joule.Samples, p Layout) error {
	p, err := p.fit(c, s)
	if err != nil {
		return err
	}
	return grid.EncodeGIF(w, p.animation(c, s), Describe(m, c, p).Text())
}

// WriteSamples writes samples that m drew with the settings c as one PNG
// picture, eight in a row, whose text chunks tell how it was made.
func WriteSamples(w io.Writer, m *joule.Model, c joule.SampleConfig, s *joule.Samples) error {
	return Write(w, m, c, s, DefaultLayout(Grid))
}

// WriteFilmstrip writes what became of chains that m drew with the settings c
// as one PNG picture: a row for each chain, with its s.Frames from left to
// right. With c.Every an eighth of the steps it shows what the default recipe's
// report shows.
func WriteFilmstrip(w io.Writer, m *joule.Model, c joule.SampleConfig, s *joule.Samples) error {
	return Write(w, m, c, s, DefaultLayout(Filmstrip))
}

// WriteAnimation writes samples that m drew with the settings c as an animated
// PNG: the noise, s.Frames, and at the end the images.
func WriteAnimation(w io.Writer, m *joule.Model, c joule.SampleConfig, s *joule.Samples) error {
	return Write(w, m, c, s, DefaultLayout(Animation))
}
