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

// noiseKernel holds what the parts of noise share.
type noiseKernel struct {
	simd
	groups   int // in a register
	size     int // bytes of a vector
	x        reg.Register
	c, scale Mem
	lo, hi   Mem
	index    reg.Register // of the group
	sort     sorter
}

// noise writes Noise: Philox4x32-10 in every lane, Box and Muller's transform and
// the clamped sum. A register holds a vector, or two narrow ones of groups of four
// that follow one another. It works on two sets of four registers at a time, step by
// step, so that each hides the other's latency, and then on one that is left.
func noise(name string, s simd, groups int) {
	TEXT(name, NOSPLIT, "func(x *float32, turns int, c *byte, scale *float32, lo, hi float32, group uint32)")
	Pragma("noescape")
	n := noiseKernel{simd: s, groups: groups, size: s.bytes / groups}
	Doc(fmt.Sprintf("%s is Noise on %d vectors of %d a turn, beginning with a group of four.", name, 4*groups, n.size/4))
	enter()
	n.x = Load(Param("x"), GP64())
	turns := Load(Param("turns"), GP64())
	n.c, n.scale = Mem{Base: Load(Param("c"), GP64())}, Mem{Base: Load(Param("scale"), GP64())}
	n.lo, n.hi = argument("lo"), argument("hi")
	n.index = Load(Param("group"), GP32())
	if groups == 1 {
		n.lanes = func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) }
	}
	n.sort = s.words()

	SUBQ(Imm(2), turns)
	JLT(LabelRef("rest"))
	Label("loop")
	n.turn(2)
	SUBQ(Imm(2), turns)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(Imm(2), turns)
	JZ(LabelRef("done"))
	n.turn(1)
	Label("done")
	leave()
}

// argument returns where an argument is.
func argument(name string) Mem {
	arg, err := Param(name).Resolve()
	check(err)
	return arg.Addr
}

// turn works on k sets of four vectors.
func (n *noiseKernel) turn(k int) {
	w := [4][]reg.VecVirtual{}
	for i := range w {
		w[i] = n.regs(k)
	}
	for set := range k {
		for i := range 3 {
			n.lanes(n.c.Offset(word*(2+i)), w[i][set])
		}
		n.spread(n.index, w[3][set])
		if n.groups == 2 {
			VPADDD(secondGroup(), w[3][set], w[3][set])
		}
		ADDL(Imm(uint64(n.groups)), n.index)
	}
	w = n.philox(w)
	for i := 0; i < 4; i += 2 {
		cos, sin := n.boxMuller(w[i], w[i+1])
		for j, z := range [][]reg.VecVirtual{cos, sin} {
			for set := range z {
				n.add(z[set], Mem{Base: n.x, Disp: 4*n.bytes*set + n.size*(i+j)})
			}
		}
	}
	ADDQ(U32(4*n.bytes*k), n.x)
}

// add adds the numbers z to the vector at a place, and clamps it.
func (n *noiseKernel) add(z reg.VecVirtual, at Mem) {
	v, bound, scale := n.reg(), n.reg(), n.reg()
	if n.groups == 1 {
		VMOVUPS(at, v)
	} else {
		both(at, at.Offset(4*n.size), v)
	}
	n.lanes(n.scale, scale)
	VFMADD231PS(scale, z, v)
	// VMAXPS and VMINPS return their second source where either is NaN: v has
	// to be the second.
	VBROADCASTSS(n.lo, bound)
	VMAXPS(v, bound, v)
	VBROADCASTSS(n.hi, bound)
	VMINPS(v, bound, v)
	if n.groups == 1 {
		VMOVUPS(v, at)
	} else {
		VMOVUPS(v.AsY(), at)
		VEXTRACTF64X4(Imm(1), v, at.Offset(4*n.size))
	}
}

// secondGroup is 0 in the first eight lanes and 1 in the others.
func secondGroup() Mem {
	m, ok := consts["secondGroup"]
	if !ok {
		m = GLOBL("secondGroup", RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(i/8))
		}
		consts["secondGroup"] = m
	}
	return m
}

