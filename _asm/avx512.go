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

// conv512 is conv for eight output channels × pairs of pixels: the registers
// hold two pixels each.
func conv512(pairs int) {
	c := convolution{channels: 8, pixels: 2 * pairs, columns: pairs, vec: vec, unroll: 2}
	c.begin(fmt.Sprintf("conv8x%dAVX512", c.pixels), fmt.Sprintf("computes tiles of 8 output channels × %d pixels.", c.pixels))
	c.acc = avx512.regs(c.channels * pairs)
	c.block()
	if pairs == 3 {
		c.next()
	}
	c.taps(func(tap int) {
		if pairs == 3 && tap%2 == 0 {
			PREFETCHT0(Mem{Base: c.x, Index: c.ahead, Scale: 1, Disp: c.vec * tap})
		}
		xv := avx512.regs(pairs)
		for p := range pairs {
			both(c.input(2*p, tap), c.input(2*p+1, tap), xv[p])
		}
		for o := range c.channels {
			wv := ZMM()
			VBROADCASTSS(c.weight(o, tap), wv)
			for p := range pairs {
				VFMADD231PS(xv[p], wv, c.acc[o*pairs+p])
			}
		}
	})
	Label("store")
	c.storePairs(pairs)
	c.end(vec * c.channels)
}

// storePairs is store for registers of two pixels each.
func (c *convolution) storePairs(pairs int) {
	y, mask := GP64(), GP64()
	part := func(base, index reg.GPVirtual, o int) Mem {
		return Mem{Base: base, Index: index, Scale: 1, Disp: vec * o}
	}
	MOVQ(field(c.a, "maskNow"), mask)
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	for p := range pairs {
		one, two := c.place(2*p, true), c.place(2*p+1, true)
		for o := range c.channels {
			m := ZMM()
			both(part(mask, one, o), part(mask, two, o), m)
			VMULPS(m, c.acc[o*pairs+p], c.acc[o*pairs+p])
		}
	}
	ADDQ(U32(vec*c.channels), field(c.a, "maskNow"))
	Label("plain")
	MOVQ(field(c.a, "yNow"), y)
	for p := range pairs {
		one, two := c.place(2*p, true), c.place(2*p+1, true)
		for o := range c.channels {
			VMOVUPS(c.acc[o*pairs+p].AsY(), part(y, one, o))
			VEXTRACTF64X4(Imm(1), c.acc[o*pairs+p], part(y, two, o))
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
	o.begin(acc, 2*vec)
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
	o.suspend(acc, 2*vec)
	for p := range pairs {
		sum := halves([4]reg.VecVirtual{acc[p], acc[pairs+p], acc[2*pairs+p], acc[3*pairs+p]})
		VSHUFF32X4(Imm(0b00_00_10_00), sum, sum, sum) // the halves' first quarters
		at := Mem{Base: o.grad, Disp: 32 * p}
		v := YMM()
		VADDPS(at, sum.AsY(), v)
		VMOVUPS(v, at)
	}
	Label("kept")
	o.next(2*pairs, 2*vec*pairs)
}

// halves sums the lanes as fold does it, both halves at once. The sums of the
// four stand in the first quarters of each half.
func halves(v [4]reg.VecVirtual) reg.VecVirtual {
	neighbours := func(a, b reg.VecVirtual) reg.VecVirtual {
		even, odd := ZMM(), ZMM()
		VSHUFPS(Imm(0x88), b, a, even)
		VSHUFPS(Imm(0xDD), b, a, odd)
		VADDPS(odd, even, even)
		return even
	}
	sum := neighbours(neighbours(v[0], v[1]), neighbours(v[2], v[3]))
	other := ZMM()
	VSHUFF32X4(Imm(0b10_11_00_01), sum, sum, other) // the other quarter of each half
	VADDPS(other, sum, sum)
	return sum
}

// fold512 is fold for both halves, each with a gradient of its own, or both with
// the same.
func (o *outerLoop) fold512(i int, v [4]reg.VecVirtual) {
	sum := halves(v)
	upper := XMM()
	VEXTRACTF32X4(Imm(2), sum, upper)
	for _, half := range []struct{ grad, sum reg.Register }{{o.grad, sum.AsX()}, {o.high, upper}} {
		at := Mem{Base: half.grad, Disp: 16 * i}
		VADDPS(at, half.sum, half.sum)
		VMOVUPS(half.sum, at)
	}
}
