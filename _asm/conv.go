package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileFields are the offsets of the fields of kernel.tile.
var tileFields = map[string]int{
	"y": 0, "x": 8, "w": 16, "bias": 24, "blocks": 32, "wBlock": 40,
	"rows": 48, "run": 56, "xSkip": 64, "wSkip": 72,
	"px": 80, "mask": 88, "groups": 96, "wNow": 104, "biasNow": 112, "maskNow": 120, "left": 128,
}

// unroll is the number of taps to a turn of the innermost loop.
const unroll = 4

// conv writes the multiply-accumulate of a tile of output channels × pixels.
// Every input vector and every broadcast weight is loaded once a tile and
// used for all pixels or channels; the accumulators stay in registers.
func conv(channels, pixels int) {
	TEXT(fmt.Sprintf("conv%dx%d", channels, pixels), NOSPLIT, "func(a *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("conv%dx%d computes tiles of %d output channels × %d pixels.", channels, pixels, channels, pixels))
	enter()
	a := Mem{Base: Load(Param("a"), GP64())}
	// Eight channels are two packed blocks of four.
	pair := channels == 8
	wStep := 4 * channels
	if pair {
		wStep = 16
	}

	px := GP64()
	MOVQ(field(a, "px"), px)
	var wPair reg.GPVirtual
	if pair {
		wPair = GP64()
		MOVQ(field(a, "wBlock"), wPair)
	}

	Label("group")
	delta, y := group(a, px, pixels)

	Label("block")
	acc := regs(channels * pixels) // acc[o*pixels+p]
	x, w, rows, run := block(a, px, acc, channels, pixels)
	m := operands{x, w, wPair, delta, wStep}
	taps(a, unroll, wStep, x, w, rows, run, func(tap int) { m.multiply(tap, acc, channels, pixels) })

	Label("store")
	store(a, px, y, acc, channels, pixels)
	ADDQ(U32(vec*channels), y)
	s := GP64()
	MOVQ(field(a, "wBlock"), s)
	if pair {
		SHLQ(U8(1), s)
	}
	ADDQ(s, field(a, "wNow"))
	nextBlock(a, px, channels, pixels)
}

// operands is where the first tap of a tile and its weights are in memory.
type operands struct {
	x, w, wPair reg.GPVirtual
	delta       []reg.GPVirtual // from the first pixel to the others
	wStep       int             // bytes from a tap's weights to the next
}

// input is the vector of a pixel.
func (m operands) input(p, tap int) Mem {
	if p == 0 {
		return Mem{Base: m.x, Disp: vec * tap}
	}
	return Mem{Base: m.x, Index: m.delta[p], Scale: 1, Disp: vec * tap}
}

// weight is that of a channel.
func (m operands) weight(o, tap int) Mem {
	if o >= 4 {
		return Mem{Base: m.w, Index: m.wPair, Scale: 1, Disp: 4*(o-4) + m.wStep*tap}
	}
	return Mem{Base: m.w, Disp: 4*o + m.wStep*tap}
}

// multiply adds the products of a tap to the accumulators.
func (m operands) multiply(tap int, acc []reg.VecVirtual, channels, pixels int) {
	if channels == 1 {
		wv := YMM()
		VBROADCASTSS(m.weight(0, tap), wv)
		for p := range pixels {
			VFMADD231PS(m.input(p, tap), wv, acc[p])
		}
		return
	}
	xv := regs(pixels)
	for p := range pixels {
		VMOVUPS(m.input(p, tap), xv[p])
	}
	for o := range channels {
		wv := YMM()
		VBROADCASTSS(m.weight(o, tap), wv)
		for p := range pixels {
			VFMADD231PS(xv[p], wv, acc[o*pixels+p])
		}
	}
}

// block begins a block of channels: it sets the accumulators of each channel's
// columns to the bias, and points x and w at the first tap. Without taps it
// goes to the label store.
func block(a Mem, px reg.GPVirtual, acc []reg.VecVirtual, channels, columns int) (x, w, rows, run reg.GPVirtual) {
	bias := GP64()
	MOVQ(field(a, "biasNow"), bias)
	for o := range channels {
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * o}, acc[o*columns])
		for c := 1; c < columns; c++ {
			VMOVAPS(acc[o*columns], acc[o*columns+c])
		}
	}
	x, w, rows, run = GP64(), GP64(), GP64(), GP64()
	MOVLQSX(Mem{Base: px}, x)
	SHLQ(U8(vecShift), x)
	ADDQ(field(a, "x"), x)
	MOVQ(field(a, "wNow"), w)
	MOVQ(field(a, "rows"), rows)
	TESTQ(rows, rows)
	JZ(LabelRef("store"))
	return x, w, rows, run
}

