package grid

import (
	"image"
	"image/color"
	"slices"
)

// An index maps the colours of pictures to entries of a palette.
type index struct {
	palette color.Palette
	exact   map[[3]uint8]uint8 // every colour, where there are at most 256
	cell    []uint8            // the entry of each cell of the cube, otherwise
}

// maxColours is how many a GIF's palette holds.
const maxColours = 256

// indexer chooses a palette for frames as plain returns them.
func indexer(frames []image.Image) *index {
	if _, ok := frames[0].(*image.Gray); ok {
		return &index{palette: greys()}
	}
	exact, palette := map[[3]uint8]uint8{}, color.Palette{}
	for _, f := range frames {
		m := f.(*image.RGBA)
		for p := range pixels(m) {
			if _, ok := exact[p]; ok {
				continue
			}
			if len(palette) == maxColours {
				return medianCut(frames)
			}
			exact[p] = uint8(len(palette))
			palette = append(palette, color.RGBA{p[0], p[1], p[2], 255})
		}
	}
	return &index{palette: palette, exact: exact}
}

// pixels yields the colours of m row by row.
func pixels(m *image.RGBA) func(yield func([3]uint8) bool) {
	return func(yield func([3]uint8) bool) {
		b := m.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			row := m.Pix[m.PixOffset(b.Min.X, y):][:4*b.Dx()]
			for i := 0; i < len(row); i += 4 {
				if !yield([3]uint8(row[i : i+3])) {
					return
				}
			}
		}
	}
}

// paletted returns a frame in the colours of the palette. It shares a grey
// frame's memory.
func (x *index) paletted(f image.Image) *image.Paletted {
	size := f.Bounds().Size()
	if m, ok := f.(*image.Gray); ok {
		return &image.Paletted{Pix: m.Pix[m.PixOffset(m.Rect.Min.X, m.Rect.Min.Y):], Stride: m.Stride, Rect: image.Rectangle{Max: size}, Palette: x.palette}
	}
	out := image.NewPaletted(image.Rectangle{Max: size}, x.palette)
	i := 0
	for p := range pixels(f.(*image.RGBA)) {
		if x.exact != nil {
			out.Pix[i] = x.exact[p]
		} else {
			out.Pix[i] = x.cell[cellOf(p)]
		}
		i++
	}
	return out
}

// The median cut (Heckbert 1982) works on cells of the colour cube, six bits
// a channel: finer than 256 colours can tell.
const cells = 1 << 18

func cellOf(p [3]uint8) int { return int(p[0])>>2<<12 | int(p[1])>>2<<6 | int(p[2])>>2 }

// A bin is the pixels of a cell: how many, and the sums of their channels.
type bin struct {
	n   int
	sum [3]int
}

func (b *bin) mean(channel int) int { return b.sum[channel] / b.n }

// medianCut divides the colours of frames into 256 boxes: again and again, the
// box with the largest product of its pixels and its longest side is cut where
// half of its pixels are on either side. Each becomes its mean colour.
func medianCut(frames []image.Image) *index {
	histogram := make([]bin, cells)
	for _, f := range frames {
		for p := range pixels(f.(*image.RGBA)) {
			b := &histogram[cellOf(p)]
			b.n++
			for c, v := range p {
				b.sum[c] += int(v)
			}
		}
	}
	var all []*bin
	for i := range histogram {
		if histogram[i].n > 0 {
			all = append(all, &histogram[i])
		}
	}
	boxes := []*box{newBox(all)}
	for len(boxes) < maxColours {
		widest := slices.MaxFunc(boxes, func(a, b *box) int { return a.weight - b.weight })
		if widest.weight == 0 {
			break
		}
		low, high := widest.cut()
		*widest = *low
		boxes = append(boxes, high)
	}
	x := &index{cell: make([]uint8, cells)}
	mean := make([][3]int, len(boxes))
	for i, b := range boxes {
		mean[i] = b.colour()
		x.palette = append(x.palette, color.RGBA{uint8(mean[i][0]), uint8(mean[i][1]), uint8(mean[i][2]), 255})
	}
	for i := range histogram {
		b := &histogram[i]
		if b.n == 0 {
			continue
		}
		best, least := 0, 1<<30
		for k, m := range mean {
			d := 0
			for c := range m {
				d += (m[c] - b.mean(c)) * (m[c] - b.mean(c))
			}
			if d < least {
				best, least = k, d
			}
		}
		x.cell[i] = uint8(best)
	}
	return x
}

// A box is some bins, with the channel in which they differ most.
type box struct {
	bins    []*bin
	n       int
	channel int
	weight  int // 0 for a box that cannot be cut
}

func newBox(bins []*bin) *box {
	b := &box{bins: bins}
	longest := 0
	for _, x := range bins {
		b.n += x.n
	}
	for c := range 3 {
		lo, hi := 255, 0
		for _, x := range bins {
			lo, hi = min(lo, x.mean(c)), max(hi, x.mean(c))
		}
		if hi-lo > longest {
			b.channel, longest = c, hi-lo
		}
	}
	b.weight = b.n * longest
	return b
}

// cut divides a box of at least two bins; neither part is empty.
func (b *box) cut() (low, high *box) {
	slices.SortStableFunc(b.bins, func(x, y *bin) int { return x.mean(b.channel) - y.mean(b.channel) })
	at, seen := 1, b.bins[0].n
	for at < len(b.bins)-1 && seen+b.bins[at].n <= b.n/2 {
		seen += b.bins[at].n
		at++
	}
	return newBox(b.bins[:at:at]), newBox(b.bins[at:])
}

// colour is the mean of the box's pixels.
func (b *box) colour() (mean [3]int) {
	for c := range mean {
		for _, x := range b.bins {
			mean[c] += x.sum[c]
		}
		mean[c] = (mean[c] + b.n/2) / b.n
	}
	return mean
}
