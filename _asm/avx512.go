package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The AVX-512 kernels do the work of two AVX2 vectors in one register: two
// pixels, or two channels of one. Every lane sees the operations of the AVX2
// kernels in the same order, so results have the same bits.

// both loads the vectors at a and b into the halves of v, which it defines
// whole first, so that nothing older is kept.
func both(a, b Mem, v reg.VecVirtual) {
	VBROADCASTF64X4(a, v)
	VINSERTF64X4(Imm(1), b, v, v)
}

// unroll512 is the number of taps to a turn of conv512's innermost loop.
const unroll512 = 2

// conv512 is conv for eight output channels × pairs of pixels: the registers
// hold two pixels each.
func conv512(pairs int) {
	const channels, wStep = 8, 16 // two packed blocks of four
	pixels := 2 * pairs
	name := fmt.Sprintf("conv8x%dAVX512", pixels)
	TEXT(name, NOSPLIT, "func(a *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes tiles of 8 output channels × %d pixels.", name, pixels))
	enter()
	a := Mem{Base: Load(Param("a"), GP64())}
	px, wPair := GP64(), GP64()
	MOVQ(field(a, "px"), px)
	MOVQ(field(a, "wBlock"), wPair)

	Label("group")
	delta, y := group(a, px, pixels)

	Label("block")
	acc := avx512.regs(channels * pairs) // acc[o*pairs+p]
	x, w, rows, run := block(a, px, acc, channels, pairs)
	m := operands{x, w, wPair, delta, wStep}
	multiply := func(tap int) {
		xv := avx512.regs(pairs)
		for p := range pairs {
			both(m.input(2*p, tap), m.input(2*p+1, tap), xv[p])
		}
		for o := range channels {
			wv := ZMM()
			VBROADCASTSS(m.weight(o, tap), wv)
			for p := range pairs {
				VFMADD231PS(xv[p], wv, acc[o*pairs+p])
			}
		}
	}
	taps(a, unroll512, wStep, x, w, rows, run, multiply)

	Label("store")
	storePairs(a, px, y, acc, channels, pairs)
	ADDQ(U32(vec*channels), y)
	s := GP64()
	MOVQ(wPair, s)
	SHLQ(U8(1), s)
	ADDQ(s, field(a, "wNow"))
	nextBlock(a, px, channels, pixels)
}

// storePairs is store for registers of two pixels each.
func storePairs(a Mem, px, y reg.GPVirtual, acc []reg.VecVirtual, channels, pairs int) {
	mask, one, two := GP64(), GP64(), GP64()
	pair := func(p int) {
		MOVLQSX(Mem{Base: px, Disp: 16*p + 4}, one)
		SHLQ(U8(vecShift), one)
		MOVLQSX(Mem{Base: px, Disp: 16*p + 12}, two)
		SHLQ(U8(vecShift), two)
	}
	part := func(base, index reg.GPVirtual, o int) Mem {
		return Mem{Base: base, Index: index, Scale: 1, Disp: vec * o}
	}
	MOVQ(field(a, "maskNow"), mask)
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	for p := range pairs {
		pair(p)
		for o := range channels {
			m := ZMM()
			both(part(mask, one, o), part(mask, two, o), m)
			VMULPS(m, acc[o*pairs+p], acc[o*pairs+p])
		}
	}
	ADDQ(U32(vec*channels), mask)
	MOVQ(mask, field(a, "maskNow"))
	Label("plain")
	for p := range pairs {
		pair(p)
		for o := range channels {
			VMOVUPS(acc[o*pairs+p].AsY(), part(y, one, o))
			VEXTRACTF64X4(Imm(1), acc[o*pairs+p], part(y, two, o))
		}
	}
}

// outer512 is outer for four channels of dy × pairs of vectors of x, which
// follow one another and share a register.
func outer512(pairs int) {
	name := fmt.Sprintf("outer4x%dAVX512", 2*pairs)
	TEXT(name, NOSPLIT, "func(s *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Outer for tiles of four channels of dy and %d of x.", name, 2*pairs))
	enter()
	o := newOuter()
	Label("tile")
	acc := avx512.regs(4 * pairs) // acc[o*pairs+p]
	for _, v := range acc {
		VXORPS(v.AsX(), v.AsX(), v.AsX())
	}
	o.pixels(func(dy, x reg.GPVirtual) {
		xv := avx512.regs(pairs)
		for p := range pairs {
			VMOVUPS(Mem{Base: x, Disp: 2 * vec * p}, xv[p])
		}
		for c := range 4 {
			dv := ZMM()
			VBROADCASTF64X4(Mem{Base: dy, Disp: vec * c}, dv)
			for p := range pairs {
				VFMADD231PS(xv[p], dv, acc[c*pairs+p])
			}
		}
	})
	// The lanes are summed as fold does it, both halves at once.
	neighbours := func(a, b reg.VecVirtual) reg.VecVirtual {
		even, odd := ZMM(), ZMM()
		VSHUFPS(Imm(0x88), b, a, even)
		VSHUFPS(Imm(0xDD), b, a, odd)
		VADDPS(odd, even, even)
		return even
	}
	for p := range pairs {
		sum := neighbours(neighbours(acc[p], acc[pairs+p]), neighbours(acc[2*pairs+p], acc[3*pairs+p]))
		other := ZMM()
		VSHUFF32X4(Imm(0b10_11_00_01), sum, sum, other) // the other quarter of each half
		VADDPS(other, sum, sum)
		VSHUFF32X4(Imm(0b00_00_10_00), sum, sum, sum) // the halves' first quarters
		at := Mem{Base: o.grad, Disp: 32 * p}
		v := YMM()
		VADDPS(at, sum.AsY(), v)
		VMOVUPS(v, at)
	}
	o.next(2 * pairs)
}
