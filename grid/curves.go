package grid

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A Panel is one of the plots of Curves.
type Panel struct {
	Title  string
	XLabel string // "training step" where it is empty
	YLabel string
	// LogY asks for a logarithmic axis, which a panel gets if its values
	// cover a factor of ten or more.
	LogY bool
	// Smooth asks for the moving averages of noisy series alone: several of
	// these would hide one another.
	Smooth bool
	Series []Series
}

// A Series is a named curve through the points X[i], Y[i], with X rising.
type Series struct {
	Name string
	X, Y []float64
}

// Sizes of the picture in pixels, and of a pixel in gonum's points.
const (
	curvesWidth = 1200
	panelHeight = 420
	dpi         = 96
	pixel       = vg.Inch / dpi
	margin      = 14 * pixel
	axisWidth   = 80 * pixel // what the y axis and its labels take at most
)

// Curves draws the panels side by side in two columns and writes them as one
// PNG with the given texts. A noisy series is drawn faint, with its moving
// average over it. Values that cannot be drawn, NaN and infinities and on a
// logarithmic axis those not above zero, leave a gap in the line and a red
// cross at the panel's foot.
func Curves(w io.Writer, panels []Panel, text []Text) error {
	for _, p := range panels {
		for _, s := range p.Series {
			if len(s.X) != len(s.Y) {
				panic(fmt.Sprintf("grid: series %q has %d x and %d y", s.Name, len(s.X), len(s.Y)))
			}
		}
	}
	// A third less time for a few bytes more: writing takes longer than drawing.
	return encodePNG(w, drawCurves(panels), text, png.BestSpeed)
}

func drawCurves(panels []Panel) image.Image {
	if len(panels) == 0 {
		panels = []Panel{{Title: "no curves"}}
	}
	columns := min(len(panels), 2)
	rows := (len(panels) + columns - 1) / columns
	img := vgimg.NewWith(vgimg.UseDPI(dpi), vgimg.UseWH(curvesWidth*pixel, vg.Length(rows)*panelHeight*pixel))
	canvas := draw.New(img)

	heads := make([]head, len(panels))
	plots := make([][]*plot.Plot, rows)
	headHeight := vg.Length(0)
	for i, p := range panels {
		if i%columns == 0 {
			plots[i/columns] = make([]*plot.Plot, columns)
		}
		curves, axes := newPlot(p)
		plots[i/columns][i%columns] = axes
		heads[i] = newHead(p.Title, curves, (curvesWidth*pixel-4*margin)/vg.Length(columns)-axisWidth)
		headHeight = max(headHeight, heads[i].height())
	}
	tiles := draw.Tiles{
		Rows: rows, Cols: columns,
		PadTop: headHeight + margin, PadBottom: margin, PadLeft: margin, PadRight: margin,
		PadX: 2 * margin, PadY: headHeight + 2*margin,
	}
	at := plot.Align(plots, tiles, canvas)
	for i := range panels {
		p, c := plots[i/columns][i%columns], at[i/columns][i%columns]
		p.Draw(c)
		area := p.DataCanvas(c) // aligned, unlike c, with those beside it
		heads[i].draw(c, area.Min.X, area.Max.Y+headHeight)
	}
	return img.Image()
}

// newPlot makes axes with the curves of p.
func newPlot(p Panel) ([]*curve, *plot.Plot) {
	axes := plot.New()
	axes.BackgroundColor = nil // the canvas is white already
	axes.X.Label.Text = cmp.Or(p.XLabel, "training step")
	axes.Y.Label.Text = p.YLabel
	for _, a := range []*plot.Axis{&axes.X, &axes.Y} {
		a.Label.TextStyle = style(11, false)
		a.Label.TextStyle.XAlign = draw.XCenter
		a.Label.TextStyle.YAlign = draw.YBottom
		a.Tick.Label.Font = sans(10, false)
		a.LineStyle.Color = axisGrey
		a.Tick.LineStyle.Color = axisGrey
		a.Tick.Marker = roundTicks{}
	}
	axes.Y.Label.Padding = 4 * pixel

	log := p.LogY && coversDecade(p.Series)
	if log {
		axes.Y.Scale = plot.LogScale{}
		axes.Y.Tick.Marker = decadeTicks{}
	}
	lines := plotter.NewGrid()
	lines.Vertical.Color, lines.Horizontal.Color = gridGrey, gridGrey
	axes.Add(lines)

	curves := make([]*curve, len(p.Series))
	for i, s := range p.Series {
		curves[i] = newCurve(s, i, log)
		if c := curves[i]; p.Smooth && c.smooth != nil {
			c.runs, c.smooth = c.smooth, nil
		}
		axes.Add(curves[i])
	}
	widen(&axes.X)
	widen(&axes.Y)
	if log {
		axes.Y.Min, axes.Y.Max = axes.Y.Min/1.2, axes.Y.Max*1.2
	}
	return curves, axes
}

