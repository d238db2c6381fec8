package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// keep writes Keep: Philox4x32-10 in every lane, a group of four vectors at a time.
func keep() {
	TEXT("keep8", NOSPLIT, "func(d *float32, groups, step int, c *byte, first, drop uint32, scale float32)")
	Pragma("noescape")
	Doc("keep8 is Keep for eight lanes, groups of four vectors that are step bytes apart.")
	enter()
	n := noiseKernel{simd: avx2, groups: 1}
	d, groups, step := GP64(), Load(Param("groups"), GP64()), Load(Param("step"), GP64())
	Load(Param("d"), d)
	n.c, n.index = Mem{Base: Load(Param("c"), GP64())}, Load(Param("first"), GP32())
	below, scaleAt := Load(Param("drop"), GP32()), argument("scale")
	n.sort = n.words()

	Label("loop")
	w := [4][]reg.VecVirtual{n.regs(1), n.regs(1), n.regs(1), n.regs(1)}
	for i := range 3 {
		n.lanes(n.c.Offset(word*(2+i)), w[i][0])
	}
	n.spread(n.index, w[3][0])
	w = n.philox(w)
	drop, scale := n.reg(), n.reg()
	n.spread(below, drop)
	VBROADCASTSS(scaleAt, scale)
	for _, set := range w {
		v := set[0]
		VPSRLD(Imm(8), v, v)
		VPCMPGTD(v, drop, v) // what is dropped
		VANDNPS(scale, v, v)
		VMOVUPS(v, Mem{Base: d})
		ADDQ(step, d)
	}
	INCL(n.index)
	DECQ(groups)
	JNZ(LabelRef("loop"))
	leave()
}
