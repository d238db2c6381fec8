package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sigmoid writes y = σ and σ·(1−σ); see silu.
func (k siluKernel) sigmoid(each func(func(i int)), u, q []reg.VecVirtual) {
	each(func(i int) { VMULPS(q[i], u[i], u[i]) })
	each(func(i int) { VMULPS(k.down, q[i], q[i]) })
	each(func(i int) { VMOVUPS(q[i], Mem{Base: k.y, Disp: k.bytes * i}) })
	each(func(i int) { VMULPS(u[i], q[i], u[i]) })
	each(func(i int) { VMOVUPS(u[i], Mem{Base: k.d, Disp: k.bytes * i}) })
}

// tanh writes y = 1 − 2·(1−σ) and 4·σ·(1−σ) for σ of 2x.
func (k siluKernel) tanh(each func(func(i int)), u, q []reg.VecVirtual) {
	y := k.regs(len(u))
	each(func(i int) { VMULPS(q[i], u[i], u[i]) })
	each(func(i int) { VMOVAPS(k.one, y[i]) })
	each(func(i int) { VFMADD231PS(constant("minusTwo", -2), u[i], y[i]) })
	each(func(i int) { VMOVUPS(y[i], Mem{Base: k.y, Disp: k.bytes * i}) })
	each(func(i int) { VMULPS(constant("two_22", 1.0/(1<<22)), q[i], q[i]) })
	each(func(i int) { VMULPS(u[i], q[i], u[i]) })
	each(func(i int) { VMOVUPS(u[i], Mem{Base: k.d, Disp: k.bytes * i}) })
}

// leaky writes d = 1 where x > 0 and slope elsewhere, and y = d·x. A NaN goes into
// both.
func leaky() {
	TEXT("leakyAVX2", NOSPLIT, "func(y, d, x *float32, n int, slope float32)")
	Pragma("noescape")
	Doc("leakyAVX2 is LeakyReLU on n vectors.")
	enter()
	y, d, x := Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	slopeArg, err := Param("slope").Resolve()
	check(err)
	zero, one, slope := YMM(), YMM(), YMM()
	VXORPS(zero, zero, zero)
	VBROADCASTSS(constant("one", 1), one)
	VBROADCASTSS(slopeArg.Addr, slope)
	const unordered = 0x03
	Label("loop")
	v, by, nan := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: x}, v)
	VCMPPS(Imm(greater), zero, v, by)
	VCMPPS(Imm(unordered), v, v, nan)
	VBLENDVPS(by, one, slope, by)
	VBLENDVPS(nan, v, by, nan)
	VMULPS(v, by, v)
	VMOVUPS(v, Mem{Base: y})
	VMOVUPS(nan, Mem{Base: d})
	ADDQ(Imm(vec), x)
	ADDQ(Imm(vec), y)
	ADDQ(Imm(vec), d)
	DECQ(n)
	JNZ(LabelRef("loop"))
	leave()
}
