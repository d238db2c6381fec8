//go:build !purego

package kernel

import (
	"os"
	"unsafe"
)

// neon is whether the assembly is in use: every arm64 processor can run it. It
// has blocks of eight; the kernels in Go serve wider ones. It is a variable for
// tests alone.
var neon = os.Getenv("JOULE_KERNEL") != "generic"

// assembly tells whether kernels in assembly are in use.
func assembly() bool { return neon }

// Name returns the name of the kernels in use.
func Name() string {
	if neon {
		return "neon"
	}
	return "generic"
}

// Widest returns the width of the widest blocks that the kernels in use have
// assembly for.
func Widest() int { return Width }

// assembled tells whether there is assembly for blocks of this width.
func assembled(width int) bool { return neon && width == Width }

// tile is what the assembly of a convolution reads.
type tile struct {
	y, x, w, bias unsafe.Pointer
	blocks        int // blocks of output channels
	wBlock        int // bytes from a block's weights to the next
	rows, run     int
	xSkip, wSkip  int // bytes from the end of a row's run to the next row
	px, mask      unsafe.Pointer
	groups        int // groups of pixels

	first, yRow, yCol int // of ConvQuads alone
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
		xSkip: 4 * Width * (t.XStride - t.Run),
	}
	c := convolution{y, w, bias, mask, t}
	if blocks := w.Out / 4; blocks > 0 {
		c.fours(&a, px, blocks)
	}
	if left := w.Out % 4; left > 0 {
		c.singles(&a, px, left)
	}
}

// convolution is what conv was asked for, less the pixels.
type convolution struct {
	y          []float32
	w          *Weights
	bias, mask []float32
	taps       Taps
}

// point points a at the channels from o on: blocks of width channels.
func (c *convolution) point(a *tile, o, blocks, width int) {
	a.y = unsafe.Pointer(&c.y[o*Width])
	a.bias = unsafe.Pointer(&c.bias[o])
	if c.mask != nil {
		a.mask = unsafe.Pointer(&c.mask[o*Width])
	}
	a.w = unsafe.Pointer(&c.w.Data[o*c.w.Positions+c.taps.W*width])
	a.blocks = blocks
	a.wBlock = 4 * width * c.w.Positions
	a.wSkip = 4 * width * (c.taps.WStride - c.taps.Run)
}

// fours runs the blocks of four channels: on three or two pixels at a time, and
// on one that is left with two blocks at a time.
func (c *convolution) fours(a *tile, px []Pixel, blocks int) {
	c.point(a, 0, blocks, 4)
	threes := len(px) / 3
	if len(px)%3 == 1 && len(px) > 1 {
		threes-- // 3+1 is slower than 2+2
	}
	if threes > 0 {
		convPixels(a, px[:3*threes], tile4x3)
		px = px[3*threes:]
	}
	if twos := len(px) / 2; twos > 0 {
		convPixels(a, px[:2*twos], tile4x2)
		px = px[2*twos:]
	}
	if len(px) == 0 {
		return
	}
	if pairs := blocks / 2; pairs > 0 {
		c.point(a, 0, pairs, 4)
		convPixels(a, px, tile8x1)
	}
	if blocks%2 == 1 {
		c.point(a, (blocks-1)*4, 1, 4)
		convPixels(a, px, tile4x1)
	}
}

// singles runs the last channels, less than four: three together on four pixels
// at a time, and else each on eight.
func (c *convolution) singles(a *tile, px []Pixel, left int) {
	c.point(a, c.w.Out-left, left, 1)
	switch {
	case left == 3 && len(px) >= tilePixels[tile3x4]:
		a.blocks = 1
		convAll(a, px, tile3x4)
	case len(px) >= tilePixels[tile1x8]:
		convAll(a, px, tile1x8)
	default:
		convPixels(a, px, tile1x1)
	}
}

// squares returns the shapes of ConvQuads for several squares at a time and for one.
func squares(int) (several, one int) { return squares3, squares1 }

// The shapes of tiles: output channels × pixels.
const (
	tile4x3 = iota
	tile4x2
	tile8x1
	tile4x1
	tile3x4
	tile1x8
	tile1x1
	squares3
	squares1
)

var tilePixels = [...]int{tile4x3: 3, tile4x2: 2, tile8x1: 1, tile4x1: 1, tile3x4: 4, tile1x8: 8, tile1x1: 1, squares3: 3, squares1: 1}

