package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// peak writes a loop of twelve independent multiply-adds, enough to hide
// their latency of four cycles on two units.
func peak() {
	TEXT("peakAVX2", NOSPLIT, "func(n int)")
	Doc("peakAVX2 does n rounds of twelve multiply-adds.")
	n := Load(Param("n"), GP64())
	acc := regs(12)
	for _, v := range acc {
		VXORPS(v, v, v)
	}
	x := YMM()
	VMOVUPS(constant("half", 0.5), x)
	Label("loop")
	for _, v := range acc {
		VFMADD231PS(x, x, v)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
