package main

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
)

const (
	drawRows   = 40 // lines of a drawing at most
	drawDetail = 12 // pixels that shrinking leaves an image in height and width at least
)

// sketch draws samples in the terminal where there is one with the colours
// for it: the one that messages go to, or else standard output, unless that is
// taken by the picture itself.
func (a *app) sketch(s *joule.Samples, cfg joule.SampleConfig, stdoutTaken bool) {
	colours := colourDepth(a.env)
	out := a.screen
	if file, ok := a.stdout.(*os.File); ok && !out.paint && !stdoutTaken {
		out = newScreen(file, a.env)
	}
	if !out.paint || colours == 0 || s.C != 1 && s.C != 3 {
		return
	}
	m, shown := thumbnails(s, cfg, out.width()-1, 2*drawRows)
	if m == nil {
		return
	}
	io.WriteString(out, halfBlocks(m, colours))
	if shown < s.N {
		out.line("the first %d of %s", shown, plural(s.N, "image"))
	}
}

// colourDepth tells how many colours the terminal has, 0 for too few.
func colourDepth(env func(string) string) int {
	switch env("COLORTERM") {
	case "truecolor", "24bit":
		return 1 << 24
	}
	if runtime.GOOS == "windows" { // those that know escape sequences know these
		return 1 << 24
	}
	switch name := env("TERM"); {
	case strings.HasSuffix(name, "-direct"):
		return 1 << 24
	case name == "", name == "dumb", name == "linux", name == "ansi", strings.HasPrefix(name, "vt"), strings.HasSuffix(name, "-16color"):
		return 0
	}
	return 256
}

// thumbnails lays out samples for width×height pixels: as they are if all
// find room, shrunk if that makes it so, and otherwise as many as do when
// shrunk. It returns nil where there is no room for one.
func thumbnails(s *joule.Samples, cfg joule.SampleConfig, width, height int) (m image.Image, shown int) {
	opt := grid.Options{Padding: 1, Lo: cfg.Sampler.Min, Hi: cfg.Sampler.Max}
	var factor, h, w, columns, rows int
	for factor = 1; ; factor++ {
		h, w = (s.H+factor-1)/factor, (s.W+factor-1)/factor
		columns, rows = max(width-1, 0)/(w+1), (height-1)/(h+1)
		if columns*rows >= s.N || (min(s.H, s.W)+factor)/(factor+1) < drawDetail {
			break
		}
	}
	if shown = min(columns*rows, s.N); shown == 0 {
		return nil, 0
	}
	// Eight in a row, as in the file, or more if rows are few.
	opt.Columns = min(columns, max((shown+rows-1)/rows, 8))
	return grid.Make(shrink(s, shown, factor), shown, s.C, h, w, opt), shown
}

// shrink returns the first n images with squares of factor×factor pixels
// averaged.
func shrink(s *joule.Samples, n, factor int) []float32 {
	if factor == 1 {
		return s.Images[:n*s.C*s.H*s.W]
	}
	var out []float32
	for plane := range n * s.C {
		pix := s.Images[plane*s.H*s.W:][:s.H*s.W]
		for top := 0; top < s.H; top += factor {
			for left := 0; left < s.W; left += factor {
				sum, count := float32(0), float32(0)
				for y := top; y < min(top+factor, s.H); y++ {
					for x := left; x < min(left+factor, s.W); x++ {
						sum, count = sum+pix[y*s.W+x], count+1
					}
				}
				out = append(out, sum/count)
			}
		}
	}
	return out
}

// halfBlocks draws a picture with a character for every two pixels, one above
// the other: the upper half of a block in the colour of one on the other.
func halfBlocks(m image.Image, colours int) string {
	var b strings.Builder
	size := m.Bounds()
	at := func(x, y int) string {
		if y >= size.Max.Y {
			return "" // the terminal's own
		}
		return colourCode(color.RGBAModel.Convert(m.At(x, y)).(color.RGBA), colours)
	}
	for y := size.Min.Y; y < size.Max.Y; y += 2 {
		front, back := "", ""
		for x := size.Min.X; x < size.Max.X; x++ {
			if c := at(x, y); c != front {
				front = c
				fmt.Fprintf(&b, "\x1b[38;%sm", c)
			}
			if c := at(x, y+1); c != back {
				back = c
				fmt.Fprintf(&b, "\x1b[48;%sm", c)
			}
			b.WriteString("▀")
		}
		b.WriteString(reset + "\n")
	}
	return b.String()
}

// colourCode names a colour in a sequence "select graphic rendition".
func colourCode(c color.RGBA, colours int) string {
	if colours > 256 {
		return fmt.Sprintf("2;%d;%d;%d", c.R, c.G, c.B)
	}
	// xterm's palette: a cube of 6×6×6 from entry 16 on, and 24 greys.
	levels := [6]int{0, 95, 135, 175, 215, 255}
	best, least := 0, 1<<30
	try := func(entry, r, g, b int) {
		d := (r-int(c.R))*(r-int(c.R)) + (g-int(c.G))*(g-int(c.G)) + (b-int(c.B))*(b-int(c.B))
		if d < least {
			best, least = entry, d
		}
	}
	near := func(v uint8) (index int) {
		for i, level := range levels {
			if abs(level-int(v)) < abs(levels[index]-int(v)) {
				index = i
			}
		}
		return index
	}
	r, g, b := near(c.R), near(c.G), near(c.B)
	try(16+36*r+6*g+b, levels[r], levels[g], levels[b])
	grey := min(max((int(c.R)+int(c.G)+int(c.B)-3*3)/30, 0), 23) // 8, 18 … 238
	try(232+grey, 8+10*grey, 8+10*grey, 8+10*grey)
	return fmt.Sprintf("5;%d", best)
}

func abs(v int) int { return max(v, -v) }
