package main

import "math"

const (
	perOctave = 8 // entries of the table of powers
	siluLog   = float64(-perOctave * math.Log2E)
)

// silu writes y = x·σ(x) and its derivative; ../silu.go explains the steps.
func silu() { logistic("siluNEON", "SiLU", false, (*siluConstants).silu) }

// logistic writes an activation that is made of the logistic function of x, or of
// 2x, and what comes after that.
func logistic(name, of string, twice bool, after activation) {
	at := text(name, "is "+of+" on n vectors.",
		param{"y", "*float32", 8}, param{"d", "*float32", 8}, param{"x", "*float32", 8}, param{"n", "int", 8})
	enter()
	y, d, x, n, consts := arg(at["y"]), arg(at["d"]), arg(at["x"]), arg(at["n"]), pool()
	c := newSiluConstants(consts)
	c.twice = twice
	label("loop")
	c.body(x, y, d, after)
	ins("SUBS $1, %s", n)
	ins("BNE loop")
	leave()
}

type siluConstants struct {
	least, most, logs, logLo, magic, down, one pair
	exp                                        [4]vec
	seven, spread, bytes                       pair // make indices of bytes
	powers                                     vec  // the first of two registers
	twice                                      bool // z is 2x
}

// An activation writes y and d from v = x, u and q, see ../silu.go, with one more
// register. It may change all of them.
type activation func(c *siluConstants, v, u, q, spare pair, y, d string)

func newSiluConstants(pool string) *siluConstants {
	fill := func(at int) vec {
		v := newVec()
		load(v, pool, at)
		return v
	}
	one := func(v float64) pair { return both(fill(float(v))) }
	c := &siluConstants{}
	c.powers = newVec()
	low, high := powers()
	load(c.powers, pool, low)
	load(newVec(), pool, high)
	c.least, c.most = one(-103.97), one(70) // −150·ln 2
	c.logs, c.logLo = one(siluLog), one(siluLog-float64(float32(siluLog)))
	// Adding 1.5·2²³ rounds to an integer, which then stands in the lowest
	// bits; so does the exponent's bias for 2⁻²⁴.
	c.magic = one(1.5*(1<<23) + perOctave*(127-24))
	for i, v := range []float64{1.083962899616223e-4, 3.754126139049138e-3, 8.664340106648782e-2, 0.9999999816672671} {
		c.exp[i] = fill(float(v))
	}
	c.down, c.one = one(1.0/(1<<24)), one(1)
	c.seven = both(fill(integer(perOctave - 1)))
	c.spread = both(fill(integer(0x04040404)))
	c.bytes = both(fill(integer(0x03020100)))
	return c
}

// powers is the table of 2^(j/8) for j < 8, each less j in the bits that a
// shift by 20 puts j in.
func powers() (low, high int) {
	var words [perOctave]uint32
	for j := range words {
		mantissa := math.Float32bits(float32(math.Exp2(float64(j)/perOctave))) & (1<<23 - 1)
		words[j] = mantissa - uint32(j)<<20
	}
	return entry("powers", words[:4]...), entry("powers'", words[4:]...)
}

// body computes a vector and moves the pointers behind it.
func (c *siluConstants) body(x, y, d string, after activation) {
	scope(func() {
		v, z, t, f, p, u := newPair(), newPair(), newPair(), newPair(), newPair(), newPair()
		loadStep(v, x)
		if c.twice {
			each3(fadd, v, v, v)
		}
		each2(mov, z, v)
		greatest(z, c.least)
		least(z, c.most)

		// exp(−z) = 2^((m+f)/8) with m whole and |f| ≤ ½: the table gives
		// 2^(m mod 8 / 8), m's other bits the exponent.
		each2(mov, t, c.magic)
		each3(fmla, t, c.logs, z)
		each3(fsub, f, c.magic, t) // −m
		each3(fmla, f, c.logs, z)
		each3(fmla, f, c.logLo, z)
		power := z
		each3(and, power, t, c.seven)
		each3(mul32, power, power, c.spread)
		each3(add, power, power, c.bytes)
		for h := range 2 {
			look(power[h], c.powers, power[h])
		}
		eachShift(shl, 20, t, t)
		each3(add, power, power, t)
		// 2^(f/8) by the minimax polynomial.
		each2(mov, p, both(c.exp[0]))
		for _, coefficient := range c.exp[1:] {
			each2(mov, u, both(coefficient))
			each3(fmla, u, p, f)
			p, u = u, p
		}
		each3(fmul, u, power, p)
		q := p
		each3(fadd, q, u, c.down)
		each3(fdiv, q, c.one, q)
		after(c, v, u, q, f, y, d)
	})
}

// silu writes y = v·σ and σ + y·(1−σ).
func (c *siluConstants) silu(v, u, q, sigma pair, y, d string) {
	each3(fmul, v, v, q)
	each3(fmul, v, v, c.down)
	each3(fmul, u, u, q)
	each3(fmul, sigma, q, c.down)
	storeStep(v, y)
	each3(fmla, sigma, u, v)
	storeStep(sigma, d)
}

// look takes the bytes whose places in two registers n holds.
func look(d, first, n vec) {
	ins("VTBL %s, [V%d.B16, V%d.B16], %s", n.b16(), int(first), int(first)+1, d.b16())
}
