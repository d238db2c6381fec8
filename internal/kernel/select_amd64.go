//go:build !purego

package kernel

import (
	"os"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// The kernels that there are; each has what those before it need.
const (
	generic = iota
	avx2
	avx512
)

var names = [...]string{generic: "generic", avx2: "avx2", avx512: "avx512"}

// level is decided once: the best that the processor has and JOULE_KERNEL
// allows. It is a variable for tests alone.
var level = func() int {
	l := generic
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		l = avx2
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
			l = avx512
		}
	}
	for i, name := range names {
		if os.Getenv("JOULE_KERNEL") == name {
			l = min(l, i)
		}
	}
	return l
}()

// Name returns the name of the kernels in use.
func Name() string { return names[level] }

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
	wNow, biasNow uintptr
	maskNow       uintptr
	left          int // blocks left
}

func conv(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	if level < avx2 || width > Width {
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
	blocks, first := w.Out/4, 0 // of four channels
	if level == avx512 && len(px) > 1 && blocks > 1 {
		c.point(&a, 0, blocks/2, 4)
		convPairs(&a, px)
		first = blocks &^ 1
	}
	if blocks > first {
		c.fours(&a, px, first, blocks)
	}
	if left := w.Out % 4; left > 0 {
		c.point(&a, w.Out-left, left, 1)
		eights := len(px) &^ 7
		if eights > 0 {
			convPixels(&a, px[:eights], tile1x8)
		}
		if eights < len(px) {
			convPixels(&a, px[eights:], tile1x1)
		}
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

// fours runs the blocks of four channels from first to blocks: on three or two
// pixels at a time, and on one that is left with two blocks at a time.
func (c *convolution) fours(a *tile, px []Pixel, first, blocks int) {
	c.point(a, 4*first, blocks-first, 4)
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
	if pairs := (blocks - first) / 2; pairs > 0 {
		c.point(a, 4*first, pairs, 4)
		convPixels(a, px, tile8x1)
	}
	if (blocks-first)%2 == 1 {
		c.point(a, (blocks-1)*4, 1, 4)
		convPixels(a, px, tile4x1)
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

// The shapes of tiles: output channels × pixels.
const (
	tile4x3 = iota
	tile4x2
	tile8x1
	tile4x1
	tile1x8
	tile1x1
	tile8x6
	tile8x4
	tile8x2
)

var tilePixels = [...]int{tile4x3: 3, tile4x2: 2, tile8x1: 1, tile4x1: 1, tile1x8: 8, tile1x1: 1, tile8x6: 6, tile8x4: 4, tile8x2: 2}

// convPixels calls the assembly directly: through a function value a would
// escape to the heap.
func convPixels(a *tile, px []Pixel, shape int) {
	a.px = unsafe.Pointer(&px[0])
	a.groups = len(px) / tilePixels[shape]
	switch shape {
	case tile4x3:
		conv4x3((*byte)(unsafe.Pointer(a)))
	case tile4x2:
		conv4x2((*byte)(unsafe.Pointer(a)))
	case tile8x1:
		conv8x1((*byte)(unsafe.Pointer(a)))
	case tile4x1:
		conv4x1((*byte)(unsafe.Pointer(a)))
	case tile1x8:
		conv1x8((*byte)(unsafe.Pointer(a)))
	case tile1x1:
		conv1x1((*byte)(unsafe.Pointer(a)))
	case tile8x6:
		conv8x6AVX512((*byte)(unsafe.Pointer(a)))
	case tile8x4:
		conv8x4AVX512((*byte)(unsafe.Pointer(a)))
	case tile8x2:
		conv8x2AVX512((*byte)(unsafe.Pointer(a)))
	}
}

// strip is what the assembly of Outer reads; strides are in bytes.
type strip struct {
	grad, dy, x  unsafe.Pointer
	tiles        int
	rows, cols   int
	dyRow, dyCol int
	xRow, xCol   int
}

func outer(grad, high, dy, x []float32, no, ni int, r Rect) {
	if level < avx2 || no < 4 || high != nil {
		outerGeneric(grad, high, dy, x, no, ni, r)
		return
	}
	s := strip{
		dy: unsafe.Pointer(&dy[0]), rows: r.Rows, cols: r.Cols,
		dyRow: 4 * Width * r.DyRow, dyCol: 4 * Width * r.DyCol, xRow: 4 * Width * r.XRow, xCol: 4 * Width * r.XCol,
	}
	at := func(i, tiles int) *byte {
		s.grad, s.x, s.tiles = unsafe.Pointer(&grad[4*i]), unsafe.Pointer(&x[i*Width]), tiles
		return (*byte)(unsafe.Pointer(&s))
	}
	i := 0 // done
	if level == avx512 {
		if i = ni / 6 * 6; i > 0 {
			outer4x6AVX512(at(0, i/6))
		}
	}
	if left := ni - i; left >= 3 {
		outer4x3(at(i, left/3))
	}
	switch ni % 3 {
	case 1:
		outer4x1(at(ni-1, 1))
	case 2:
		outer4x2(at(ni-2, 1))
	}
}

func silu(y, d, x []float32) {
	if level < avx2 {
		siluGeneric(y, d, x)
		return
	}
	if n := len(x) / (2 * Width); level == avx512 && n > 0 {
		siluAVX512(&y[0], &d[0], &x[0], n)
		n *= 2 * Width
		y, d, x = y[n:], d[n:], x[n:]
	}
	if len(x) > 0 {
		siluAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func relu(y, d, x []float32) {
	if level < avx2 {
		reluGeneric(y, d, x)
	} else if len(x) > 0 {
		reluAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func mul(dst, a, b []float32) {
	if level < avx2 {
		mulGeneric(dst, a, b)
	} else if len(dst) > 0 {
		mulAVX2(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func add(dst, a, b []float32) {
	if level < avx2 {
		addGeneric(dst, a, b)
	} else if len(dst) > 0 {
		addAVX2(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func noise(x []float32, c *Counter, scale []float32, lo, hi float32) {
	if len(scale) > Width {
		noiseGeneric(x, c, scale, lo, hi, 0)
		return
	}
	groups, first := len(x)/(4*Width), 0 // of four vectors, and those done
	key := (*byte)(unsafe.Pointer(c))
	if level == avx512 && groups > 1 {
		first = groups &^ 1
		noiseAVX512(&x[0], first/2, key, &scale[0], lo, hi, 0)
	}
	if level >= avx2 && groups > first {
		noiseAVX2(&x[4*first*Width], groups-first, key, &scale[0], lo, hi, uint32(first))
		first = groups
	}
	noiseGeneric(x, c, scale, lo, hi, 4*first)
}

func descend(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	if level < avx2 || len(eta) > Width {
		descendGeneric(x, g, eta, clip, lo, hi, sumsq, clipped)
	} else if len(x) > 0 {
		descendAVX2(&x[0], &g[0], len(x)/Width, &eta[0], clip, lo, hi, &sumsq[0], &clipped[0])
	}
}

func peak(rounds int) float64 {
	if level < avx2 || rounds < 1 {
		return peakGeneric(rounds)
	}
	width := Width
	if level == avx512 {
		peakAVX512(rounds)
		width *= 2
	} else {
		peakAVX2(rounds)
	}
	return float64(rounds*12*width) * 2
}
