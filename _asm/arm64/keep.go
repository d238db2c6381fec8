package main

// keep8 writes Keep: Philox4x32-10 in every lane, a group of four vectors at a time.
func keep8() {
	at := text("keep8", "is Keep for eight lanes, groups of four vectors that are step bytes apart.",
		param{"d", "*float32", 8}, param{"groups", "int", 8}, param{"step", "int", 8}, param{"c", "*byte", 8},
		param{"first", "uint32", 4}, param{"drop", "uint32", 4}, param{"scale", "float32", 4})
	enter()
	d, groups, step, c, consts := arg(at["d"]), arg(at["groups"]), arg(at["step"]), arg(at["c"]), pool()
	first, drop := gp(), gp()
	ins("MOVWU %s, %s", at["first"], first)
	ins("MOVWU %s, %s", at["drop"], drop)
	label("loop")
	w := pairs(4)
	for i := range 3 {
		loadPair(w[i], c, counterField*(2+i))
	}
	ins("VDUP %s, %s", first, w[3][0].s4())
	mov(w[3][1], w[3][0])
	w = philox(w, c, consts)
	scope(func() {
		least, scale, kept := newVec(), newVec(), newPair()
		ins("VDUP %s, %s", drop, least.s4())
		scvtf(least, least)
		broadcast(scale, at["scale"])
		for _, v := range w {
			eachShift(ushr, 8, v, v)
			each2(scvtf, v, v)
			each3(fcmgt, v, both(least), v) // what is dropped
			each3(xor, kept, kept, kept)
			each3(keep, kept, both(scale), v)
			storePair(kept, d, 0)
			ins("ADD %s, %s", step, d)
		}
	})
	ins("ADDW $1, %s", first)
	ins("SUBS $1, %s", groups)
	ins("BNE loop")
	leave()
}
