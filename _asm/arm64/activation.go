package main

// sigmoid writes y = σ and σ·(1−σ); see silu.
func (c *siluConstants) sigmoid(_, u, q, _ pair, y, d string) {
	each3(fmul, u, u, q)
	each3(fmul, q, q, c.down)
	storeStep(q, y)
	each3(fmul, u, u, q)
	storeStep(u, d)
}

// tanh writes y = 1 − 2·(1−σ) and 4·σ·(1−σ) for σ of 2x.
func (c *siluConstants) tanh(_, u, q, v pair, y, d string) {
	each3(fmul, u, u, q)
	each2(mov, v, c.one)
	scope(func() {
		two := newPair()
		each3(fadd, two, c.one, c.one)
		each3(fmls, v, two, u)
		storeStep(v, y)
		each3(fadd, two, two, two)
		each3(fmul, two, two, c.down)
		each3(fmul, q, q, two)
	})
	each3(fmul, u, u, q)
	storeStep(u, d)
}

// leaky writes d = 1 where x > 0 and slope elsewhere, and y = d·x. A NaN goes into
// both.
func leaky() {
	at := text("leakyNEON", "is LeakyReLU on n vectors.",
		param{"y", "*float32", 8}, param{"d", "*float32", 8}, param{"x", "*float32", 8}, param{"n", "int", 8}, param{"slope", "float32", 4})
	enter()
	y, d, x, n, consts := arg(at["y"]), arg(at["d"]), arg(at["x"]), arg(at["n"]), pool()
	one, none, slope := newVec(), newVec(), newVec()
	load(one, consts, float(1))
	zero(none)
	broadcast(slope, at["slope"])
	label("loop")
	v, by, number := newPair(), newPair(), newPair()
	loadStep(v, x)
	each3(fcmgt, by, v, both(none))
	each3(pick, by, both(one), both(slope))
	each3(fcmeq, number, v, v)
	each3(keep, by, v, number)
	each3(fmul, v, v, by)
	storeStep(v, y)
	storeStep(by, d)
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	leave()
}
