package main

import "math"

// counterField is the size of a field of kernel.Counter.
const counterField = 64

// noise writes Noise: Philox4x32-10 in every lane, Box and Muller's transform
// and the clamped sum, a group of four vectors at a time.
func noise() {
	at := text("noiseNEON", "is Noise on four vectors a turn, beginning with a group of four.",
		param{"x", "*float32", 8}, param{"turns", "int", 8}, param{"c", "*byte", 8}, param{"scale", "*float32", 8},
		param{"lo", "float32", 4}, param{"hi", "float32", 4}, param{"group", "uint32", 4})
	enter()
	x, turns, c, scaleAt, consts := arg(at["x"]), arg(at["turns"]), arg(at["c"]), arg(at["scale"]), pool()
	group := gp()
	ins("MOVWU %s, %s", at["group"], group)
	b := &boxMuller{consts}

	label("loop")
	w := pairs(4)
	for i := range 3 {
		loadPair(w[i], c, counterField*(2+i))
	}
	ins("VDUP %s, %s", group, w[3][0].s4())
	mov(w[3][1], w[3][0])
	w = philox(w, c, consts)
	for i := 0; i < 4; i += 2 {
		scope(func() {
			cos, sin := b.normals(w[i], w[i+1])
			lo, hi, scale := newVec(), newVec(), newPair()
			broadcast(lo, at["lo"])
			broadcast(hi, at["hi"])
			loadPair(scale, scaleAt, 0)
			for j, z := range []pair{cos, sin} {
				v := w[i+j]
				loadPair(v, x, vecBytes*(i+j))
				each3(fmla, v, z, scale)
				greatest(v, both(lo))
				least(v, both(hi))
				storePair(v, x, vecBytes*(i+j))
			}
		})
	}
	ins("ADD $%d, %s", 4*vecBytes, x)
	ins("ADDW $1, %s", group)
	ins("SUBS $1, %s", turns)
	ins("BNE loop")
	leave()
}

// broadcast fills a register with a float argument.
func broadcast(v vec, at string) {
	ins("FMOVS %s, F%d", at, int(v))
	ins("VDUP V%d.S[0], %s", int(v), v.s4())
}

// philox writes ten rounds of Philox4x32 on the counter w, and returns w in
// another order of its registers.
func philox(w []pair, c, pool string) []pair {
	scope(func() {
		key, low := pairs(2), pairs(2)
		loadPair(key[0], c, 0)
		loadPair(key[1], c, counterField)
		m, weyl, hi := vecs(2), vecs(2), newVec()
		load(m[0], pool, integer(0xD2511F53))
		load(m[1], pool, integer(0xCD9E8D57))
		load(weyl[0], pool, integer(0x9E3779B9))
		load(weyl[1], pool, integer(0xBB67AE85))
		a, b, lo := w[0], w[2], low // a and b are multiplied
		for round := range 10 {
			for i, v := range []pair{a, b} {
				for h := range 2 {
					umull(lo[i][h], v[h], m[i])
					umull2(hi, v[h], m[i])
					uzp2(v[h], lo[i][h], hi)
					uzp1(lo[i][h], lo[i][h], hi)
				}
			}
			each3(xor, w[1], w[1], b) // which is the high words now
			each3(xor, w[1], w[1], key[0])
			each3(xor, w[3], w[3], a)
			each3(xor, w[3], w[3], key[1])
			w = []pair{w[1], lo[1], w[3], lo[0]}
			lo = []pair{b, a}
			a, b = w[0], w[2]
			if round < 9 {
				each3(add, key[0], key[0], both(weyl[0]))
				each3(add, key[1], key[1], both(weyl[1]))
			}
		}
		// The scope's registers are given back.
		each2(mov, lo[0], w[1])
		each2(mov, lo[1], w[3])
		w[1], w[3] = lo[0], lo[1]
	})
	return w
}

// boxMuller takes its constants from the table.
type boxMuller struct{ pool string }

func (b *boxMuller) constant(v float64) pair { return b.at(float(v)) }

func (b *boxMuller) at(place int) pair {
	v := newVec()
	load(v, b.pool, place)
	return both(v)
}

// normals writes two normal numbers of two random words, into new registers.
func (b *boxMuller) normals(w0, w1 pair) (cosine, sine pair) {
	cosine, sine = newPair(), newPair()
	scope(func() {
		radius := newPair()
		scope(func() { b.radius(radius, w0) })
		s, c, q := b.angle(w1)
		swap, one, two := newPair(), b.at(integer(1)), b.at(integer(2))
		each3(cmtst, swap, q, one)
		each2(mov, cosine, swap)
		each3(pick, cosine, s, c)
		each2(mov, sine, swap)
		each3(pick, sine, c, s)
		sign := swap
		each3(add, sign, q, one)
		for _, v := range []struct{ value, quarter pair }{{cosine, sign}, {sine, q}} {
			each3(and, v.quarter, v.quarter, two)
			eachShift(shl, 30, v.quarter, v.quarter)
			each3(xor, v.value, v.value, v.quarter)
			each3(fmul, v.value, v.value, radius)
		}
	})
	return cosine, sine
}

