package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// word is the size of a field of kernel.Counter.
const word = 64

// noise writes Noise: Philox4x32-10 in every lane, Box and Muller's transform
// and the clamped sum, a group of four vectors at a time, or two groups of narrow
// ones in the halves of wide registers.
func noise(name string, s simd, groups int) {
	TEXT(name, NOSPLIT, "func(x *float32, turns int, c *byte, scale *float32, lo, hi float32, group uint32)")
	Pragma("noescape")
	size := s.bytes / groups // of a vector
	Doc(fmt.Sprintf("%s is Noise on %d vectors of %d a turn, beginning with a group of four.", name, 4*groups, size/4))
	enter()
	x, turns := Load(Param("x"), GP64()), Load(Param("turns"), GP64())
	c, scaleAt := Mem{Base: Load(Param("c"), GP64())}, Mem{Base: Load(Param("scale"), GP64())}
	loArg, err := Param("lo").Resolve()
	check(err)
	hiArg, err := Param("hi").Resolve()
	check(err)
	index := Load(Param("group"), GP32())
	if groups == 1 {
		s.lanes = func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) }
	}
	words := s.words()

	Label("loop")
	w := s.regs(4)
	for i := range 3 {
		s.lanes(c.Offset(word*(2+i)), w[i])
	}
	s.spread(index, w[3])
	if groups == 2 {
		VPADDD(secondGroup(), w[3], w[3])
	}
	w = philox(s, words, w, c)

	for i := 0; i < 4; i += 2 {
		cos, sin := boxMuller(s, w[i], w[i+1])
		for j, z := range []reg.VecVirtual{cos, sin} {
			at := Mem{Base: x, Disp: size * (i + j)}
			v, bound := s.reg(), s.reg()
			if groups == 1 {
				VMOVUPS(at, v)
			} else {
				both(at, at.Offset(4*size), v)
			}
			scale := s.reg()
			s.lanes(scaleAt, scale)
			VFMADD231PS(scale, z, v)
			clamp(v, bound, loArg.Addr, hiArg.Addr)
			if groups == 1 {
				VMOVUPS(v, at)
			} else {
				VMOVUPS(v.AsY(), at)
				VEXTRACTF64X4(Imm(1), v, at.Offset(4*size))
			}
		}
	}
	ADDQ(U32(4*s.bytes), x)
	ADDL(Imm(uint64(groups)), index)
	DECQ(turns)
	JNZ(LabelRef("loop"))
	leave()
}

// secondGroup is 0 in the first eight lanes and 1 in the others.
func secondGroup() Mem {
	m := GLOBL("secondGroup", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i/8))
	}
	return m
}

// clamp bounds v by two scalars in memory. VMAXPS and VMINPS return their
// second source where either is NaN: v has to be the second.
func clamp(v, bound reg.VecVirtual, lo, hi Mem) {
	VBROADCASTSS(lo, bound)
	VMAXPS(v, bound, v)
	VBROADCASTSS(hi, bound)
	VMINPS(v, bound, v)
}

// philox writes ten rounds of Philox4x32 on the counter w.
func philox(s simd, words sorter, w []reg.VecVirtual, c Mem) []reg.VecVirtual {
	m := s.regs(2)
	VMOVUPS(broadcast("philoxM0", 0xD2511F53), m[0])
	VMOVUPS(broadcast("philoxM1", 0xCD9E8D57), m[1])
	key := s.regs(2)
	s.lanes(c, key[0])
	s.lanes(c.Offset(word), key[1])
	weyl := []Mem{broadcast("philoxW0", 0x9E3779B9), broadcast("philoxW1", 0xBB67AE85)}
	for round := range 10 {
		hi0, lo0 := mul32(s, words, w[0], m[0])
		hi1, lo1 := mul32(s, words, w[2], m[1])
		s.xor3(w[1], key[0], hi1)
		s.xor3(w[3], key[1], hi0)
		w = []reg.VecVirtual{hi1, lo1, hi0, lo0}
		if round < 9 {
			VPADDD(weyl[0], key[0], key[0])
			VPADDD(weyl[1], key[1], key[1])
		}
	}
	return w
}

// mul32 writes the high and low words of the eight products a·m.
func mul32(s simd, words sorter, a, m reg.VecVirtual) (hi, lo reg.VecVirtual) {
	even, odd := s.reg(), s.reg()
	VPMULUDQ(m, a, even)
	VPSRLQ(Imm(32), a, odd)
	VPMULUDQ(m, odd, odd)
	return words(even, odd)
}

