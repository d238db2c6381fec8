package nn

import (
	"context"
	"slices"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// direction is one way through a convolution: pixels grouped by the taps that
// they share. The input gradient of a strided convolution falls into stride²
// phases, each a convolution of its own with a part of the kernel.
type direction struct {
	tiles   []tile        // those of the first band first, see divide
	index   map[class]int // of tiles, while they are laid out
	phases  []phase
	squares *quads // what computes the tiles of phase inSquares
	band    int    // vectors of the output in a band, 0 where there is one
}

// Where the input gradient of a layer takes more than farBytes for the widest block,
// its tiles are in the order of bands of bandBytes: all phases of some rows follow one
// another and read the same part of the output's gradient while it is in the cache.
// Such bands leave room in a second-level cache of a megabyte or two for the weights;
// narrower ones would leave rests of tiles in each. They are variables for tests
// alone.
var farBytes, bandBytes = 4 << 20, 512 << 10

// divide sets how many rows a band has: of an output of so many rows of so many
// vectors, with whose row so many other vectors are read or written.
func (d *direction) divide(rows, row, others int) {
	if size := 4 * kernel.Widest() * rows * (row + others); size > farBytes {
		d.band = row * max(1, rows*bandBytes/size)
	}
}

// finish puts the tiles in the order of the bands, once all are there.
func (d *direction) finish() {
	slices.SortStableFunc(d.tiles, func(a, b tile) int { return a.band - b.band })
	d.index = nil
}

type tile struct {
	class
	pixels []kernel.Pixel
}

// class is what pixels of one tile have in common.
type class struct {
	band  int
	phase int // or inSquares
	taps  kernel.Taps
}

// inSquares is the phase of pixels that kernel.ConvQuads computes.
const inSquares = -1

// phase is a packed part of the kernel: for channel o of its output and
// position p, source(o, p) is the index of the weight in PyTorch's order.
type phase struct {
	packed kernel.Weights
	source []int32 // parallel to packed.Data
}

func newPhase(out, positions int) phase {
	// A phase without taps still has a block of four to point at.
	n := max(4, out*positions)
	return phase{
		packed: kernel.Weights{Out: out, Positions: positions, Data: make([]float32, n)},
		source: make([]int32, out*positions),
	}
}

func (p *phase) set(out, position, source int) {
	p.source[p.packed.Index(out, position)] = int32(source)
}

// add puts a pixel to those of its band with the same taps.
func (d *direction) add(phase int, taps kernel.Taps, x, y int) {
	c := class{phase: phase, taps: taps}
	if d.band > 0 {
		c.band = y / d.band
	}
	i, ok := d.index[c]
	if !ok {
		if d.index == nil {
			d.index = make(map[class]int)
		}
		i = len(d.tiles)
		d.index[c] = i
		d.tiles = append(d.tiles, tile{class: c})
	}
	d.tiles[i].pixels = append(d.tiles[i].pixels, kernel.Pixel{X: int32(x), Y: int32(y)})
}

func (d *direction) pack(weight []float32) {
	for i := range d.phases {
		p := &d.phases[i]
		data := p.packed.Data[:len(p.source)]
		for j, s := range p.source {
			data[j] = weight[s]
		}
	}
	d.squares.pack(weight)
}

func (d *direction) apply(ctx context.Context, width int, y, x, bias, mask []float32) {
	for i := range d.tiles {
		t := &d.tiles[i]
		each := t.taps.Rows * t.taps.Run // multiply-adds
		if t.phase == inSquares {
			each *= 4 * d.squares.Channels
		} else {
			each *= d.phases[t.phase].packed.Out
		}
		for left := t.pixels; len(left) > 0 && ctx.Err() == nil; {
			n := piece(len(left), each)
			if t.phase == inSquares {
				kernel.ConvQuads(width, y, x, &d.squares.Quads, mask, left[:n])
			} else {
				kernel.Conv(width, y, x, &d.phases[t.phase].packed, bias, mask, t.taps, left[:n])
			}
			left = left[n:]
		}
	}
}

// piece is how many of so many pixels to compute before the context is asked
// again, where each takes so many multiply-adds an image: those of a few
// tenths of a second with the kernels in Go, if that is a whole tile at least.
func piece(pixels, each int) int {
	const most, tile = 1 << 26 / lane.Width, 6
	if pixels*each <= most {
		return pixels
	}
	return min(pixels, max(1, most/(each*tile))*tile)
}
