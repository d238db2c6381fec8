package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constant returns a broadcast float32.
func constant(name string, v float64) Mem {
	return broadcast(name, math.Float32bits(float32(v)))
}

// silu writes y = x·σ(x) and its derivative. With e = exp(−|x|), which cannot
// overflow, σ(|x|) = q and σ(−|x|) = e·q where q = 1/(1+e).
//
// e is kept as e·2²⁴, a normal number for |x| up to 104, and the 2²⁴ comes off
// last: y keeps its precision where e alone would be subnormal. Above 10³¹ the
// factor overflows y to infinity.
func silu() {
	TEXT("siluAVX2", NOSPLIT, "func(y, d, x *float32, n int)")
	Pragma("noescape")
	Doc("siluAVX2 is SiLU on n vectors.")
	y, d, x := Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	load := func(m Mem) reg.VecVirtual {
		v := YMM()
		VMOVUPS(m, v)
		return v
	}
	up, down := load(constant("two24", 1<<24)), load(constant("two_24", 1.0/(1<<24)))
	one, log2e, magic := load(constant("one", 1)), load(constant("log2e", math.Log2E)), load(expMagic())

	Label("loop")
	v, z := YMM(), YMM()
	VMOVUPS(Mem{Base: x}, v)
	VORPS(broadcast("signBit", 1<<31), v, z)
	floor := YMM()
	VMOVUPS(constant("expFloor", -103.97), floor) // −150·ln 2
	VMAXPS(z, floor, z)                           // the second source, z, wins where it is NaN

	// t = n + magic with n = round(z·log₂e); its lowest bits are the biased
	// exponent of 2ⁿ⁺²⁴. f = z·log₂e − n in two parts.
	t, f := YMM(), YMM()
	VMOVAPS(magic, t)
	VFMADD231PS(log2e, z, t)
	VSUBPS(magic, t, f)
	VFMSUB231PS(log2e, z, f)
	VFMADD231PS(constant("log2eLo", math.Log2E-float64(float32(math.Log2E))), z, f)
	e := exp2(f)
	VPSLLD(Imm(23), t, t)
	VMULPS(t, e, e)

	q := YMM()
	VMOVAPS(one, q)
	VFMADD231PS(down, e, q)
	VDIVPS(q, one, q)
	sig, rest := YMM(), YMM()
	VBLENDVPS(v, e, up, sig)
	VBLENDVPS(v, up, e, rest)
	VMULPS(q, sig, sig)   // σ(x)·2²⁴
	VMULPS(q, rest, rest) // (1 − σ(x))·2²⁴
	VMULPS(sig, v, v)
	VMULPS(down, v, v)
	VMOVUPS(v, Mem{Base: y})
	VFMADD231PS(v, rest, sig)
	VMULPS(down, sig, sig)
	VMOVUPS(sig, Mem{Base: d})

	ADDQ(Imm(vec), x)
	ADDQ(Imm(vec), y)
	ADDQ(Imm(vec), d)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// expMagic is 1.5·2²³ plus the exponent's bias of 127+24: adding it rounds to
// an integer, which then stands in the lowest bits.
func expMagic() Mem { return constant("expMagic", 1.5*(1<<23)+127+24) }

// exp2 writes 2^f for |f| ≤ ½ by the minimax polynomial of degree 5, whose
// relative error is 8e-8.
func exp2(f reg.VecVirtual) reg.VecVirtual {
	coefficients := []float64{1.3276472058643754e-3, 9.67554139712462e-3, 5.550713273837881e-2, 2.402211972268526e-1, 6.931469670642116e-1, 1.000000071654917}
	p := YMM()
	VMOVUPS(constant("exp0", coefficients[0]), p)
	for i, c := range coefficients[1:] {
		VFMADD213PS(constant(fmt.Sprintf("exp%d", i+1), c), f, p)
	}
	return p
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
