package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// relu writes y = max(x, 0) and d = 1 where x > 0 and 0 elsewhere. A NaN goes
// into both.
func relu() {
	TEXT("reluAVX2", NOSPLIT, "func(y, d, x *float32, n int)")
	Pragma("noescape")
	Doc("reluAVX2 is ReLU on n vectors.")
	enter()
	y, d, x := Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	zero, one := YMM(), YMM()
	VXORPS(zero, zero, zero)
	VBROADCASTSS(constant("one", 1), one)
	const unordered = 0x03
	Label("loop")
	v, largest, positive, nan := YMM(), YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: x}, v)
	VMAXPS(v, zero, largest) // the second source, the value, wins where it is NaN
	VCMPPS(Imm(greater), zero, v, positive)
	VCMPPS(Imm(unordered), v, v, nan)
	VANDPS(one, positive, positive)
	VANDPS(v, nan, nan)
	VORPS(nan, positive, positive)
	VMOVUPS(largest, Mem{Base: y})
	VMOVUPS(positive, Mem{Base: d})
	ADDQ(Imm(vec), x)
	ADDQ(Imm(vec), y)
	ADDQ(Imm(vec), d)
	DECQ(n)
	JNZ(LabelRef("loop"))
	leave()
}
