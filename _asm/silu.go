package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// constant returns a broadcast float32.
func constant(name string, v float64) Mem {
	return broadcast(name, math.Float32bits(float32(v)))
}

// silu writes y = x·σ(x) and its derivative. With z = −|x| and e = exp z,
// which cannot overflow, σ(|x|) = 1/(1+e) and σ(−|x|) = e/(1+e). For negative
// x the two halves of e's power of two multiply last, so that y keeps its
// precision where e alone would be subnormal.
func silu() {
	TEXT("siluAVX2", NOSPLIT, "func(y, d, x *float32, n int)")
	Pragma("noescape")
	Doc("siluAVX2 is SiLU on n vectors.")
	y, d, x := Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	one := YMM()
	VMOVUPS(constant("one", 1), one)
	bias := YMM()
	VMOVDQU(broadcast("expBias", 127), bias)

	Label("loop")
	v := YMM()
	VMOVUPS(Mem{Base: x}, v)
	z := YMM()
	VORPS(broadcast("signBit", 1<<31), v, z)
	floor := YMM()
	VMOVUPS(constant("expFloor", -110), floor)
	VMAXPS(z, floor, z) // the second source, z, wins where it is NaN

	// exp z = 2ⁿ·m: n = round(z/ln 2), m = exp(z − n·ln 2), |z − n·ln 2| ≤ ln 2/2,
	// by the minimax polynomial of Cephes's expf.
	k := YMM()
	VMULPS(constant("log2e", math.Log2E), z, k)
	VROUNDPS(Imm(0), k, k)
	VFNMADD231PS(constant("ln2Hi", 0.693359375), k, z)
	VFNMADD231PS(constant("ln2Lo", -2.12194440e-4), k, z)
	p := YMM()
	VMOVUPS(constant("exp0", 1.9875691500e-4), p)
	for i, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		VFMADD213PS(constant("exp"+string(rune('1'+i)), c), z, p)
	}
	z2 := YMM()
	VMULPS(z, z, z2)
	m := YMM()
	VADDPS(one, z, m)
	VFMADD231PS(z2, p, m)
	n1, n2 := YMM(), YMM()
	VCVTPS2DQ(k, k)
	VPSRAD(Imm(1), k, n1)
	VPSUBD(n1, k, n2)
	VPADDD(bias, n1, n1)
	VPADDD(bias, n2, n2)
	VPSLLD(Imm(23), n1, n1)
	VPSLLD(Imm(23), n2, n2)
	e := YMM()
	VMULPS(n1, m, e)
	VMULPS(n2, e, e)

	q := YMM()
	VADDPS(one, e, q)
	VDIVPS(q, one, q)
	c := YMM()
	VBLENDVPS(v, one, e, c) // 1 − σ(x) = c·q
	VMULPS(q, c, c)
	VBLENDVPS(v, m, one, m)
	VBLENDVPS(v, n1, one, n1)
	VBLENDVPS(v, n2, one, n2)
	sig, out := YMM(), YMM()
	VMULPS(q, m, sig)
	VMULPS(sig, v, out)
	VMULPS(n1, sig, sig)
	VMULPS(n2, sig, sig)
	VMULPS(n1, out, out)
	VMULPS(n2, out, out)
	VMOVUPS(out, Mem{Base: y})
	VFMADD231PS(out, c, sig)
	VMOVUPS(sig, Mem{Base: d})

	ADDQ(Imm(vec), x)
	ADDQ(Imm(vec), y)
	ADDQ(Imm(vec), d)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func mul() {
	TEXT("mulAVX2", NOSPLIT, "func(dst, a, b *float32, n int)")
	Pragma("noescape")
	Doc("mulAVX2 is Mul on n vectors.")
	dst, a, b := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	n := Load(Param("n"), GP64())
	Label("loop")
	v := YMM()
	VMOVUPS(Mem{Base: a}, v)
	VMULPS(Mem{Base: b}, v, v)
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(Imm(vec), a)
	ADDQ(Imm(vec), b)
	ADDQ(Imm(vec), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