// radius sets m to √(−2·ln u) for the uniform number u of a word.
func (b *boxMuller) radius(m, w0 pair) {
	// u = (⌊w0/2⁸⌋+1)/2²⁴ in (0, 1], exact in float32.
	u := newPair()
	eachShift(ushr, 8, u, w0)
	scope(func() { each3(add, u, u, b.at(integer(1))) })
	each2(scvtf, u, u)
	scope(func() { each3(fmul, u, u, b.constant(1.0/(1<<24))) })

	// ln u by Cephes's logf: u = 2ᵉ·m with √½ ≤ m < √2, ln u = e·ln 2 + ln m.
	exp, p, m2 := newPair(), newPair(), newPair()
	scope(func() { each3(sub, exp, u, b.at(integer(math.Float32bits(float32(math.Sqrt(0.5)))))) })
	eachShift(sshr, 23, exp, exp)
	eachShift(shl, 23, m, exp)
	each3(sub, m, u, m)
	each2(scvtf, exp, exp)
	scope(func() { each3(fsub, m, m, b.constant(1)) })
	p = b.polynomial(p, u, m, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1,
		1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	each3(fmul, m2, m, m)
	each3(fmul, p, p, m)
	each3(fmul, p, p, m2)
	scope(func() { each3(fmla, p, exp, b.constant(-2.12194440e-4)) })
	scope(func() { each3(fmls, p, m2, b.constant(0.5)) })
	each3(fadd, m, m, p)
	scope(func() { each3(fmla, m, exp, b.constant(0.693359375)) })
	scope(func() { each3(fmul, m, m, b.constant(-2)) })
	scope(func() {
		none := newVec()
		zero(none)
		greatest(m, both(none))
	})
	each2(fsqrt, m, m)
}

// polynomial returns one of p and t, which both change: a polynomial of x by
// Horner's rule.
func (b *boxMuller) polynomial(p, t, x pair, first float64, others ...float64) pair {
	fill := func(p pair, v float64) {
		for h := range 2 {
			load(p[h], b.pool, float(v))
		}
	}
	fill(p, first)
	for _, v := range others {
		fill(t, v)
		each3(fmla, t, p, x)
		p, t = t, p
	}
	return p
}

// angle returns the sine and cosine of an angle of at most an eighth of a
// turn, and the quarters by which they are to be turned for that of a word.
func (b *boxMuller) angle(w1 pair) (s, c, q pair) {
	s, c, q = newPair(), newPair(), newPair()
	t, a2, other := newPair(), newPair(), newPair()
	// The angle in turns is t = q/4 + f with |f| ≤ ⅛; sine and cosine of
	// 2πf by Cephes's polynomials, then turned by q quarters.
	eachShift(ushr, 8, t, w1)
	each2(scvtf, t, t)
	scope(func() { each3(fmul, t, t, b.constant(1.0/(1<<22))) })
	each2(frintn, q, t)
	each3(fsub, t, t, q)
	each2(fcvtns, q, q)
	scope(func() { each3(fmul, t, t, b.constant(math.Pi/2)) })
	each3(fmul, a2, t, t)
	s = b.polynomial(s, other, a2, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
	each3(fmul, s, s, a2)
	each2(mov, other, t)
	each3(fmla, other, s, t)
	s, other = other, s
	c = b.polynomial(c, other, a2, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
	each3(fmul, c, c, a2)
	each3(fmul, c, c, a2)
	scope(func() { each3(fmls, c, a2, b.constant(0.5)) })
	scope(func() { each3(fadd, c, c, b.constant(1)) })
	return s, c, q
}

// descend writes Descend.
func descend() {
	at := text("descendNEON", "is Descend on n vectors.",
		param{"x", "*float32", 8}, param{"grad", "*float32", 8}, param{"n", "int", 8}, param{"eta", "*float32", 8},
		param{"clip", "float32", 4}, param{"lo", "float32", 4}, param{"hi", "float32", 4},
		param{"sumsq", "*float32", 8}, param{"clipped", "*float32", 8})
	enter()
	x, g, n, etaAt := arg(at["x"]), arg(at["grad"]), arg(at["n"]), arg(at["eta"])
	sumAt, clippedAt, consts := arg(at["sumsq"]), arg(at["clipped"]), pool()
	clip, minus, lo, hi, one := newVec(), newVec(), newVec(), newVec(), newVec()
	broadcast(clip, at["clip"])
	broadcast(lo, at["lo"])
	broadcast(hi, at["hi"])
	fneg(minus, clip)
	load(one, consts, float(1))
	eta, sum, clipped := newPair(), newPair(), newPair()
	loadPair(eta, etaAt, 0)
	loadPair(sum, sumAt, 0)
	loadPair(clipped, clippedAt, 0)

	label("loop")
	gv, xv, t := newPair(), newPair(), newPair()
	loadStep(gv, g)
	loadPair(xv, x, 0)
	each3(fmla, sum, gv, gv)
	each2(fabs, t, gv)
	each3(fcmgt, t, t, both(clip))
	each3(and, t, t, both(one))
	each3(fadd, clipped, clipped, t)
	greatest(gv, both(minus))
	least(gv, both(clip))
	each3(fmls, xv, gv, eta)
	greatest(xv, both(lo))
	least(xv, both(hi))
	storeStep(xv, x)
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	storePair(sum, sumAt, 0)
	storePair(clipped, clippedAt, 0)
	leave()
}
