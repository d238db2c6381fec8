//go:build !purego

package kernel

import "unsafe"

// tile is what the assembly of a convolution reads. The fields from groups on
// are its scratch: places there may lie past the end of what they walk
// through, so the garbage collector must not take them for pointers.
type tile struct {
	y, x, w, bias unsafe.Pointer
	blocks        int // blocks of output channels
	wBlock        int // bytes from a block's weights to the next
	rows, run     int
	xSkip, wSkip  int // bytes from the end of a row's run to the next row
	px, mask      unsafe.Pointer
	groups        int // groups of pixels left
	yNow, wNow    uintptr
	biasNow       uintptr
	maskNow       uintptr
	left          int // blocks left

	first, yRow, yCol int // of Quads alone

	far int // 1 where y is far, see farBytes
}

func conv(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	if !assembled(width) {
		convGeneric(width, y, x, w, bias, mask, t, px)
		return
	}
	if len(px) == 0 || w.Out == 0 {
		return
	}
	if t.Run == 0 {
		t.Rows = 0
	}
	a := tile{
		x:     unsafe.Pointer(unsafe.SliceData(x)),
		rows:  t.Rows,
		run:   t.Run,
		xSkip: 4 * width * (t.XStride - t.Run),
		far:   far(y),
	}
	c := convolution{width, y, w, bias, mask, t}
	if width > Width {
		c.wide(&a, px)
	} else {
		c.narrow(&a, px)
	}
}

// farBytes is the size of an output that does not stay in the second-level cache
// between two layers, which is one or two megabytes on most processors. Of such a
// one each tile asks for its part, and that of the mask, before it computes.
const farBytes = 1 << 20

func far(y []float32) int {
	if 4*len(y) < farBytes {
		return 0
	}
	return 1
}

// convolution is what conv was asked for, less the pixels.
type convolution struct {
	width      int
	y          []float32
	w          *Weights
	bias, mask []float32
	taps       Taps
}

// narrow runs blocks of eight images.
func (c *convolution) narrow(a *tile, px []Pixel) {
	fours, first := c.w.Out/4, 0
	if level == avx512 && len(px) > 1 && fours > 1 {
		c.point(a, 0, fours/2, 4)
		convPairs(a, px)
		first = fours &^ 1
	}
	if fours > first {
		c.blocks(a, px, first, fours, &tiles{4, tile4x3, tile4x2, tile8x1, tile4x1})
	}
	c.left(a, px, tile3x4, tile1x8, tile1x1)
}

// wide runs blocks of sixteen images.
func (c *convolution) wide(a *tile, px []Pixel) {
	eights := c.w.Out / 8
	if eights > 0 {
		c.blocks(a, px, 0, eights, &tiles{8, wide8x3, wide8x2, wide16x1, wide8x1})
	}
	if c.w.Out%8 >= 4 {
		c.point(a, 8*eights, 1, 4)
		if len(px) >= tilePixels[wide4x6] {
			convAll(a, px, wide4x6)
		} else {
			convPixels(a, convWhole(a, px, wide4x2), wide4x1)
		}
	}
	c.left(a, px, wide3x8, wide1x8, wide1x1)
}

// point points a at the channels from o on: blocks whose weights are packed for
// so many channels.
func (c *convolution) point(a *tile, o, blocks, packed int) {
	a.y = unsafe.Pointer(&c.y[o*c.width])
	a.bias = unsafe.Pointer(&c.bias[o])
	if c.mask != nil {
		a.mask = unsafe.Pointer(&c.mask[o*c.width])
	}
	a.w = unsafe.Pointer(&c.w.Data[o*c.w.Positions+c.taps.W*packed])
	a.blocks = blocks
	a.wBlock = 4 * packed * c.w.Positions
	a.wSkip = 4 * packed * (c.taps.WStride - c.taps.Run)
}

// tiles are the shapes for blocks of so many channels: for three and for two
// pixels, and for a single one on two blocks and on one.
type tiles struct{ channels, three, two, pair, one int }

// blocks runs the blocks of channels from first to end: on three or two pixels
// at a time, and on one that is left with two blocks at a time.
func (c *convolution) blocks(a *tile, px []Pixel, first, end int, t *tiles) {
	c.point(a, first*t.channels, end-first, 4)
	threes := len(px) / 3
	if len(px)%3 == 1 && len(px) > 1 {
		threes-- // 3+1 is slower than 2+2
	}
	convPixels(a, px[:3*threes], t.three)
	px = convWhole(a, px[3*threes:], t.two)
	if len(px) == 0 {
		return
	}
	if pairs := (end - first) / 2; pairs > 0 {
		c.point(a, first*t.channels, pairs, 4)
		convPixels(a, px, t.pair)
	}
	if (end-first)%2 == 1 {
		c.point(a, (end-1)*t.channels, 1, 4)
		convPixels(a, px, t.one)
	}
}

