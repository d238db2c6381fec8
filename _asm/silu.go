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

// silu writes y = x·σ(x) and its derivative from u = exp(−x):
//
//	σ = 1/(1+u),    1−σ = u·σ,    y = x·σ,    dy/dx = y·(1−σ) + σ
//
// u is kept as u·2⁻²⁴ and with it q = 2²⁴·σ, so that both are normal numbers
// for x from −104, where y vanishes, to 70, from where on σ is 1: there x is
// bounded for u alone. The last 2⁻²⁴ comes off y at the end, which keeps its
// precision where σ alone would be subnormal; above 10³¹ it overflows instead.
//
// It works on several registers at a time, instruction by instruction, so that
// each hides the other's latency, and then on those left over. While it divides for
// some, it computes the powers of the next.
func silu(name string, several int, s simd) {
	logistic(name, "SiLU", several, siluKernel{simd: s, set: siluKernel.silu})
}

// logistic writes an activation that is made of the logistic function, as k says.
func logistic(name, of string, several int, k siluKernel) {
	s := k.simd
	TEXT(name, NOSPLIT, "func(y, d, x *float32, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is %s on n registers of %d.", name, of, s.bytes/4))
	enter()
	k.y, k.d, k.x = Load(Param("y"), GP64()), Load(Param("d"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	k.siluConstants = newSiluConstants(s)

	u, q := s.regs(several), s.regs(several)
	SUBQ(U8(several), n)
	JLT(LabelRef("rest"))
	k.sum(u, q, k.power(several, 0))
	Label("loop")
	SUBQ(U8(several), n)
	JLT(LabelRef("last"))
	k.divide(q)
	next := k.power(several, several)
	k.finish(u, q)
	k.sum(u, q, next)
	JMP(LabelRef("loop"))
	Label("last")
	k.divide(q)
	k.finish(u, q)
	Label("rest")
	ADDQ(U8(several), n)
	JZ(LabelRef("done"))
	Label("single")
	u, q = s.regs(1), s.regs(1)
	k.sum(u, q, k.power(1, 0))
	k.divide(q)
	k.finish(u, q)
	DECQ(n)
	JNZ(LabelRef("single"))
	Label("done")
	leave()
}

const (
	perOctave = 8 // entries of the table of powers
	siluLog   = float64(-perOctave * math.Log2E)
)

// siluConstants are those of body that are kept at hand.
type siluConstants struct {
	down, one, least, most, logs, table, magic Op
}

func newSiluConstants(s simd) siluConstants {
	load := func(name string, v float64) reg.VecVirtual {
		r := s.reg()
		VBROADCASTSS(constant(name, v), r)
		return r
	}
	// Sixteen registers do not hold all constants beside three times what body
	// works on: those that an instruction can take from memory stay there.
	hold := func(name string, v float64) Op {
		if s.registers < 32 {
			return constant(name, v)
		}
		return load(name, v)
	}
	var c siluConstants
	c.down, c.one = hold("two_24", 1.0/(1<<24)), load("one", 1)
	c.least, c.most = load("siluLeast", -103.97), load("siluMost", 70) // −150·ln 2
	c.logs = hold("siluLog", siluLog)
	c.table = powers(perOctave)
	if s.registers == 32 {
		r := s.reg()
		s.lanes(powers(perOctave), r)
		c.table = r
	}
	// Adding 1.5·2²³ rounds to an integer, which then stands in the lowest
	// bits; so does the exponent's bias for 2⁻²⁴.
	c.magic = hold("siluMagic", 1.5*(1<<23)+perOctave*(127-24))
	return c
}

// siluKernel holds what the parts of logistic share.
type siluKernel struct {
	simd
	siluConstants
	y, d, x reg.Register
	twice   bool // the logistic function is that of 2x
	// set writes y and d from u and q = 2²⁴·σ, overwriting both.
	set func(k siluKernel, each func(func(i int)), u, q []reg.VecVirtual)
}

// power begins exp(−z) of as many registers, some ahead in x, where z is x within
// bounds: exp(−z) = 2^((m+f)/8) with m whole and |f| ≤ ½. It returns 2^(m/8) and
// 2^(f/8).
func (k siluKernel) power(registers, ahead int) (factors [2][]reg.VecVirtual) {
	z, t, f, p := k.regs(registers), k.regs(registers), k.regs(registers), k.regs(registers)
	each := func(f func(i int)) {
		for i := range registers {
			f(i)
		}
	}
	at := func(i int) Op { return Mem{Base: k.x, Disp: k.bytes * (ahead + i)} }
	if k.twice {
		each(func(i int) { VMOVUPS(at(i), t[i]) })
		each(func(i int) { VADDPS(t[i], t[i], t[i]) })
		at = func(i int) Op { return t[i] }
	}
	each(func(i int) { VMAXPS(at(i), k.least, z[i]) }) // the second source, the value, wins where it is NaN
	each(func(i int) { VMINPS(z[i], k.most, z[i]) })
	// The table gives 2^(m mod 8 / 8), m's other bits the exponent.
	each(func(i int) { VMOVUPS(k.magic, t[i]) })
	each(func(i int) { VFMADD231PS(k.logs, z[i], t[i]) })
	each(func(i int) { VSUBPS(k.magic, t[i], f[i]) })
	each(func(i int) { VFMSUB231PS(k.logs, z[i], f[i]) })
	each(func(i int) { VFMADD231PS(constant("siluLogLo", siluLog-float64(float32(siluLog))), z[i], f[i]) })
	power := z
	each(func(i int) { VPERMPS(k.table, t[i], power[i]) })
	each(func(i int) { VPSLLD(Imm(20), t[i], t[i]) })
	each(func(i int) { VPADDD(t[i], power[i], power[i]) })
	// 2^(f/8) by the minimax polynomial, whose relative error is 1.9e-8.
	each(func(i int) { VMOVUPS(constant("exp0", 1.083962899616223e-4), p[i]) })
	for j, coefficient := range []float64{3.754126139049138e-3, 8.664340106648782e-2, 0.9999999816672671} {
		each(func(i int) { VFMADD213PS(constant(fmt.Sprintf("exp%d", j+1), coefficient), f[i], p[i]) })
	}
	return [2][]reg.VecVirtual{power, p}
}

// sum sets u = exp(−z)·2⁻²⁴ and q = u + 2⁻²⁴.
func (k siluKernel) sum(u, q []reg.VecVirtual, factors [2][]reg.VecVirtual) {
	for i := range u {
		VMULPS(factors[0][i], factors[1][i], u[i])
	}
	for i := range u {
		VADDPS(k.down, u[i], q[i])
	}
}

// divide sets q = 1/q.
func (k siluKernel) divide(q []reg.VecVirtual) {
	for i := range q {
		VDIVPS(q[i], k.one, q[i])
	}
}

// finish writes y and d, overwriting u and q, and moves the pointers behind them.
func (k siluKernel) finish(u, q []reg.VecVirtual) {
	k.set(k, func(f func(i int)) {
		for i := range u {
			f(i)
		}
	}, u, q)
	for _, p := range []reg.Register{k.x, k.y, k.d} {
		ADDQ(U32(k.bytes*len(u)), p)
	}
}

func (k siluKernel) silu(each func(func(i int)), u, q []reg.VecVirtual) {
	v := k.regs(len(u))
	each(func(i int) { VMULPS(Mem{Base: k.x, Disp: k.bytes * i}, q[i], v[i]) })
	each(func(i int) { VMULPS(q[i], u[i], u[i]) })
	each(func(i int) { VMULPS(k.down, v[i], v[i]) })
	each(func(i int) { VMULPS(k.down, q[i], q[i]) })
	each(func(i int) { VMOVUPS(v[i], Mem{Base: k.y, Disp: k.bytes * i}) })
	each(func(i int) { VFMADD231PS(v[i], u[i], q[i]) })
	each(func(i int) { VMOVUPS(q[i], Mem{Base: k.d, Disp: k.bytes * i}) })
}

// powers is the table of 2^(j/8) for j < 8, each less j in the bits that a
// shift by 20 puts j in.
func powers(n int) Mem {
	m, ok := consts["siluPowers"]
	if ok {
		return m
	}
	m = GLOBL("siluPowers", RODATA|NOPTR)
	consts["siluPowers"] = m
	for j := range n {
		mantissa := math.Float32bits(float32(math.Exp2(float64(j)/float64(n)))) & (1<<23 - 1)
		DATA(4*j, U32(mantissa-uint32(j)<<20))
	}
	return m
}

// mul, add and sub write dst = a·b, dst = a+b and dst = a−b.
func mul() { pairwise("mul", "Mul", func(m Mem, v reg.VecVirtual) { VMULPS(m, v, v) }) }
func add() { pairwise("add", "Add", func(m Mem, v reg.VecVirtual) { VADDPS(m, v, v) }) }
func sub() { pairwise("sub", "Sub", func(m Mem, v reg.VecVirtual) { VSUBPS(m, v, v) }) }

func pairwise(name, of string, combine func(b Mem, v reg.VecVirtual)) {
	TEXT(name+"AVX2", NOSPLIT, "func(dst, a, b *float32, n int)")
	Pragma("noescape")
	Doc(name + "AVX2 is " + of + " on n vectors.")
	enter()
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
	leave()
}
