package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// quads writes ConvQuads for so many squares at a time: the registers hold the
// four outputs of each, which read the same vectors but have weights of their
// own. Where the kernel is odd, the first row of taps belongs to the upper outputs
// alone and the first column to the left ones.
func quads(name string, s simd, pixels int) {
	c := convolution{channels: 4, pixels: pixels, columns: pixels, vec: s.bytes, unroll: 2}
	c.begin(name, fmt.Sprintf("computes %d squares of four outputs.", pixels))
	c.acc = s.regs(4 * pixels) // [output][pixel]
	for _, v := range c.acc {
		VXORPS(v.AsX(), v.AsX(), v.AsX())
	}
	c.start()
	c.run = GP64()
	// along runs over the taps of a row from x on that reach some outputs.
	along := func(label, run string, outputs ...int) {
		multiply := func(tap int) {
			xv := s.regs(pixels)
			for p := range xv {
				VMOVUPS(c.input(p, tap), xv[p])
			}
			for _, o := range outputs {
				wv := s.reg()
				VBROADCASTSS(c.weight(o, tap), wv)
				for p := range xv {
					VFMADD231PS(xv[p], wv, c.acc[o*pixels+p])
				}
			}
		}
		MOVQ(field(c.a, run), c.run)
		c.along(label, multiply)
	}
	CMPQ(field(c.a, "first"), U8(0))
	JE(LabelRef("row"))
	along("corner", "first", 0)
	along("top", "run", 0, 1)
	ADDQ(field(c.a, "xSkip"), c.x)
	Label("row")
	along("left", "first", 0, 2)
	along("taps", "run", 0, 1, 2, 3)
	ADDQ(field(c.a, "xSkip"), c.x)
	DECQ(c.rows)
	JNZ(LabelRef("row"))
	c.storeQuads()
	c.end(s.bytes)
}

// storeQuads is store for squares of outputs: those of a row lie yCol apart in
// memory, and the rows yRow.
func (c *convolution) storeQuads() {
	y, mask := GP64(), GP64()
	MOVQ(field(c.a, "yNow"), y)
	MOVQ(field(c.a, "maskNow"), mask)
	each := func(f func(v reg.VecVirtual, at Mem)) {
		for p := range c.pixels {
			at := c.place(p, true)
			for o := range 4 {
				f(c.acc[o*c.pixels+p], Mem{Index: at, Scale: 1})
				if o == 1 {
					ADDQ(field(c.a, "yRow"), at)
					SUBQ(field(c.a, "yCol"), at)
				} else if o != 3 {
					ADDQ(field(c.a, "yCol"), at)
				}
			}
		}
	}
	TESTQ(mask, mask)
	JZ(LabelRef("plain"))
	each(func(v reg.VecVirtual, at Mem) {
		at.Base = mask
		VMULPS(at, v, v)
	})
	ADDQ(U32(c.vec), field(c.a, "maskNow"))
	Label("plain")
	each(func(v reg.VecVirtual, at Mem) {
		at.Base = y
		VMOVUPS(v, at)
	})
}
