package main

import "fmt"

// quads writes ConvQuads for so many squares at a time: the registers hold the
// four outputs of each, which read the same vectors but have weights of their own,
// one register for all four. Where the kernel is odd, the first row of taps belongs
// to the upper outputs alone and the first column to the left ones.
func quads(pixels int) {
	name := fmt.Sprintf("quads%d", pixels)
	at := text(name, fmt.Sprintf("computes %d squares of four outputs.", pixels), param{"a", "*byte", 8})
	enter()
	c := &tile{channels: 4, pixels: pixels, acc: pairs(4 * pixels)}
	c.a = arg(at["a"])
	c.px, c.w, c.y, c.mask, c.t = gp(), gp(), gp(), gp(), gp()
	blocks, groups, rows := gp(), gp(), gp()
	for range pixels {
		c.x = append(c.x, gp())
	}
	c.taps = []string{gp()}
	c.get("px", c.px)
	c.get("groups", groups)

	label("group")
	c.get("w", c.w)
	c.get("y", c.y)
	c.get("mask", c.mask)
	c.get("blocks", blocks)
	label("block")
	for _, v := range c.acc {
		zero(v[0])
		zero(v[1])
	}
	c.start()
	c.get("rows", rows)
	c.get("first", c.t)
	ins("CBZ %s, row", c.t)
	c.along("corner", "first", 0)
	c.along("top", "run", 0, 1)
	c.nextRow()
	label("row")
	c.along("left", "first", 0, 2)
	c.along("taps", "run", 0, 1, 2, 3)
	c.nextRow()
	ins("SUBS $1, %s", rows)
	ins("BNE row")
	c.storeSquares()
	c.get("wBlock", c.t)
	ins("ADD %s, %s", c.t, c.w)
	ins("SUBS $1, %s", blocks)
	ins("BNE block")
	ins("ADD $%d, %s", 8*pixels, c.px)
	ins("SUBS $1, %s", groups)
	ins("BNE group")
	leave()
}

// along writes the loop over the taps of a row that some outputs read.
func (c *tile) along(name, run string, outputs ...int) {
	c.get(run, c.t)
	ins("CBZ %s, %sEnd", c.t, name)
	label(name)
	scope(func() {
		weights := newVec()
		ins("FMOVQ (%s), F%d", c.taps[0], int(weights))
		inputs := pairs(c.pixels)
		for p, x := range c.x {
			loadPair(inputs[p], x, 0)
			ins("ADD $%d, %s", vecBytes, x)
		}
		ins("ADD $16, %s", c.taps[0])
		for _, o := range outputs {
			for p, x := range inputs {
				fmlaPair(c.acc[o*c.pixels+p], x, weights, o)
			}
		}
	})
	ins("SUBS $1, %s", c.t)
	ins("BNE %s", name)
	label(name + "End")
}

func (c *tile) nextRow() {
	c.get("xSkip", c.t)
	for _, x := range c.x {
		ins("ADD %s, %s", c.t, x)
	}
}

// storeSquares is store for squares of outputs: those of a row lie yCol apart in
// memory, and the rows yRow.
func (c *tile) storeSquares() {
	at, row, col := c.x[0], gp(), gp()
	c.get("yRow", row)
	c.get("yCol", col)
	each := func(base string, f func(acc pair)) {
		for p := range c.pixels {
			ins("MOVW %d(%s), %s", 8*p+4, c.px, at)
			ins("ADD %s<<5, %s, %s", at, base, at)
			for o := range 4 {
				f(c.acc[o*c.pixels+p])
				switch o {
				case 0, 2:
					ins("ADD %s, %s", col, at)
				case 1:
					ins("ADD %s, %s", row, at)
					ins("SUB %s, %s", col, at)
				}
			}
		}
		ins("ADD $%d, %s", vecBytes, base)
	}
	ins("CBZ %s, plain", c.mask)
	each(c.mask, func(acc pair) {
		scope(func() {
			m := newPair()
			loadPair(m, at, 0)
			each3(fmul, acc, acc, m)
		})
	})
	label("plain")
	each(c.y, func(acc pair) { storePair(acc, at, 0) })
}
