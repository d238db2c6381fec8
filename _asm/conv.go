package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileFields are the offsets of the fields of kernel.tile.
var tileFields = map[string]int{
	"y": 0, "x": 8, "w": 16, "bias": 24, "blocks": 32, "wBlock": 40,
	"rows": 48, "run": 56, "xSkip": 64, "wSkip": 72,
	"px": 80, "mask": 88, "groups": 96, "yNow": 104, "wNow": 112, "biasNow": 120, "maskNow": 128, "left": 136,
	"first": 144, "yRow": 152, "yCol": 160, "far": 168,
}

// convolution writes a kernel for tiles of output channels × pixels.
type convolution struct {
	channels, pixels int
	columns          int // registers to a channel
	vec              int // bytes of a vector
	unroll           int // taps to a turn of the innermost loop
	a                Mem
	px               reg.GPVirtual
	acc              []reg.VecVirtual // [channels][columns]
	operands
}

// operands is where the first tap of a tile and its weights are in memory.
type operands struct {
	x, w, rows, run reg.GPVirtual
	delta           []reg.GPVirtual // from the first pixel to the others
	ahead           reg.GPVirtual   // see next
	w1, w3          reg.GPVirtual   // from a packed block of weights to the next one, and to the third after it
}

// conv writes the multiply-accumulate of a tile of output channels × pixels.
// Every input vector and every broadcast weight is loaded once a tile and
// used for all pixels or channels; the accumulators stay in registers.
func conv(name string, s simd, channels, pixels int) {
	c := convolution{channels: channels, pixels: pixels, columns: pixels, vec: s.bytes, unroll: 4}
	if channels*pixels > 12 {
		c.unroll = 2
	}
	c.begin(name, fmt.Sprintf("computes tiles of %d output channels × %d pixels.", channels, pixels))
	c.acc = s.regs(channels * pixels)
	c.block()
	large := pixels == 3 // which does most of the work where inputs are far
	if large {
		c.next()
	}
	c.taps(func(tap int) {
		c.multiply(s, tap)
		if large && tap*s.bytes%64 == 0 {
			PREFETCHT0(Mem{Base: c.x, Index: c.ahead, Scale: 1, Disp: c.vec * tap})
		}
	})
	Label("store")
	c.store()
	c.end(c.vec * channels)
}

// packed is the number of channels in a packed block of weights.
func (c *convolution) packed() int {
	if c.channels < 4 {
		return 1
	}
	return 4
}

// wStep is the number of bytes from a tap's weights to the next.
func (c *convolution) wStep() int { return 4 * c.packed() }

// begin writes the head, up to the label at which a block of channels begins.
func (c *convolution) begin(name, does string) {
	TEXT(name, NOSPLIT, "func(a *byte)")
	Pragma("noescape")
	Doc(name + " " + does)
	enter()
	c.a = Mem{Base: Load(Param("a"), GP64())}
	c.px = GP64()
	MOVQ(field(c.a, "px"), c.px)
	switch n := c.channels / c.packed(); {
	case n > 3:
		c.w3 = GP64()
		MOVQ(field(c.a, "wBlock"), c.w3)
		LEAQ(Mem{Base: c.w3, Index: c.w3, Scale: 2}, c.w3)
		fallthrough
	case n > 1:
		c.w1 = GP64()
		MOVQ(field(c.a, "wBlock"), c.w1)
	}
	Label("group")
	c.group()
	Label("block")
}

// shift is the exponent of the size of a vector.
func (c *convolution) shift() U8 { return U8(bits.TrailingZeros(uint(c.vec))) }

// place loads the place of a pixel in the input, or in the output, in bytes.
func (c *convolution) place(p int, output bool) reg.GPVirtual {
	at := Mem{Base: c.px, Disp: 8 * p}
	if output {
		at.Disp += 4
	}
	v := GP64()
	MOVLQSX(at, v)
	SHLQ(c.shift(), v)
	return v
}

// group writes the start of a group of pixels: the distances in bytes from the
// first pixel's input to the others', and the pointers that walk over blocks of
// output channels.
func (c *convolution) group() {
	c.delta = make([]reg.GPVirtual, c.pixels)
	first := c.place(0, false)
	for p := 1; p < c.pixels; p++ {
		c.delta[p] = c.place(p, false)
		SUBQ(first, c.delta[p])
	}
	t := GP64()
	for _, f := range [][2]string{{"y", "yNow"}, {"w", "wNow"}, {"bias", "biasNow"}, {"mask", "maskNow"}, {"blocks", "left"}} {
		MOVQ(field(c.a, f[0]), t)
		MOVQ(t, field(c.a, f[1]))
	}
}