// philox writes ten rounds of Philox4x32 on the counters w.
func (n *noiseKernel) philox(w [4][]reg.VecVirtual) [4][]reg.VecVirtual {
	m := []Mem{broadcast("philoxM0", 0xD2511F53), broadcast("philoxM1", 0xCD9E8D57)}
	key := n.regs(2)
	n.lanes(n.c, key[0])
	n.lanes(n.c.Offset(word), key[1])
	weyl := []Mem{broadcast("philoxW0", 0x9E3779B9), broadcast("philoxW1", 0xBB67AE85)}
	for round := range 10 {
		hi0, lo0 := n.mul32(w[0], m[0])
		hi1, lo1 := n.mul32(w[2], m[1])
		for set := range hi0 {
			n.xor3(w[1][set], key[0], hi1[set])
			n.xor3(w[3][set], key[1], hi0[set])
		}
		w = [4][]reg.VecVirtual{hi1, lo1, hi0, lo0}
		if round < 9 {
			VPADDD(weyl[0], key[0], key[0])
			VPADDD(weyl[1], key[1], key[1])
		}
	}
	return w
}

// mul32 writes the high and low words of the products a·m.
func (n *noiseKernel) mul32(a []reg.VecVirtual, m Mem) (hi, lo []reg.VecVirtual) {
	hi, lo = make([]reg.VecVirtual, len(a)), make([]reg.VecVirtual, len(a))
	for i := range a {
		even, odd := n.reg(), n.reg()
		VPMULUDQ(m, a[i], even)
		VPSRLQ(Imm(32), a[i], odd)
		VPMULUDQ(m, odd, odd)
		hi[i], lo[i] = n.sort(even, odd)
	}
	return hi, lo
}

// boxMuller writes pairs of normal numbers of pairs of random words, overwriting
// them.
func (n *noiseKernel) boxMuller(w0, w1 []reg.VecVirtual) (cosine, sine []reg.VecVirtual) {
	k := len(w0)
	radius := n.radius(w0)
	s, c, q := n.angle(w1)
	swap, sign := n.regs(k), n.regs(k)
	cosine, sine = n.regs(k), n.regs(k)
	for i := range k {
		VPSLLD(Imm(31), q[i], swap[i])
		n.pick(swap[i], s[i], c[i], cosine[i])
		n.pick(swap[i], c[i], s[i], sine[i])
		VPADDD(broadcast("int1", 1), q[i], sign[i])
		for _, v := range []struct{ value, quarter reg.VecVirtual }{{cosine[i], sign[i]}, {sine[i], q[i]}} {
			n.and(broadcast("int2", 2), v.quarter, v.quarter)
			VPSLLD(Imm(30), v.quarter, v.quarter)
			n.xor(v.quarter, v.value, v.value)
			VMULPS(radius[i], v.value, v.value)
		}
	}
	return cosine, sine
}