// nextBlock ends a block of channels, goes on with the next one or the next
// group of pixels, and returns after the last.
func nextBlock(a Mem, px reg.GPVirtual, channels, pixels int) {
	ADDQ(U32(4*channels), field(a, "biasNow"))
	DECQ(field(a, "left"))
	JNZ(LabelRef("block"))

	ADDQ(Imm(uint64(8*pixels)), px)
	DECQ(field(a, "groups"))
	JNZ(LabelRef("group"))
	leave()
}

// store writes the accumulators, times the mask if there is one.
func store(a Mem, px, y reg.GPVirtual, acc []reg.VecVirtual, channels, pixels int) {
	mask := GP64()
	MOVQ(field(a, "maskNow"), mask)
	out := func(p int) reg.GPVirtual {
		v := GP64()
		MOVLQSX(Mem{Base: px, Disp: 8*p + 4}, v)
		SHLQ(U8(vecShift), v)
		return v
	}
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	for p := range pixels {
		at := out(p)
		for o := range channels {
			VMULPS(Mem{Base: mask, Index: at, Scale: 1, Disp: vec * o}, acc[o*pixels+p], acc[o*pixels+p])
			VMOVUPS(acc[o*pixels+p], Mem{Base: y, Index: at, Scale: 1, Disp: vec * o})
		}
	}
	ADDQ(U32(vec*channels), mask)
	MOVQ(mask, field(a, "maskNow"))
	JMP(LabelRef("stored"))
	Label("plain")
	for p := range pixels {
		at := out(p)
		for o := range channels {
			VMOVUPS(acc[o*pixels+p], Mem{Base: y, Index: at, Scale: 1, Disp: vec * o})
		}
	}
	Label("stored")
}

// group writes the start of a group of pixels: the distances in bytes from the
// first pixel's input to the others', and the pointers that walk over blocks of
// output channels. It returns the distances and the one into y.
func group(a Mem, px reg.GPVirtual, pixels int) (delta []reg.GPVirtual, y reg.GPVirtual) {
	first := GP64()
	MOVLQSX(Mem{Base: px}, first)
	delta = make([]reg.GPVirtual, pixels)
	for p := 1; p < pixels; p++ {
		delta[p] = GP64()
		MOVLQSX(Mem{Base: px, Disp: 8 * p}, delta[p])
		SUBQ(first, delta[p])
		SHLQ(U8(vecShift), delta[p])
	}
	y = GP64()
	t := GP64()
	MOVQ(field(a, "y"), y)
	for _, f := range [][2]string{{"w", "wNow"}, {"bias", "biasNow"}, {"mask", "maskNow"}, {"blocks", "left"}} {
		MOVQ(field(a, f[0]), t)
		MOVQ(t, field(a, f[1]))
	}
	return delta, y
}

