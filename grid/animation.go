package grid

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"io"
	"slices"
	"time"
)

// An Animation is pictures of one size shown one after another, over and
// over. EncodeGIF and EncodeAPNG write it.
type Animation struct {
	Frames []image.Image
	Delay  time.Duration // how long each is shown
	Hold   time.Duration // how long the last one is
}

// maxDelay is the longest time that both formats can say: APNG counts
// milliseconds in 16 bits.
const maxDelay = 65535 * time.Millisecond

// check returns the size of the frames.
func (a *Animation) check() (width, height int, err error) {
	if len(a.Frames) == 0 {
		return 0, 0, fmt.Errorf("grid: an animation without frames")
	}
	for _, d := range []time.Duration{a.Delay, a.Hold} {
		if d < 0 || d > maxDelay {
			return 0, 0, fmt.Errorf("grid: a frame of %v, want 0 to %v", d, maxDelay)
		}
	}
	size := a.Frames[0].Bounds().Size()
	for i, f := range a.Frames {
		if s := f.Bounds().Size(); s != size || s.X < 1 || s.Y < 1 {
			return 0, 0, fmt.Errorf("grid: frame %d is of %d×%d pixels, the first of %d×%d", i, s.X, s.Y, size.X, size.Y)
		}
	}
	return size.X, size.Y, nil
}

// delay returns how long frame i is shown.
func (a *Animation) delay(i int) time.Duration {
	if i == len(a.Frames)-1 {
		return a.Hold
	}
	return a.Delay
}

// plain returns the frames in one of two forms: all *image.Gray, or all
// *image.RGBA without transparency.
func plain(frames []image.Image) []image.Image {
	gray := true
	for _, f := range frames {
		_, ok := f.(*image.Gray)
		gray = gray && ok
	}
	if gray {
		return frames
	}
	out := make([]image.Image, len(frames))
	for i, f := range frames {
		if m, ok := f.(*image.RGBA); ok && m.Opaque() {
			out[i] = m
			continue
		}
		m := image.NewRGBA(image.Rectangle{Max: f.Bounds().Size()})
		draw.Draw(m, m.Bounds(), image.Black, image.Point{}, draw.Src)
		draw.Draw(m, m.Bounds(), f, f.Bounds().Min, draw.Over)
		out[i] = m
	}
	return out
}

// EncodeGIF writes a as an animated GIF of one palette: all 256 greys for grey
// frames, which thus lose nothing; the colours themselves where there are no
// more than 256; otherwise 256 that a median cut chose. GIF counts time in
// hundredths of a second, and viewers slow down frames of less than two. Each of
// text becomes a comment before the frames, "key=value" in UTF-8.
func EncodeGIF(w io.Writer, a Animation, text []Text) error {
	width, height, err := a.check()
	if err != nil {
		return err
	}
	if width > 65535 || height > 65535 {
		return fmt.Errorf("grid: a GIF of %d×%d pixels, at most 65535×65535", width, height)
	}
	frames := plain(a.Frames)
	index := indexer(frames)
	g := gif.GIF{Config: image.Config{ColorModel: index.palette, Width: width, Height: height}}
	for i, f := range frames {
		g.Image = append(g.Image, index.paletted(f))
		g.Delay = append(g.Delay, int((a.delay(i)+5*time.Millisecond)/(10*time.Millisecond)))
		g.Disposal = append(g.Disposal, gif.DisposalNone)
	}
	var b bytes.Buffer
	err = gif.EncodeAll(&b, &g)
	if err == nil {
		err = writeCommented(w, b.Bytes(), text)
	}
	if err != nil {
		return fmt.Errorf("grid: writing GIF: %w", err)
	}
	return nil
}

// writeCommented writes a GIF with comments behind its header and the table of
// colours, since image/gif writes none.
func writeCommented(w io.Writer, file []byte, text []Text) error {
	at := 13
	if flags := file[10]; flags&0x80 != 0 {
		at += 3 << (flags&7 + 1)
	}
	out := slices.Clone(file[:at])
	for _, t := range text {
		out = append(out, 0x21, 0xfe) // a comment, in blocks of at most 255 bytes
		for block := range slices.Chunk([]byte(t.Key+"="+t.Value), 255) {
			out = append(append(out, byte(len(block))), block...)
		}
		out = append(out, 0)
	}
	if _, err := w.Write(out); err != nil {
		return err
	}
	_, err := w.Write(file[at:])
	return err
}

// greys is the palette of grey frames: entry v is grey of level v.
func greys() color.Palette {
	p := make(color.Palette, 256)
	for v := range p {
		p[v] = color.RGBA{uint8(v), uint8(v), uint8(v), 255}
	}
	return p
}
