package main

// word writes an instruction that Go's assembler does not know.
func word(w uint32, gnu string, args ...any) {
	ins("WORD $0x%08x // "+gnu, append([]any{w}, args...)...)
}

// three makes an instruction of two operands and a destination. The fields of
// the encoding are base | m<<16 | n<<5 | d.
func three(base uint32, name string) func(d, n, m vec) {
	return func(d, n, m vec) {
		word(base|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s %s, %s, %s", name, d.gnu(), n.gnu(), m.gnu())
	}
}

func two(base uint32, name string) func(d, n vec) {
	return func(d, n vec) {
		word(base|uint32(n)<<5|uint32(d), "%s %s, %s", name, d.gnu(), n.gnu())
	}
}

// long makes an instruction whose destination's elements are twice as wide.
func long(base uint32, name, from string) func(d, n, m vec) {
	return func(d, n, m vec) {
		word(base|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s v%d.2d, v%d.%s, v%d.%s", name, int(d), int(n), from, int(m), from)
	}
}

var (
	fadd   = three(0x4E20D400, "fadd")
	fsub   = three(0x4EA0D400, "fsub")
	fmul   = three(0x6E20DC00, "fmul")
	fdiv   = three(0x6E20FC00, "fdiv")
	fcmgt  = three(0x6EA0E400, "fcmgt") // false for NaN
	fcmeq  = three(0x4E20E400, "fcmeq")
	faddp  = three(0x6E20D400, "faddp") // neighbours of n, then those of m
	mul32  = three(0x4EA09C00, "mul")
	fabs   = two(0x4EA0F800, "fabs")
	fneg   = two(0x6EA0F800, "fneg")
	fsqrt  = two(0x6EA1F800, "fsqrt")
	frintn = two(0x4E218800, "frintn") // to the nearest integer
	fcvtns = two(0x4E21A800, "fcvtns")
	scvtf  = two(0x4E21D800, "scvtf")
	umull  = long(0x2EA0C000, "umull", "2s")
	umull2 = long(0x6EA0C000, "umull2", "4s")
)

// fmlaElement is d += n · m[i].
func fmlaElement(d, n, m vec, i int) {
	w := 0x4F801000 | uint32(i&1)<<21 | uint32(m)<<16 | uint32(i>>1)<<11 | uint32(n)<<5 | uint32(d)
	word(w, "fmla %s, %s, v%d.s[%d]", d.gnu(), n.gnu(), int(m), i)
}

// sshr shifts integers to the right and keeps their sign.
func sshr(by int, d, n vec) {
	word(0x4F000400|uint32(64-by)<<16|uint32(n)<<5|uint32(d), "sshr %s, %s, #%d", d.gnu(), n.gnu(), by)
}

func shl(by int, d, n vec)  { ins("VSHL $%d, %s, %s", by, n.s4(), d.s4()) }
func ushr(by int, d, n vec) { ins("VUSHR $%d, %s, %s", by, n.s4(), d.s4()) }

// known makes an instruction that Go's assembler knows, of lanes or of bytes.
func known(name string, operand func(vec) string) func(d, n, m vec) {
	return func(d, n, m vec) { ins("%s %s, %s, %s", name, operand(m), operand(n), operand(d)) }
}

var (
	fmla  = known("VFMLA", vec.s4) // d += n · m
	fmls  = known("VFMLS", vec.s4) // d -= n · m
	add   = known("VADD", vec.s4)
	sub   = known("VSUB", vec.s4)
	uzp1  = known("VUZP1", vec.s4) // the even elements of n, then of m
	uzp2  = known("VUZP2", vec.s4)
	cmtst = known("VCMTST", vec.s4) // whether they have a bit in common
	and   = known("VAND", vec.b16)
	xor   = known("VEOR", vec.b16)
	pick  = known("VBSL", vec.b16) // d picks bits of n where it is 1, of m elsewhere
	put   = known("VBIT", vec.b16) // puts the bits of n into d where m is 1
	keep  = known("VBIF", vec.b16) // puts the bits of n into d where m is 0
)

func mov(d, n vec) { ins("VMOV %s, %s", n.b16(), d.b16()) }

func zero(d vec) { xor(d, d, d) }

// greatest is what AVX's VMAXPS gives: d = n where n > d, and d elsewhere,
// also where either is NaN and where both are zero; least is VMINPS.
func greatest(d, n pair) { choose(d, n, fcmgt) }

func least(d, n pair) {
	choose(d, n, func(mask, n, d vec) { fcmgt(mask, d, n) })
}

func choose(d, n pair, better func(mask, n, d vec)) {
	scope(func() {
		mask := newPair()
		each3(better, mask, n, d)
		each3(put, d, n, mask)
	})
}

// loadPair and storePair move eight lanes; step also moves the pointer on.
func loadPair(p pair, base string, offset int) {
	ins("FLDPQ %d(%s), (F%d, F%d)", offset, base, int(p[0]), int(p[1]))
}

func storePair(p pair, base string, offset int) {
	ins("FSTPQ (F%d, F%d), %d(%s)", int(p[0]), int(p[1]), offset, base)
}

func loadStep(p pair, base string) {
	ins("FLDPQ.P 32(%s), (F%d, F%d)", base, int(p[0]), int(p[1]))
}

func storeStep(p pair, base string) {
	ins("FSTPQ.P (F%d, F%d), 32(%s)", int(p[0]), int(p[1]), base)
}

// spread fills a register with one float in memory, and moves the pointer on.
func spread(v vec, base string) { ins("VLD1R.P 4(%s), [%s]", base, v.s4()) }