// taps writes the loops over a tile's taps, several a turn, around the work of
// the tap that lies so many behind x and w.
func taps(a Mem, unroll, wStep int, x, w, rows, run reg.GPVirtual, multiply func(tap int)) {
	Label("row")
	MOVQ(field(a, "run"), run)
	SUBQ(U8(unroll), run)
	JLT(LabelRef("rest"))
	Label("taps")
	for tap := range unroll {
		multiply(tap)
	}
	ADDQ(U32(unroll*vec), x)
	ADDQ(U32(unroll*wStep), w)
	SUBQ(U8(unroll), run)
	JGE(LabelRef("taps"))
	Label("rest")
	ADDQ(U8(unroll), run)
	JZ(LabelRef("rowEnd"))
	Label("tap")
	multiply(0)
	ADDQ(Imm(vec), x)
	ADDQ(Imm(uint64(wStep)), w)
	DECQ(run)
	JNZ(LabelRef("tap"))
	Label("rowEnd")
	ADDQ(field(a, "xSkip"), x)
	ADDQ(field(a, "wSkip"), w)
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// stripFields are the offsets of the fields of kernel.strip.
var stripFields = map[string]int{
	"grad": 0, "dy": 8, "x": 16, "tiles": 24, "rows": 32, "cols": 40,
	"dyRow": 48, "dyCol": 56, "xRow": 64, "xCol": 72,
}

// outer writes the weight gradient of a strip of tiles of four output
// channels × inputs channels over a rectangle of pixels. The lanes are summed
// in the registers, once a tile.
func outer(inputs int) {
	TEXT(fmt.Sprintf("outer4x%d", inputs), NOSPLIT, "func(s *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("outer4x%d is Outer for tiles of four channels of dy and %d of x.", inputs, inputs))
	enter()
	o := newOuter()
	Label("tile")
	acc := regs(4 * inputs) // acc[o*inputs+i]
	for _, v := range acc {
		VXORPS(v, v, v)
	}
	o.pixels(func(dy, x reg.GPVirtual) {
		xv := regs(inputs)
		for i := range inputs {
			VMOVUPS(Mem{Base: x, Disp: vec * i}, xv[i])
		}
		for c := range 4 {
			dv := YMM()
			VMOVUPS(Mem{Base: dy, Disp: vec * c}, dv)
			for i := range inputs {
				VFMADD231PS(xv[i], dv, acc[c*inputs+i])
			}
		}
	})
	for i := range inputs {
		o.fold(i, [4]reg.VecVirtual{acc[i], acc[inputs+i], acc[2*inputs+i], acc[3*inputs+i]})
	}
	o.next(inputs)
}

// outerLoop holds what the loops of outer walk through.
type outerLoop struct {
	s                               Mem
	grad, xTile, tiles, dyCol, xCol reg.GPVirtual
}

func newOuter() *outerLoop {
	o := &outerLoop{s: Mem{Base: Load(Param("s"), GP64())}}
	o.grad, o.xTile, o.tiles = o.get("grad"), o.get("x"), o.get("tiles")
	o.dyCol, o.xCol = o.get("dyCol"), o.get("xCol")
	return o
}

func (o *outerLoop) field(name string) Mem { return o.s.Offset(stripFields[name]) }

func (o *outerLoop) get(name string) reg.GPVirtual {
	v := GP64()
	MOVQ(o.field(name), v)
	return v
}

// pixels writes the loops over the rectangle around a pixel's work.
func (o *outerLoop) pixels(pixel func(dy, x reg.GPVirtual)) {
	dyRow, rows := o.get("dy"), o.get("rows")
	xRow := GP64()
	MOVQ(o.xTile, xRow)
	Label("row")
	dy, x := GP64(), GP64()
	MOVQ(dyRow, dy)
	MOVQ(xRow, x)
	cols := o.get("cols")
	Label("col")
	pixel(dy, x)
	ADDQ(o.dyCol, dy)
	ADDQ(o.xCol, x)
	DECQ(cols)
	JNZ(LabelRef("col"))
	ADDQ(o.field("dyRow"), dyRow)
	ADDQ(o.field("xRow"), xRow)
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// fold adds the lane sums of four channels to the gradient of input i:
// pairwise within each half, then the halves.
func (o *outerLoop) fold(i int, v [4]reg.VecVirtual) {
	VHADDPS(v[1], v[0], v[0])
	VHADDPS(v[3], v[2], v[2])
	VHADDPS(v[2], v[0], v[0])
	hi := XMM()
	VEXTRACTF128(Imm(1), v[0], hi)
	VADDPS(hi, v[0].AsX(), hi)
	at := Mem{Base: o.grad, Disp: 16 * i}
	VADDPS(at, hi, hi)
	VMOVUPS(hi, at)
}

// next goes on to the next tile of inputs.
func (o *outerLoop) next(inputs int) {
	ADDQ(Imm(uint64(16*inputs)), o.grad)
	ADDQ(U32(vec*inputs), o.xTile)
	DECQ(o.tiles)
	JNZ(LabelRef("tile"))
	leave()
}
