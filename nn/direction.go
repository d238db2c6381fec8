package nn

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// direction is one way through a convolution: pixels grouped by the taps that
// they share. The input gradient of a strided convolution falls into stride²
// phases, each a convolution of its own with a part of the kernel.
type direction struct {
	tiles  []tile
	index  map[class]int // of tiles
	phases []phase
}

type tile struct {
	class
	pixels []kernel.Pixel
}

// class is what pixels of one tile have in common.
type class struct {
	phase int
	taps  kernel.Taps
}

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

// add puts a pixel to those with the same taps.
func (d *direction) add(phase int, taps kernel.Taps, x, y int) {
	c := class{phase, taps}
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
}

func (d *direction) apply(ctx context.Context, width int, y, x, bias, mask []float32) {
	for i := range d.tiles {
		t := &d.tiles[i]
		w := &d.phases[t.phase].packed
		for left := t.pixels; len(left) > 0 && ctx.Err() == nil; {
			n := piece(len(left), w.Out*t.taps.Rows*t.taps.Run)
			kernel.Conv(width, y, x, w, bias, mask, t.taps, left[:n])
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