// block begins a block of channels: it sets the accumulators of each channel's
// columns to the bias, and points x and w at the first tap. Without taps it
// goes to the label store.
func (c *convolution) block() {
	c.fetch()
	bias := GP64()
	MOVQ(field(c.a, "biasNow"), bias)
	for o := range c.channels {
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * o}, c.acc[o*c.columns])
		for p := 1; p < c.columns; p++ {
			VMOVAPS(c.acc[o*c.columns], c.acc[o*c.columns+p])
		}
	}
	c.start()
	c.run = GP64()
	TESTQ(c.rows, c.rows)
	JZ(LabelRef("store"))
}

// fetch has the processor begin to load what store will need, where a's field far
// is set: the mask and, since a store to a line that is not in the cache waits for
// it too, the outputs.
func (c *convolution) fetch() {
	CMPQ(field(c.a, "far"), U8(0))
	JE(LabelRef("fetched"))
	lines := func(pointer string) {
		base := GP64()
		MOVQ(field(c.a, pointer), base)
		TESTQ(base, base)
		JZ(LabelRef(pointer + "Fetched"))
		for p := range c.pixels {
			at := c.place(p, true)
			for b := 0; b < c.vec*c.channels; b += 64 {
				PREFETCHT0(Mem{Base: base, Index: at, Scale: 1, Disp: b})
			}
		}
		Label(pointer + "Fetched")
	}
	lines("maskNow")
	lines("yNow")
	Label("fetched")
}

// next sets how far ahead of x is what the next group of pixels reads: its first
// pixel while the first block of channels is computed, its second one with the
// second block. What is fetched there while this group is computed costs nothing that
// could be measured, so it is so also where all is near. For other blocks and in the
// last group it is 0: then what is fetched is there.
func (c *convolution) next() {
	c.ahead = GP64()
	XORQ(c.ahead, c.ahead)
	CMPQ(field(c.a, "groups"), U8(1))
	JLE(LabelRef("last"))
	block := GP64()
	MOVQ(field(c.a, "blocks"), block)
	SUBQ(field(c.a, "left"), block)
	CMPQ(block, U8(c.pixels))
	JGE(LabelRef("last"))
	MOVLQSX(Mem{Base: c.px, Index: block, Scale: 8, Disp: 8 * c.pixels}, c.ahead)
	SHLQ(c.shift(), c.ahead)
	first := c.place(0, false)
	SUBQ(first, c.ahead)
	Label("last")
}

// start points x and w at the first tap.
func (c *convolution) start() {
	c.w, c.rows = GP64(), GP64()
	c.x = c.place(0, false)
	ADDQ(field(c.a, "x"), c.x)
	MOVQ(field(c.a, "wNow"), c.w)
	MOVQ(field(c.a, "rows"), c.rows)
}

// taps writes the loops over a tile's taps, several a turn, around the work of
// the tap that lies so many behind x and w.
func (c *convolution) taps(multiply func(tap int)) {
	Label("row")
	MOVQ(field(c.a, "run"), c.run)
	c.along("taps", multiply)
	ADDQ(field(c.a, "xSkip"), c.x)
	ADDQ(field(c.a, "wSkip"), c.w)
	DECQ(c.rows)
	JNZ(LabelRef("row"))
}

// along writes the loop over the taps of a row.
func (c *convolution) along(label string, multiply func(tap int)) {
	SUBQ(U8(c.unroll), c.run)
	JLT(LabelRef(label + "Rest"))
	Label(label)
	for tap := range c.unroll {
		multiply(tap)
	}
	ADDQ(U32(c.unroll*c.vec), c.x)
	ADDQ(U32(c.unroll*c.wStep()), c.w)
	SUBQ(U8(c.unroll), c.run)
	JGE(LabelRef(label))
	Label(label + "Rest")
	ADDQ(U8(c.unroll), c.run)
	JZ(LabelRef(label + "End"))
	Label(label + "Single")
	multiply(0)
	ADDQ(Imm(uint64(c.vec)), c.x)
	ADDQ(Imm(uint64(c.wStep())), c.w)
	DECQ(c.run)
	JNZ(LabelRef(label + "Single"))
	Label(label + "End")
}

