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
	// Distances from the first pixel's input to the others'.
	first := GP64()
	MOVLQSX(Mem{Base: px}, first)
	delta := make([]reg.GPVirtual, pixels)
	for p := 1; p < pixels; p++ {
		delta[p] = GP64()
		MOVLQSX(Mem{Base: px, Disp: 8 * p}, delta[p])
		SUBQ(first, delta[p])
		SHLQ(U8(2), delta[p])
	}
	y, t := GP64(), GP64()
	MOVQ(field(a, "y"), y)
	MOVQ(field(a, "w"), t)
	MOVQ(t, field(a, "wNow"))
	MOVQ(field(a, "bias"), t)
	MOVQ(t, field(a, "biasNow"))
	MOVQ(field(a, "mask"), t)
	MOVQ(t, field(a, "maskNow"))
	MOVQ(field(a, "blocks"), t)
	MOVQ(t, field(a, "left"))

	Label("block")
	acc := regs(channels * pixels) // acc[o*pixels+p]
	bias := GP64()
	MOVQ(field(a, "biasNow"), bias)
	for o := range channels {
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * o}, acc[o*pixels])
		for p := 1; p < pixels; p++ {
			VMOVAPS(acc[o*pixels], acc[o*pixels+p])
		}
	}
	x, w, rows, run := GP64(), GP64(), GP64(), GP64()
	MOVLQSX(Mem{Base: px}, x)
	SHLQ(U8(2), x)
	ADDQ(field(a, "x"), x)
	MOVQ(field(a, "wNow"), w)
	MOVQ(field(a, "rows"), rows)
	TESTQ(rows, rows)
	JZ(LabelRef("store"))

	at := func(p, tap int) Mem {
		if p == 0 {
			return Mem{Base: x, Disp: vec * tap}
		}
		return Mem{Base: x, Index: delta[p], Scale: 1, Disp: vec * tap}
	}
	weight := func(o, tap int) Mem {
		if o >= 4 {
			return Mem{Base: w, Index: wPair, Scale: 1, Disp: 4*(o-4) + wStep*tap}
		}
		return Mem{Base: w, Disp: 4*o + wStep*tap}
	}
	multiply := func(tap int) {
		if channels == 1 {
			wv := YMM()
			VBROADCASTSS(weight(0, tap), wv)
			for p := range pixels {
				VFMADD231PS(at(p, tap), wv, acc[p])
			}
			return
		}
		xv := regs(pixels)
		for p := range pixels {
			VMOVUPS(at(p, tap), xv[p])
		}
		for o := range channels {
			wv := YMM()
			VBROADCASTSS(weight(o, tap), wv)
			for p := range pixels {
				VFMADD231PS(xv[p], wv, acc[o*pixels+p])
			}
		}
	}
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

	Label("store")
	mask := GP64()
	MOVQ(field(a, "maskNow"), mask)
	out := func(p int) reg.GPVirtual {
		v := GP64()
		MOVLQSX(Mem{Base: px, Disp: 8*p + 4}, v)
		return v
	}
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	for p := range pixels {
		at := out(p)
		for o := range channels {
			VMULPS(Mem{Base: mask, Index: at, Scale: 4, Disp: vec * o}, acc[o*pixels+p], acc[o*pixels+p])
			VMOVUPS(acc[o*pixels+p], Mem{Base: y, Index: at, Scale: 4, Disp: vec * o})
		}
	}
	ADDQ(U32(vec*channels), mask)
	MOVQ(mask, field(a, "maskNow"))
	JMP(LabelRef("stored"))
	Label("plain")
	for p := range pixels {
		at := out(p)
		for o := range channels {
			VMOVUPS(acc[o*pixels+p], Mem{Base: y, Index: at, Scale: 4, Disp: vec * o})
		}
	}
	Label("stored")
	ADDQ(U32(vec*channels), y)
	s := GP64()
	MOVQ(field(a, "wBlock"), s)
	if pair {
		SHLQ(U8(1), s)
	}
	ADDQ(s, field(a, "wNow"))
	ADDQ(U32(4*channels), field(a, "biasNow"))
	DECQ(field(a, "left"))
	JNZ(LabelRef("block"))

	ADDQ(Imm(uint64(8*pixels)), px)
	DECQ(field(a, "groups"))
	JNZ(LabelRef("group"))
	VZEROUPPER()
	RET()
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
	s := Mem{Base: Load(Param("s"), GP64())}
	field := func(name string) Mem { return s.Offset(stripFields[name]) }
	get := func(name string) reg.GPVirtual {
		v := GP64()
		MOVQ(field(name), v)
		return v
	}
	grad, xTile, tiles, dyCol, xCol := get("grad"), get("x"), get("tiles"), get("dyCol"), get("xCol")

	Label("tile")
	acc := regs(4 * inputs) // acc[o*inputs+i]
	for _, v := range acc {
		VXORPS(v, v, v)
	}
	dyRow, rows := get("dy"), get("rows")
	xRow := GP64()
	MOVQ(xTile, xRow)
	Label("row")
	dy, x := GP64(), GP64()
	MOVQ(dyRow, dy)
	MOVQ(xRow, x)
	cols := get("cols")
	Label("col")
	xv := regs(inputs)
	for i := range inputs {
		VMOVUPS(Mem{Base: x, Disp: vec * i}, xv[i])
	}
	for o := range 4 {
		dv := YMM()
		VMOVUPS(Mem{Base: dy, Disp: vec * o}, dv)
		for i := range inputs {
			VFMADD231PS(xv[i], dv, acc[o*inputs+i])
		}
	}
	ADDQ(dyCol, dy)
	ADDQ(xCol, x)
	DECQ(cols)
	JNZ(LabelRef("col"))
	ADDQ(field("dyRow"), dyRow)
	ADDQ(field("xRow"), xRow)
	DECQ(rows)
	JNZ(LabelRef("row"))

	// Pairwise sums within each half; four vectors become one.
	four := func(a, b, c, d reg.VecVirtual) reg.VecVirtual {
		VHADDPS(b, a, a)
		VHADDPS(d, c, c)
		VHADDPS(c, a, a)
		return a
	}
	halves := func(v reg.VecVirtual) reg.VecVirtual {
		hi := XMM()
		VEXTRACTF128(Imm(1), v, hi)
		VADDPS(hi, v.AsX(), hi)
		return hi
	}
	for i := range inputs {
		v := halves(four(acc[i], acc[inputs+i], acc[2*inputs+i], acc[3*inputs+i]))
		at := Mem{Base: grad, Disp: 16 * i}
		VADDPS(at, v, v)
		VMOVUPS(v, at)
	}
	ADDQ(Imm(uint64(16*inputs)), grad)
	ADDQ(Imm(uint64(vec*inputs)), xTile)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