// convPixels calls the assembly directly: through a function value a would
// escape to the heap.
func convPixels(a *tile, px []Pixel, shape int) {
	if len(px) == 0 {
		return
	}
	a.px = unsafe.Pointer(&px[0])
	a.groups = len(px) / tilePixels[shape]
	switch b := (*byte)(unsafe.Pointer(a)); shape {
	case tile4x3:
		conv4x3(b)
	case tile4x2:
		conv4x2(b)
	case tile8x1:
		conv8x1(b)
	case tile4x1:
		conv4x1(b)
	case tile3x4:
		conv3x4(b)
	case tile1x8:
		conv1x8(b)
	case tile1x1:
		conv1x1(b)
	case squares3:
		quads3(b)
	case squares1:
		quads1(b)
	}
}

// strip is what the assembly of Outer reads; strides are in bytes.
type strip struct {
	grad, dy, x  unsafe.Pointer
	tiles        int
	rows, cols   int
	dyRow, dyCol int
	xRow, xCol   int
	sums         unsafe.Pointer // of a part
	begun        bool           // sums has those of parts before
	goesOn       bool           // leave the sums there
}

func outer(grad, high, dy, x []float32, no, ni int, r Rect, p Part) {
	if !neon || no < 4 || high != nil {
		outerGeneric(grad, high, dy, x, no, ni, r, p)
		return
	}
	const vector = 4 * Width
	s := strip{
		dy: unsafe.Pointer(&dy[0]), rows: r.Rows, cols: r.Cols,
		dyRow: vector * r.DyRow, dyCol: vector * r.DyCol, xRow: vector * r.XRow, xCol: vector * r.XCol,
		begun: p.Begun, goesOn: p.GoesOn,
	}
	at := func(i, tiles int) *byte {
		s.grad, s.x, s.tiles = unsafe.Pointer(&grad[4*i]), unsafe.Pointer(&x[i*Width]), tiles
		if s.begun || s.goesOn {
			s.sums = unsafe.Pointer(&p.Sums[4*i*Width])
		}
		return (*byte)(unsafe.Pointer(&s))
	}
	if ni >= 3 {
		outer4x3(at(0, ni/3))
	}
	switch ni % 3 {
	case 1:
		outer4x1(at(ni-1, 1))
	case 2:
		outer4x2(at(ni-2, 1))
	}
}

func silu(y, d, x []float32) {
	if !neon {
		siluGeneric(y, d, x)
	} else if len(x) > 0 {
		siluNEON(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func relu(y, d, x []float32) {
	if !neon {
		reluGeneric(y, d, x)
	} else if len(x) > 0 {
		reluNEON(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func leaky(y, d, x []float32, slope float32) {
	if !neon {
		leakyGeneric(y, d, x, slope)
	} else if len(x) > 0 {
		leakyNEON(&y[0], &d[0], &x[0], len(x)/Width, slope)
	}
}

func sigmoid(y, d, x []float32) {
	if !neon {
		sigmoidGeneric(y, d, x)
	} else if len(x) > 0 {
		sigmoidNEON(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func tanh(y, d, x []float32) {
	if !neon {
		tanhGeneric(y, d, x)
	} else if len(x) > 0 {
		tanhNEON(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func mul(dst, a, b []float32) {
	if !neon {
		mulGeneric(dst, a, b)
	} else if len(dst) > 0 {
		mulNEON(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func sub(dst, a, b []float32) {
	if !neon {
		subGeneric(dst, a, b)
	} else if len(dst) > 0 {
		subNEON(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func add(dst, a, b []float32) {
	if !neon {
		addGeneric(dst, a, b)
	} else if len(dst) > 0 {
		addNEON(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func noise(x []float32, c *Counter, scale []float32, lo, hi float32) {
	first := 0 // group of four vectors that is not done
	if groups := len(x) / (4 * Width); neon && len(scale) == Width && groups > 0 {
		noiseNEON(&x[0], groups, (*byte)(unsafe.Pointer(c)), &scale[0], lo, hi, 0)
		first = groups
	}
	noiseGeneric(x, c, scale, lo, hi, 4*first)
}

func descend(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	if !neon || len(eta) > Width {
		descendGeneric(x, g, eta, clip, lo, hi, sumsq, clipped)
	} else if len(x) > 0 {
		descendNEON(&x[0], &g[0], len(x)/Width, &eta[0], clip, lo, hi, &sumsq[0], &clipped[0])
	}
}

func peak(rounds int) float64 {
	if !neon || rounds < 1 {
		return peakGeneric(rounds)
	}
	peakNEON(rounds)
	return float64(rounds*24*4) * 2
}