// input is the vector of a pixel.
func (c *convolution) input(p, tap int) Mem {
	if p == 0 {
		return Mem{Base: c.x, Disp: c.vec * tap}
	}
	return Mem{Base: c.x, Index: c.delta[p], Scale: 1, Disp: c.vec * tap}
}

// weight is that of a channel.
func (c *convolution) weight(o, tap int) Mem {
	n := c.packed()
	m := Mem{Base: c.w, Disp: 4*(o%n) + c.wStep()*tap}
	switch o / n {
	case 1:
		m.Index, m.Scale = c.w1, 1
	case 2:
		m.Index, m.Scale = c.w1, 2
	case 3:
		m.Index, m.Scale = c.w3, 1
	}
	return m
}

// multiply adds the products of a tap to the accumulators. What is used once
// is multiplied from memory where that can be. Of the others the fewer stay in
// registers, where the many come by one after another.
func (c *convolution) multiply(s simd, tap int) {
	weight := func(o int) reg.VecVirtual {
		v := s.reg()
		VBROADCASTSS(c.weight(o, tap), v)
		return v
	}
	input := func(p int) reg.VecVirtual {
		v := s.reg()
		VMOVUPS(c.input(p, tap), v)
		return v
	}
	switch {
	case c.channels == 1:
		wv := weight(0)
		for p := range c.pixels {
			VFMADD231PS(c.input(p, tap), wv, c.acc[p])
		}
	case c.pixels == 1 && s.registers == 32:
		xv := input(0)
		for o := range c.channels {
			VFMADD231PS_BCST(c.weight(o, tap), xv, c.acc[o])
		}
	case c.channels < c.pixels:
		wv := make([]reg.VecVirtual, c.channels)
		for o := range wv {
			wv[o] = weight(o)
		}
		for p := range c.pixels {
			xv := input(p)
			for o := range wv {
				VFMADD231PS(xv, wv[o], c.acc[o*c.pixels+p])
			}
		}
	default:
		xv := make([]reg.VecVirtual, c.pixels)
		for p := range xv {
			xv[p] = input(p)
		}
		for o := range c.channels {
			wv := weight(o)
			for p := range xv {
				VFMADD231PS(xv[p], wv, c.acc[o*c.pixels+p])
			}
		}
	}
}

// store writes the accumulators, times the mask if there is one.
func (c *convolution) store() {
	y, mask := GP64(), GP64()
	MOVQ(field(c.a, "yNow"), y)
	MOVQ(field(c.a, "maskNow"), mask)
	part := func(base, at reg.GPVirtual, o int) Mem {
		return Mem{Base: base, Index: at, Scale: 1, Disp: c.vec * o}
	}
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	for p := range c.pixels {
		at := c.place(p, true)
		for o := range c.channels {
			v := c.acc[o*c.pixels+p]
			VMULPS(part(mask, at, o), v, v)
			VMOVUPS(v, part(y, at, o))
		}
	}
	ADDQ(U32(c.vec*c.channels), field(c.a, "maskNow"))
	JMP(LabelRef("stored"))
	Label("plain")
	for p := range c.pixels {
		at := c.place(p, true)
		for o := range c.channels {
			VMOVUPS(c.acc[o*c.pixels+p], part(y, at, o))
		}
	}
	Label("stored")
}

// end goes on with the next block of channels or the next group of pixels, and
// returns after the last. The outputs of a block are so many bytes.
func (c *convolution) end(bytes int) {
	ADDQ(U32(bytes), field(c.a, "yNow"))
	ADDQ(U32(4*c.channels), field(c.a, "biasNow"))
	s := GP64()
	MOVQ(field(c.a, "wBlock"), s)
	switch c.channels / c.packed() {
	case 2:
		SHLQ(U8(1), s)
	case 4:
		SHLQ(U8(2), s)
	}
	ADDQ(s, field(c.a, "wNow"))
	DECQ(field(c.a, "left"))
	JNZ(LabelRef("block"))

	ADDQ(Imm(uint64(8*c.pixels)), c.px)
	DECQ(field(c.a, "groups"))
	JNZ(LabelRef("group"))
	leave()
}
