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
	lanes     func(from Mem, to reg.VecVirtual) // loads eight values, as often as they fit
	spread    func(from Op, to reg.VecVirtual)  // a 32-bit integer
	xor       func(ops ...Op)                   // of integers
	and       func(ops ...Op)                   // of integers
	round     func(from, to reg.VecVirtual)     // to the nearest integer
	xor3      func(a, b, to reg.VecVirtual)     // into to, which is one of the three
	// words prepares, before a loop, what sorts the products of the even and of
	// the odd lanes into their upper and their lower words. That overwrites them.
	words func() sorter
	pick  func(sign, yes, no, to reg.VecVirtual) // takes from yes where the sign bit is set; overwrites sign
	above func(v, than, yes, to reg.VecVirtual)  // takes from yes where v is greater, else zero
}

type sorter func(even, odd reg.VecVirtual) (hi, lo reg.VecVirtual)

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
	xor3: func(a, b, to reg.VecVirtual) {
		VPXOR(a, to, to)
		VPXOR(b, to, to)
	},
	words: func() sorter {
		return func(even, odd reg.VecVirtual) (hi, lo reg.VecVirtual) {
			hi = YMM()
			VPSRLQ(Imm(32), even, hi)
			VPBLENDD(Imm(0xAA), odd, hi, hi)
			VPSLLQ(Imm(32), odd, odd)
			VPBLENDD(Imm(0xAA), odd, even, even)
			return hi, even
		}
	},
	pick: func(sign, yes, no, to reg.VecVirtual) { VBLENDVPS(sign, yes, no, to) },
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
	xor3:  func(a, b, to reg.VecVirtual) { VPTERNLOGD(U8(0x96), a, b, to) },
	words: func() sorter {
		bits, evens, odds := GP32(), K(), K()
		MOVL(U32(0x5555), bits)
		KMOVW(bits, evens)
		KNOTW(evens, odds)
		return func(even, odd reg.VecVirtual) (hi, lo reg.VecVirtual) {
			hi = ZMM()
			VMOVDQA64(odd, hi)
			VPSHUFD(Imm(0xF5), even, evens, hi)
			VPSHUFD(Imm(0xA0), odd, odds, even)
			return hi, even
		}
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