// radius returns √(−2·ln u) for the uniform numbers u of words.
func (n *noiseKernel) radius(w0 []reg.VecVirtual) []reg.VecVirtual {
	each := func(f func(i int)) {
		for i := range w0 {
			f(i)
		}
	}
	// u = (⌊w0/2⁸⌋+1)/2²⁴ in (0, 1], exact in float32.
	k := len(w0)
	u := n.regs(k)
	each(func(i int) { VPSRLD(Imm(8), w0[i], u[i]) })
	each(func(i int) { VPADDD(broadcast("int1", 1), u[i], u[i]) })
	each(func(i int) { VCVTDQ2PS(u[i], u[i]) })
	each(func(i int) { VMULPS(constant("two_24", 1.0/(1<<24)), u[i], u[i]) })

	// ln u by Cephes's logf: u = 2ᵉ·m with √½ ≤ m < √2, ln u = e·ln 2 + ln m.
	exp, m, p, m2 := n.regs(k), n.regs(k), n.regs(k), n.regs(k)
	each(func(i int) {
		VPSUBD(broadcast("sqrtHalf", math.Float32bits(float32(math.Sqrt(0.5)))), u[i], exp[i])
	})
	each(func(i int) { VPSRAD(Imm(23), exp[i], exp[i]) })
	each(func(i int) { VPSLLD(Imm(23), exp[i], m[i]) })
	each(func(i int) { VPSUBD(m[i], u[i], m[i]) })
	each(func(i int) { VCVTDQ2PS(exp[i], exp[i]) })
	each(func(i int) { VSUBPS(constant("one", 1), m[i], m[i]) })
	each(func(i int) { VMOVUPS(constant("log0", 7.0376836292e-2), p[i]) })
	for j, c := range []float64{-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1} {
		each(func(i int) { VFMADD213PS(constant(fmt.Sprintf("log%d", j+1), c), m[i], p[i]) })
	}
	each(func(i int) { VMULPS(m[i], m[i], m2[i]) })
	each(func(i int) { VMULPS(m[i], p[i], p[i]) })
	each(func(i int) { VMULPS(m2[i], p[i], p[i]) })
	each(func(i int) { VFMADD231PS(constant("ln2Lo", -2.12194440e-4), exp[i], p[i]) })
	each(func(i int) { VFNMADD231PS(constant("half", 0.5), m2[i], p[i]) })
	each(func(i int) { VADDPS(p[i], m[i], m[i]) })
	each(func(i int) { VFMADD231PS(constant("ln2Hi", 0.693359375), exp[i], m[i]) })
	radius, zero := n.regs(k), n.reg()
	each(func(i int) { VMULPS(constant("minus2", -2), m[i], radius[i]) })
	VXORPS(zero.AsX(), zero.AsX(), zero.AsX())
	each(func(i int) { VMAXPS(radius[i], zero, radius[i]) })
	each(func(i int) { VSQRTPS(radius[i], radius[i]) })
	return radius
}

// angle returns the sine and cosine of angles of at most an eighth of a turn, and
// the quarters by which they are to be turned for those of words.
func (n *noiseKernel) angle(w1 []reg.VecVirtual) (s, c, q []reg.VecVirtual) {
	each := func(f func(i int)) {
		for i := range w1 {
			f(i)
		}
	}
	// The angle in turns is t = q/4 + f with |f| ≤ ⅛; sine and cosine of
	// 2πf by Cephes's polynomials, then turned by q quarters.
	k := len(w1)
	t, a2 := n.regs(k), n.regs(k)
	s, c, q = n.regs(k), n.regs(k), n.regs(k)
	each(func(i int) { VPSRLD(Imm(8), w1[i], t[i]) })
	each(func(i int) { VCVTDQ2PS(t[i], t[i]) })
	each(func(i int) { VMULPS(constant("two_22", 1.0/(1<<22)), t[i], t[i]) })
	each(func(i int) { n.round(t[i], q[i]) })
	each(func(i int) { VSUBPS(q[i], t[i], t[i]) })
	each(func(i int) { VCVTPS2DQ(q[i], q[i]) })
	each(func(i int) { VMULPS(constant("halfPi", math.Pi/2), t[i], t[i]) })
	each(func(i int) { VMULPS(t[i], t[i], a2[i]) })
	each(func(i int) { VMOVUPS(constant("sin0", -1.9515295891e-4), s[i]) })
	each(func(i int) { VFMADD213PS(constant("sin1", 8.3321608736e-3), a2[i], s[i]) })
	each(func(i int) { VFMADD213PS(constant("sin2", -1.6666654611e-1), a2[i], s[i]) })
	each(func(i int) { VMULPS(a2[i], s[i], s[i]) })
	each(func(i int) { VFMADD213PS(t[i], t[i], s[i]) })
	each(func(i int) { VMOVUPS(constant("cos0", 2.443315711809948e-5), c[i]) })
	each(func(i int) { VFMADD213PS(constant("cos1", -1.388731625493765e-3), a2[i], c[i]) })
	each(func(i int) { VFMADD213PS(constant("cos2", 4.166664568298827e-2), a2[i], c[i]) })
	each(func(i int) { VMULPS(a2[i], c[i], c[i]) })
	each(func(i int) { VMULPS(a2[i], c[i], c[i]) })
	each(func(i int) { VFNMADD231PS(constant("half", 0.5), a2[i], c[i]) })
	each(func(i int) { VADDPS(constant("one", 1), c[i], c[i]) })
	return s, c, q
}
