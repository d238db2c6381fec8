package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// peak writes a loop of twelve independent multiply-adds, enough to hide
// their latency of four cycles on two units.
func peak(name string, s simd) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " does n rounds of twelve multiply-adds.")
	n := Load(Param("n"), GP64())
	acc := s.regs(12)
	for _, v := range acc {
		VXORPS(v.AsX(), v.AsX(), v.AsX())
	}
	x := s.reg()
	VBROADCASTSS(constant("half", 0.5), x)
	Label("loop")
	for _, v := range acc {
		VFMADD231PS(x, x, v)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
