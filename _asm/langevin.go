package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// descend writes Descend.
func descend(name string, s simd) {
	TEXT(name, NOSPLIT, "func(x, grad *float32, n int, eta *float32, clip, lo, hi float32, sumsq, clipped *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Descend on n vectors of %d.", name, s.bytes/4))
	enter()
	x, g, n := Load(Param("x"), GP64()), Load(Param("grad"), GP64()), Load(Param("n"), GP64())
	etaAt := Mem{Base: Load(Param("eta"), GP64())}
	sumAt, clippedAt := Mem{Base: Load(Param("sumsq"), GP64())}, Mem{Base: Load(Param("clipped"), GP64())}
	spread := func(param string) reg.VecVirtual {
		v := s.reg()
		VBROADCASTSS(argument(param), v)
		return v
	}
	clip, lo, hi := spread("clip"), spread("lo"), spread("hi")
	minus, abs, one := s.reg(), s.reg(), s.reg()
	VXORPS(broadcast("signBit", 1<<31), clip, minus)
	VMOVUPS(broadcast("absBits", 1<<31-1), abs)
	VMOVUPS(constant("one", 1), one)
	eta, sum, clipped := s.reg(), s.reg(), s.reg()
	VMOVUPS(etaAt, eta)
	VMOVUPS(sumAt, sum)
	VMOVUPS(clippedAt, clipped)

	Label("loop")
	gv, xv, t := s.reg(), s.reg(), s.reg()
	VMOVUPS(Mem{Base: g}, gv)
	VMOVUPS(Mem{Base: x}, xv)
	VFMADD231PS(gv, gv, sum)
	VANDPS(abs, gv, t)
	s.above(t, clip, one, t) // false for NaN
	VADDPS(t, clipped, clipped)
	// The value is the second source throughout, so that NaN survives.
	VMAXPS(gv, minus, gv)
	VMINPS(gv, clip, gv)
	VFNMADD231PS(eta, gv, xv)
	VMAXPS(xv, lo, xv)
	VMINPS(xv, hi, xv)
	VMOVUPS(xv, Mem{Base: x})
	ADDQ(Imm(uint64(s.bytes)), x)
	ADDQ(Imm(uint64(s.bytes)), g)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VMOVUPS(sum, sumAt)
	VMOVUPS(clipped, clippedAt)
	leave()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