// left runs the channels after the last four: three on several pixels at a
// time, or each on eight or on one.
func (c *convolution) left(a *tile, px []Pixel, three, eight, one int) {
	n := c.w.Out % 4
	if n == 0 {
		return
	}
	c.point(a, c.w.Out-n, n, 1)
	switch {
	case n == 3 && len(px) >= tilePixels[three]:
		a.blocks = 1
		convAll(a, px, three)
	case len(px) >= tilePixels[eight]:
		convAll(a, px, eight)
	default:
		convPixels(a, px, one)
	}
}

// convPairs runs tiles of eight channels × three, two or one pairs of pixels,
// of which there are at least two. Of an odd number one is computed twice.
func convPairs(a *tile, px []Pixel) {
	for left := px; len(left) > 0; {
		n, shape := 2, tile8x2
		switch {
		case len(left) >= 6:
			n, shape = len(left)/6*6, tile8x6
		case len(left) >= 4:
			n, shape = 4, tile8x4
		}
		convPixels(a, left[:n], shape)
		if left = left[n:]; len(left)%2 == 1 {
			left = px[len(px)-len(left)-1:]
		}
	}
}

// The shapes of tiles: output channels × pixels, in blocks of eight images and
// wide ones of sixteen, and so many squares of ConvQuads.
const (
	tile4x3 = iota
	tile4x2
	tile8x1
	tile4x1
	tile3x4
	tile1x8
	tile1x1
	tile8x6
	tile8x4
	tile8x2
	wide8x3
	wide8x2
	wide16x1
	wide8x1
	wide4x6
	wide4x2
	wide4x1
	wide3x8
	wide1x8
	wide1x1
	squares3
	squares1
	wideSquares6
	wideSquares1
)

var tilePixels = [...]int{
	tile4x3: 3, tile4x2: 2, tile8x1: 1, tile4x1: 1, tile3x4: 4, tile1x8: 8, tile1x1: 1, tile8x6: 6, tile8x4: 4, tile8x2: 2,
	wide8x3: 3, wide8x2: 2, wide16x1: 1, wide8x1: 1, wide4x6: 6, wide4x2: 2, wide4x1: 1, wide3x8: 8, wide1x8: 8, wide1x1: 1,
	squares3: 3, squares1: 1, wideSquares6: 6, wideSquares1: 1,
}

// convPixels runs px, a number of whole tiles. It calls the assembly directly:
// through a function value a would escape to the heap.
func convPixels(a *tile, px []Pixel, shape int) {
	if len(px) == 0 {
		return
	}
	a.px = unsafe.Pointer(&px[0])
	a.groups = len(px) / tilePixels[shape]
	at := (*byte)(unsafe.Pointer(a))
	switch shape {
	case tile4x3:
		conv4x3(at)
	case tile4x2:
		conv4x2(at)
	case tile8x1:
		conv8x1(at)
	case tile4x1:
		conv4x1(at)
	case tile3x4:
		conv3x4(at)
	case tile1x8:
		conv1x8(at)
	case tile1x1:
		conv1x1(at)
	case tile8x6:
		conv8x6AVX512(at)
	case tile8x4:
		conv8x4AVX512(at)
	case tile8x2:
		conv8x2AVX512(at)
	case wide8x3:
		wideConv8x3AVX512(at)
	case wide8x2:
		wideConv8x2AVX512(at)
	case wide16x1:
		wideConv16x1AVX512(at)
	case wide8x1:
		wideConv8x1AVX512(at)
	case wide4x6:
		wideConv4x6AVX512(at)
	case wide4x2:
		wideConv4x2AVX512(at)
	case wide4x1:
		wideConv4x1AVX512(at)
	case wide3x8:
		wideConv3x8AVX512(at)
	case wide1x8:
		wideConv1x8AVX512(at)
	case wide1x1:
		wideConv1x1AVX512(at)
	case squares3:
		quads3(at)
	case squares1:
		quads1(at)
	case wideSquares6:
		wideQuads6AVX512(at)
	case wideSquares1:
		wideQuads1AVX512(at)
	}
}

// squares returns the shapes of ConvQuads for several squares at a time and for one.
func squares(width int) (several, one int) {
	if width > Width {
		return wideSquares6, wideSquares1
	}
	return squares3, squares1
}