// boxMuller writes two normal numbers of two random words, overwriting them.
func boxMuller(r simd, w0, w1 reg.VecVirtual) (cosine, sine reg.VecVirtual) {
	radius := boxMullerRadius(r, w0)
	s, c, q := boxMullerAngle(r, w1)
	swap, sign := r.reg(), r.reg()
	VPSLLD(Imm(31), q, swap)
	cosine, sine = r.reg(), r.reg()
	r.pick(swap, s, c, cosine)
	r.pick(swap, c, s, sine)
	VPADDD(broadcast("int1", 1), q, sign)
	for _, v := range []struct{ value, quarter reg.VecVirtual }{{cosine, sign}, {sine, q}} {
		r.and(broadcast("int2", 2), v.quarter, v.quarter)
		VPSLLD(Imm(30), v.quarter, v.quarter)
		r.xor(v.quarter, v.value, v.value)
		VMULPS(radius, v.value, v.value)
	}
	return cosine, sine
}

// boxMullerRadius returns √(−2·ln u) for the uniform number u of a word.
func boxMullerRadius(r simd, w0 reg.VecVirtual) (radius reg.VecVirtual) {
	// u = (⌊w0/2⁸⌋+1)/2²⁴ in (0, 1], exact in float32.
	u := r.reg()
	VPSRLD(Imm(8), w0, u)
	VPADDD(broadcast("int1", 1), u, u)
	VCVTDQ2PS(u, u)
	VMULPS(constant("two_24", 1.0/(1<<24)), u, u)

	// ln u by Cephes's logf: u = 2ᵉ·m with √½ ≤ m < √2, ln u = e·ln 2 + ln m.
	exp, m := r.reg(), r.reg()
	VPSUBD(broadcast("sqrtHalf", math.Float32bits(float32(math.Sqrt(0.5)))), u, exp)
	VPSRAD(Imm(23), exp, exp)
	VPSLLD(Imm(23), exp, m)
	VPSUBD(m, u, m)
	VCVTDQ2PS(exp, exp)
	VSUBPS(constant("one", 1), m, m)
	p := r.reg()
	VMOVUPS(constant("log0", 7.0376836292e-2), p)
	for i, c := range []float64{-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1} {
		VFMADD213PS(constant(fmt.Sprintf("log%d", i+1), c), m, p)
	}
	m2 := r.reg()
	VMULPS(m, m, m2)
	VMULPS(m, p, p)
	VMULPS(m2, p, p)
	VFMADD231PS(constant("ln2Lo", -2.12194440e-4), exp, p)
	VFNMADD231PS(constant("half", 0.5), m2, p)
	VADDPS(p, m, m)
	VFMADD231PS(constant("ln2Hi", 0.693359375), exp, m)
	radius = r.reg()
	VMULPS(constant("minus2", -2), m, radius)
	zero := r.reg()
	VXORPS(zero.AsX(), zero.AsX(), zero.AsX())
	VMAXPS(radius, zero, radius)
	VSQRTPS(radius, radius)
	return radius
}

// boxMullerAngle returns the sine and cosine of an angle of at most an eighth
// of a turn, and the quarters by which they are to be turned for that of a
// word.
func boxMullerAngle(r simd, w1 reg.VecVirtual) (s, c, q reg.VecVirtual) {
	// The angle in turns is t = q/4 + f with |f| ≤ ⅛; sine and cosine of
	// 2πf by Cephes's polynomials, then turned by q quarters.
	t := r.reg()
	q = r.reg()
	VPSRLD(Imm(8), w1, t)
	VCVTDQ2PS(t, t)
	VMULPS(constant("two_22", 1.0/(1<<22)), t, t)
	r.round(t, q)
	VSUBPS(q, t, t)
	VCVTPS2DQ(q, q)
	VMULPS(constant("halfPi", math.Pi/2), t, t)
	a2 := r.reg()
	s, c = r.reg(), r.reg()
	VMULPS(t, t, a2)
	VMOVUPS(constant("sin0", -1.9515295891e-4), s)
	VFMADD213PS(constant("sin1", 8.3321608736e-3), a2, s)
	VFMADD213PS(constant("sin2", -1.6666654611e-1), a2, s)
	VMULPS(a2, s, s)
	VFMADD213PS(t, t, s)
	VMOVUPS(constant("cos0", 2.443315711809948e-5), c)
	VFMADD213PS(constant("cos1", -1.388731625493765e-3), a2, c)
	VFMADD213PS(constant("cos2", 4.166664568298827e-2), a2, c)
	VMULPS(a2, c, c)
	VMULPS(a2, c, c)
	VFNMADD231PS(constant("half", 0.5), a2, c)
	VADDPS(constant("one", 1), c, c)
	return s, c, q
}

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
		c, err := Param(param).Resolve()
		check(err)
		VBROADCASTSS(c.Addr, v)
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
