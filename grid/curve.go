package grid

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A curve draws one series on a gonum plot.
type curve struct {
	name string
	log  bool
	line draw.LineStyle
	runs [][]point // the points that can be drawn, between gaps
	gaps []float64 // where points are that cannot
	// smooth holds the moving average of each run if the series is noisy.
	smooth [][]point
}

type point struct{ x, y float64 }

// drawable tells whether an axis can show v. It excludes, beside what is not
// finite, numbers with which the arithmetic of axes would overflow.
func drawable(v float64, log bool) bool {
	return math.Abs(v) <= 1e100 && (!log || v >= 1e-100)
}

func newCurve(s Series, index int, log bool) *curve {
	c := &curve{name: s.Name, log: log, line: draw.LineStyle{
		Color:  palette[index%len(palette)],
		Width:  1.8 * pixel,
		Dashes: dashes[index/len(palette)%len(dashes)],
	}}
	open := false
	for i, x := range s.X {
		y := s.Y[i]
		switch {
		case !drawable(x, false):
			open = false
		case !drawable(y, log):
			c.gaps = append(c.gaps, x)
			open = false
		default:
			if !open {
				c.runs = append(c.runs, nil)
				open = true
			}
			last := len(c.runs) - 1
			c.runs[last] = append(c.runs[last], point{x, y})
		}
	}
	if noisy(c.runs) {
		for _, run := range c.runs {
			c.smooth = append(c.smooth, average(run, len(s.X)/80, log))
		}
	}
	return c
}

// noisy tells whether a line through the points goes up and down much more
// than it has to: on the whole more than six times the range of its values.
func noisy(runs [][]point) bool {
	lo, hi, travel := math.Inf(1), math.Inf(-1), 0.0
	for _, run := range runs {
		for i, p := range run {
			lo, hi = min(lo, p.y), max(hi, p.y)
			if i > 0 {
				travel += math.Abs(p.y - run[i-1].y)
			}
		}
	}
	return travel > 6*(hi-lo)
}

// average returns the mean of the points up to half places before and after
// each; on a logarithmic axis, of their logarithms. It takes as many before as
// after, so that trends stay where they are, and leaves out the ends, where
// there are few of either.
func average(run []point, half int, log bool) []point {
	sum := make([]float64, len(run)+1)
	for i, p := range run {
		if log {
			p.y = math.Log(p.y)
		}
		sum[i+1] = sum[i] + p.y
	}
	var smooth []point
	for i, p := range run {
		k := min(half, i, len(run)-1-i)
		if k < half/3 {
			continue
		}
		mean := (sum[i+k+1] - sum[i-k]) / float64(2*k+1)
		if log {
			mean = math.Exp(mean)
		}
		smooth = append(smooth, point{p.x, mean})
	}
	return smooth
}

// thin keeps the lowest and the highest of each of some 500 groups of points,
// as many as a panel is pixels wide: the picture is the same.
func thin(run []point) []point {
	const groups = 500
	if len(run) <= 2*groups {
		return run
	}
	var kept []point
	for g := range groups {
		part := run[g*len(run)/groups : (g+1)*len(run)/groups]
		lo, hi := 0, 0
		for i, p := range part {
			if p.y < part[lo].y {
				lo = i
			}
			if p.y > part[hi].y {
				hi = i
			}
		}
		kept = append(kept, part[min(lo, hi)], part[max(lo, hi)])
	}
	return kept
}

// DataRange implements plot.DataRanger.
func (c *curve) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, ymin = math.Inf(1), math.Inf(1)
	xmax, ymax = math.Inf(-1), math.Inf(-1)
	for _, run := range c.runs {
		for _, p := range run {
			xmin, xmax = min(xmin, p.x), max(xmax, p.x)
			ymin, ymax = min(ymin, p.y), max(ymax, p.y)
		}
	}
	for _, x := range c.gaps {
		xmin, xmax = min(xmin, x), max(xmax, x)
	}
	return xmin, xmax, ymin, ymax
}

// Plot implements plot.Plotter.
func (c *curve) Plot(canvas draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&canvas)
	points := 0
	for _, run := range c.runs {
		points += len(run)
	}
	few := points <= 40 // then each is worth a dot
	stroke := func(runs [][]point, line draw.LineStyle) {
		for _, run := range runs {
			var path []vg.Point
			for _, q := range thin(run) {
				path = append(path, vg.Point{X: trX(q.x), Y: trY(q.y)})
			}
			if few || len(path) == 1 { // a line of one point would not be seen
				for _, at := range path {
					canvas.DrawGlyphNoClip(draw.GlyphStyle{Color: line.Color, Radius: 3 * pixel, Shape: draw.CircleGlyph{}}, at)
				}
			}
			canvas.StrokeLines(line, canvas.ClipLinesXY(path)...)
		}
	}
	if c.smooth != nil {
		faint := c.line
		r, g, b, _ := c.line.Color.RGBA()
		faint.Color = color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0x48}
		faint.Width = 1 * pixel
		faint.Dashes = nil
		stroke(c.runs, faint)
		stroke(c.smooth, c.line)
	} else {
		stroke(c.runs, c.line)
	}
	last := math.Inf(-1)
	for _, x := range c.gaps {
		at := vg.Point{X: trX(x), Y: canvas.Min.Y + 6*pixel}
		if float64(at.X) >= last+float64(2*pixel) { // thousands of crosses are one band
			cross(&canvas, at)
			last = float64(at.X)
		}
	}
}
