package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stripFields are the offsets of the fields of kernel.strip.
var stripFields = map[string]int{
	"grad": 0, "dy": 8, "x": 16, "tiles": 24, "rows": 32, "cols": 40,
	"dyRow": 48, "dyCol": 56, "xRow": 64, "xCol": 72, "high": 80, "sums": 88, "begun": 96, "goesOn": 97, "sumsNow": 104,
}

// outer writes the weight gradient of a strip of tiles of four output
// channels × inputs channels over a rectangle of pixels. The lanes are summed
// in the registers, once a tile.
func outer(name string, s simd, inputs int) {
	TEXT(name, NOSPLIT, "func(s *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Outer for tiles of four channels of dy and %d of x.", name, inputs))
	enter()
	o := newOuter()
	if s.bytes > vec {
		o.high = o.get("high")
	}
	Label("tile")
	acc := s.regs(4 * inputs) // acc[o*inputs+i]
	o.begin(acc, s.bytes)
	o.pixels(func(dy, x reg.GPVirtual) {
		xv := s.regs(inputs)
		for i := range inputs {
			VMOVUPS(Mem{Base: x, Disp: s.bytes * i}, xv[i])
		}
		for c := range 4 {
			dv := s.reg()
			VMOVUPS(Mem{Base: dy, Disp: s.bytes * c}, dv)
			for i := range inputs {
				VFMADD231PS(xv[i], dv, acc[c*inputs+i])
			}
		}
	})
	o.suspend(acc, s.bytes)
	for i := range inputs {
		v := [4]reg.VecVirtual{acc[i], acc[inputs+i], acc[2*inputs+i], acc[3*inputs+i]}
		if s.bytes > vec {
			o.fold512(i, v)
		} else {
			o.fold(i, v)
		}
	}
	Label("kept")
	if s.bytes > vec {
		ADDQ(Imm(uint64(16*inputs)), o.high)
	}
	o.next(inputs, s.bytes*inputs)
}

// outerLoop holds what the loops of outer walk through.
type outerLoop struct {
	s                               Mem
	grad, xTile, tiles, dyCol, xCol reg.GPVirtual
	high                            reg.GPVirtual // where the upper lanes go
}

func newOuter() *outerLoop {
	o := &outerLoop{s: Mem{Base: Load(Param("s"), GP64())}}
	o.grad, o.xTile, o.tiles = o.get("grad"), o.get("x"), o.get("tiles")
	o.dyCol, o.xCol = o.get("dyCol"), o.get("xCol")
	MOVQ(o.get("sums"), o.field("sumsNow"))
	return o
}

// begin sets a tile's sums to zero, or to what the part before left.
func (o *outerLoop) begin(acc []reg.VecVirtual, bytes int) {
	CMPB(o.field("begun"), U8(0))
	JNE(LabelRef("begun"))
	for _, v := range acc {
		VXORPS(v.AsX(), v.AsX(), v.AsX())
	}
	JMP(LabelRef("go"))
	Label("begun")
	from := o.get("sumsNow")
	for i, v := range acc {
		VMOVUPS(Mem{Base: from, Disp: bytes * i}, v)
	}
	Label("go")
}

// suspend leaves a tile's sums to the next part, if there is one, and goes to the
// label kept then.
func (o *outerLoop) suspend(acc []reg.VecVirtual, bytes int) {
	to := o.get("sumsNow")
	ADDQ(U32(bytes*len(acc)), o.field("sumsNow"))
	CMPB(o.field("goesOn"), U8(0))
	JE(LabelRef("fold"))
	for i, v := range acc {
		VMOVUPS(v, Mem{Base: to, Disp: bytes * i})
	}
	JMP(LabelRef("kept"))
	Label("fold")
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

// next goes on to the next tile of inputs, so many bytes further in x.
func (o *outerLoop) next(inputs, bytes int) {
	ADDQ(Imm(uint64(16*inputs)), o.grad)
	ADDQ(U32(bytes), o.xTile)
	DECQ(o.tiles)
	JNZ(LabelRef("tile"))
	leave()
}
