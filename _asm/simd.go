package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// simd is one kind of registers, with what its instruction set has its own
// names for.
type simd struct {
	bytes     int
	registers int
	reg       func() reg.VecVirtual
	lanes     func(from Mem, to reg.VecVirtual)      // loads eight values, as often as they fit
	spread    func(from Op, to reg.VecVirtual)       // a 32-bit integer
	xor       func(ops ...Op)                        // of integers
	and       func(ops ...Op)                        // of integers
	round     func(from, to reg.VecVirtual)          // to the nearest integer
	odd       func(odd, even, to reg.VecVirtual)     // takes the odd 32-bit lanes of one and the even ones of the other
	pick      func(sign, yes, no, to reg.VecVirtual) // takes from yes where the sign bit is set; overwrites sign
	above     func(v, than, yes, to reg.VecVirtual)  // takes from yes where v is greater, else zero
}

// greater is the comparison of VCMPPS that is false for NaN.
const greater = 0x1e

func (s simd) regs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.reg()
	}
	return v
}

var avx2 = simd{
	bytes: 32, registers: 16,
	reg:   func() reg.VecVirtual { return YMM() },
	lanes: func(from Mem, to reg.VecVirtual) { VMOVUPS(from, to) },
	xor:   func(ops ...Op) { VPXOR(ops[0], ops[1], ops[2]) },
	and:   func(ops ...Op) { VPAND(ops[0], ops[1], ops[2]) },
	round: func(from, to reg.VecVirtual) { VROUNDPS(Imm(0), from, to) },
	odd:   func(odd, even, to reg.VecVirtual) { VPBLENDD(Imm(0xAA), odd, even, to) },
	pick:  func(sign, yes, no, to reg.VecVirtual) { VBLENDVPS(sign, yes, no, to) },
	spread: func(from Op, to reg.VecVirtual) {
		v := XMM()
		VMOVD(from, v)
		VPBROADCASTD(v, to)
	},
	above: func(v, than, yes, to reg.VecVirtual) {
		VCMPPS(Imm(greater), than, v, to)
		VANDPS(yes, to, to)
	},
}

var avx512 = simd{
	bytes: 64, registers: 32,
	reg:   func() reg.VecVirtual { return ZMM() },
	lanes: func(from Mem, to reg.VecVirtual) { VBROADCASTF64X4(from, to) },
	xor:   VPXORD,
	and:   VPANDD,
	round: func(from, to reg.VecVirtual) { VRNDSCALEPS(Imm(0), from, to) },
	odd: func(odd, even, to reg.VecVirtual) {
		bits, k := GP32(), K()
		MOVL(U32(0xAAAA), bits)
		KMOVW(bits, k)
		VPBLENDMD(odd, even, k, to)
	},
	pick: func(sign, yes, no, to reg.VecVirtual) {
		k := K()
		VPMOVD2M(sign, k)
		VBLENDMPS(yes, no, k, to)
	},
	spread: func(from Op, to reg.VecVirtual) { VPBROADCASTD(from, to) },
	above: func(v, than, yes, to reg.VecVirtual) {
		k := K()
		VCMPPS(Imm(greater), than, v, k)
		VMOVAPS_Z(yes, k, to)
	},
}