// widen gives an axis a length if all its values are the same.
func widen(a *plot.Axis) {
	if a.Min > a.Max { // no values at all
		a.Min, a.Max = 0, 1
	}
	if a.Max-a.Min <= 1e-12*math.Abs(a.Max) {
		by := 0.1 * math.Abs(a.Max)
		if by == 0 {
			by = 1
		}
		a.Min, a.Max = a.Min-by, a.Max+by
	}
}

// coversDecade tells whether the values that a logarithmic axis can show
// need one; within a factor of ten it would hardly have a labelled tick.
func coversDecade(series []Series) bool {
	lo, hi := math.Inf(1), 0.0
	for _, s := range series {
		for i, y := range s.Y {
			if drawable(s.X[i], false) && drawable(y, true) {
				lo, hi = min(lo, y), max(hi, y)
			}
		}
	}
	return hi >= 10*lo
}

var (
	axisGrey = color.Gray{0x40}
	gridGrey = color.Gray{0xdd}
	warning  = color.RGBA{0xd0, 0x00, 0x00, 0xff}
	// Okabe and Ito's colours, which people with any colour vision tell
	// apart, without the yellow that is faint on white.
	palette = []color.RGBA{
		{0x00, 0x72, 0xb2, 0xff}, // blue
		{0xd5, 0x5e, 0x00, 0xff}, // vermilion
		{0x00, 0x9e, 0x73, 0xff}, // green
		{0xcc, 0x79, 0xa7, 0xff}, // purple
		{0xe6, 0x9f, 0x00, 0xff}, // orange
		{0x56, 0xb4, 0xe9, 0xff}, // sky blue
		{0x00, 0x00, 0x00, 0xff},
	}
	// Dashes tell curves apart when the colours have been used up.
	dashes = [][]vg.Length{nil, {6 * pixel, 4 * pixel}, {2 * pixel, 3 * pixel}}
)

func sans(size float64, bold bool) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return f
}

func style(size float64, bold bool) text.Style {
	return text.Style{Color: color.Gray{0x20}, Font: sans(size, bold), Handler: plot.DefaultTextHandler}
}

// A head is what stands above a plot: its title, and the names of its curves
// in rows as wide as the plot, where they hide nothing.
type head struct {
	title string
	names []name
	rows  int
}

type name struct {
	text string
	row  int
	x    vg.Length
	line draw.LineStyle
	mark bool // a cross in place of a line
}

const (
	titleHeight = 24 * pixel
	rowHeight   = 19 * pixel
	swatch      = 24 * pixel
	// maxNames leaves room for the plot when each name takes a row.
	maxNames = 8
)

func newHead(title string, curves []*curve, width vg.Length) head {
	h := head{title: fit(style(12, true), title, width)}
	x := vg.Length(0)
	add := func(n name) {
		n.text = fit(style(10, false), n.text, width-swatch)
		need := swatch + 5*pixel + style(10, false).Width(n.text)
		if h.rows == 0 || x+need > width {
			h.rows++
			x = 0
		}
		n.row, n.x = h.rows-1, x
		x += need + 16*pixel
		h.names = append(h.names, n)
	}
	missing := ""
	for i, c := range curves {
		label := c.name
		if len(c.runs) == 0 {
			label += " (no values)"
		}
		if len(c.gaps) > 0 && missing == "" {
			missing = "not finite"
			if c.log {
				missing = "not finite or not above 0"
			}
		}
		if i < maxNames {
			add(name{text: label, line: c.line})
		}
	}
	if more := len(curves) - maxNames; more > 0 {
		add(name{text: fmt.Sprintf("and %d more", more)})
	}
	if missing != "" {
		add(name{text: missing, mark: true})
	}
	return h
}

// fit shortens s to the given width.
func fit(sty text.Style, s string, width vg.Length) string {
	runes := []rune(s)
	if len(runes) > 200 { // far wider than any panel
		runes = runes[:200]
	}
	for sty.Width(string(runes)) > width && len(runes) > 1 {
		runes = append(runes[:len(runes)-2], '…')
	}
	return string(runes)
}

func (h head) height() vg.Length { return titleHeight + vg.Length(h.rows)*rowHeight + 4*pixel }

func (h head) draw(c draw.Canvas, left, top vg.Length) {
	sty := style(12, true)
	sty.YAlign = draw.YTop
	c.FillText(sty, vg.Point{X: left, Y: top}, h.title)
	sty = style(10, false)
	sty.YAlign = draw.YCenter
	for _, n := range h.names {
		x, y := left+n.x, top-titleHeight-(vg.Length(n.row)+0.5)*rowHeight
		switch {
		case n.mark:
			cross(&c, vg.Point{X: x + swatch/2, Y: y})
		case n.line.Width > 0:
			c.StrokeLine2(n.line, x, y, x+swatch, y)
		}
		c.FillText(sty, vg.Point{X: x + swatch + 5*pixel, Y: y}, n.text)
	}
}

func cross(c *draw.Canvas, at vg.Point) {
	const r = 4 * pixel
	line := draw.LineStyle{Color: warning, Width: 2 * pixel}
	c.StrokeLine2(line, at.X-r, at.Y-r, at.X+r, at.Y+r)
	c.StrokeLine2(line, at.X-r, at.Y+r, at.X+r, at.Y-r)
}
