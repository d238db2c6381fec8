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

// siluVectors is the number of vectors that silu works on at a time.
const siluVectors = 2

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
	one, log2e, magic := constant("one", 1), constant("log2e", math.Log2E), expMagic()
	floor := load(constant("expFloor", -103.97)) // −150·ln 2

	body := func(k int) {
		each := func(f func(i int)) {
			for i := range k {
				f(i)
			}
		}
		v, z, t, f, q := regs(k), regs(k), regs(k), regs(k), regs(k)
		each(func(i int) { VMOVUPS(Mem{Base: x, Disp: vec * i}, v[i]) })
		each(func(i int) { VORPS(broadcast("signBit", 1<<31), v[i], z[i]) })
		each(func(i int) { VMAXPS(z[i], floor, z[i]) }) // the second source, z, wins where it is NaN

		// t = n + magic with n = round(z·log₂e); its lowest bits are the
		// biased exponent of 2ⁿ⁺²⁴. f = z·log₂e − n in two parts.
		each(func(i int) { VMOVUPS(magic, t[i]) })
		each(func(i int) { VFMADD231PS(log2e, z[i], t[i]) })
		each(func(i int) { VSUBPS(magic, t[i], f[i]) })
		each(func(i int) { VFMSUB231PS(log2e, z[i], f[i]) })
		each(func(i int) { VFMADD231PS(constant("log2eLo", math.Log2E-float64(float32(math.Log2E))), z[i], f[i]) })
		e := exp2(f)
		each(func(i int) { VPSLLD(Imm(23), t[i], t[i]) })
		each(func(i int) { VMULPS(t[i], e[i], e[i]) })

		each(func(i int) { VMOVUPS(one, q[i]) })
		each(func(i int) { VFMADD231PS(down, e[i], q[i]) })
		each(func(i int) { VMOVUPS(one, t[i]) })
		each(func(i int) { VDIVPS(q[i], t[i], q[i]) })
		sig, rest := t, f
		each(func(i int) { VBLENDVPS(v[i], e[i], up, sig[i]) })
		each(func(i int) { VBLENDVPS(v[i], up, e[i], rest[i]) })
		each(func(i int) { VMULPS(q[i], sig[i], sig[i]) })   // σ(x)·2²⁴
		each(func(i int) { VMULPS(q[i], rest[i], rest[i]) }) // (1 − σ(x))·2²⁴
		each(func(i int) { VMULPS(sig[i], v[i], v[i]) })
		each(func(i int) { VMULPS(down, v[i], v[i]) })
		each(func(i int) { VMOVUPS(v[i], Mem{Base: y, Disp: vec * i}) })
		each(func(i int) { VFMADD231PS(v[i], rest[i], sig[i]) })
		each(func(i int) { VMULPS(down, sig[i], sig[i]) })
		each(func(i int) { VMOVUPS(sig[i], Mem{Base: d, Disp: vec * i}) })
		for _, p := range []reg.GPVirtual{x.(reg.GPVirtual), y.(reg.GPVirtual), d.(reg.GPVirtual)} {
			ADDQ(U32(vec*k), p)
		}
	}

	// Two vectors at a time, instruction by instruction, so that each hides
	// the other's latency; then the one left over.
	CMPQ(n, Imm(siluVectors))
	JLT(LabelRef("rest"))
	Label("loop")
	body(siluVectors)
	SUBQ(Imm(siluVectors), n)
	CMPQ(n, Imm(siluVectors))
	JGE(LabelRef("loop"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	Label("single")
	body(1)
	DECQ(n)
	JNZ(LabelRef("single"))
	Label("done")
	VZEROUPPER()
	RET()
}

// expMagic is 1.5·2²³ plus the exponent's bias of 127+24: adding it rounds to
// an integer, which then stands in the lowest bits.
func expMagic() Mem { return constant("expMagic", 1.5*(1<<23)+127+24) }

// exp2 writes 2^f for |f| ≤ ½ by the minimax polynomial of degree 5, whose
// relative error is 8e-8.
func exp2(f []reg.VecVirtual) []reg.VecVirtual {
	coefficients := []float64{1.3276472058643754e-3, 9.67554139712462e-3, 5.550713273837881e-2, 2.402211972268526e-1, 6.931469670642116e-1, 1.000000071654917}
	p := regs(len(f))
	for i := range p {
		VMOVUPS(constant("exp0", coefficients[0]), p[i])
	}
	for j, c := range coefficients[1:] {
		for i := range p {
			VFMADD213PS(constant(fmt.Sprintf("exp%d", j+1), c), f[i], p[i])
		}
	}
	return p
}

// mul and add write dst = a·b and dst = a+b.
func mul() { pairwise("mul", "Mul", func(m Mem, v reg.VecVirtual) { VMULPS(m, v, v) }) }
func add() { pairwise("add", "Add", func(m Mem, v reg.VecVirtual) { VADDPS(m, v, v) }) }

func pairwise(name, of string, combine func(b Mem, v reg.VecVirtual)) {
	TEXT(name+"AVX2", NOSPLIT, "func(dst, a, b *float32, n int)")
	Pragma("noescape")
	Doc(name + "AVX2 is " + of + " on n vectors.")
	dst, a, b := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	n := Load(Param("n"), GP64())
	Label("loop")
	v := YMM()
	VMOVUPS(Mem{Base: a}, v)
	combine(Mem{Base: b}, v)
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(Imm(vec), a)
	ADDQ(Imm(vec), b)
	ADDQ(Imm(vec), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
