package main

// pairwise writes dst = a·b or dst = a+b.
func pairwise(name, of string, combine func(d, n, m vec)) {
	at := text(name+"NEON", "is "+of+" on n vectors.",
		param{"dst", "*float32", 8}, param{"a", "*float32", 8}, param{"b", "*float32", 8}, param{"n", "int", 8})
	enter()
	dst, a, b, n := arg(at["dst"]), arg(at["a"]), arg(at["b"]), arg(at["n"])
	u, v := newPair(), newPair()
	label("loop")
	loadStep(u, a)
	loadStep(v, b)
	each3(combine, u, u, v)
	storeStep(u, dst)
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	leave()
}

// relu writes y = max(x, 0) and d = 1 where x > 0 and 0 elsewhere. A NaN goes
// into both.
func relu() {
	at := text("reluNEON", "is ReLU on n vectors.",
		param{"y", "*float32", 8}, param{"d", "*float32", 8}, param{"x", "*float32", 8}, param{"n", "int", 8})
	enter()
	y, d, x, n, consts := arg(at["y"]), arg(at["d"]), arg(at["x"]), arg(at["n"]), pool()
	one, none := newVec(), newVec()
	load(one, consts, float(1))
	zero(none)
	label("loop")
	v, slope, number := newPair(), newPair(), newPair()
	loadStep(v, x)
	each3(fmul, v, v, both(one)) // a subnormal number becomes zero
	each3(fcmgt, slope, v, both(none))
	each3(and, slope, slope, both(one))
	each3(fcmeq, number, v, v)
	each3(keep, slope, v, number)
	greatest(v, both(none))
	storeStep(v, y)
	storeStep(slope, d)
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	leave()
}

// peak writes a loop of independent multiply-adds, enough to hide their
// latency of four cycles on four units.
func peak() {
	const independent = 24
	at := text("peakNEON", "does n rounds of 24 multiply-adds of four.", param{"n", "int", 8})
	n, consts := arg(at["n"]), pool()
	half := newVec()
	load(half, consts, float(0.5))
	acc := vecs(independent)
	for _, v := range acc {
		zero(v)
	}
	label("loop")
	for _, v := range acc {
		fmla(v, half, half)
	}
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	ins("RET")
}
