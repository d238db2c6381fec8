package main

import "fmt"

// vecBytes is the size of a vector of eight lanes.
const vecBytes = 32

// tileFields are the offsets of the fields of kernel.tile.
var tileFields = map[string]int{
	"y": 0, "x": 8, "w": 16, "bias": 24, "blocks": 32, "wBlock": 40,
	"rows": 48, "run": 56, "xSkip": 64, "wSkip": 72, "px": 80, "mask": 88, "groups": 96,
	"first": 104, "yRow": 112, "yCol": 120,
}

// unroll is the number of taps to a turn of the innermost loop.
const unroll = 4

// A tile is what conv works on: output channels × pixels, whose accumulators
// stay in registers, and the pointers that walk through memory.
type tile struct {
	channels, pixels     int
	acc                  []pair // acc[o*pixels+p]
	a, px, w, y, mask, t string
	x                    []string // of each pixel
	taps                 []string // of each packed block of weights
}

// conv writes the multiply-accumulate of a tile of output channels × pixels.
// Every input vector and every register of weights is loaded once a tile and
// used for all pixels or channels.
func conv(channels, pixels int) {
	name := fmt.Sprintf("conv%dx%d", channels, pixels)
	at := text(name, fmt.Sprintf("computes tiles of %d output channels × %d pixels.", channels, pixels), param{"a", "*byte", 8})
	enter()
	c := &tile{channels: channels, pixels: pixels, acc: pairs(channels * pixels)}
	c.a = arg(at["a"])
	c.px, c.w, c.y, c.mask, c.t = gp(), gp(), gp(), gp(), gp()
	bias, blocks, groups := gp(), gp(), gp()
	for range pixels {
		c.x = append(c.x, gp())
	}
	for range c.packed() {
		c.taps = append(c.taps, gp())
	}
	c.get("px", c.px)
	c.get("groups", groups)

	label("group")
	c.get("w", c.w)
	c.get("y", c.y)
	c.get("mask", c.mask)
	c.get("bias", bias)
	c.get("blocks", blocks)

	label("block")
	for o := range channels {
		first := c.acc[o*pixels]
		spread(first[0], bias)
		mov(first[1], first[0])
		for p := 1; p < pixels; p++ {
			each2(mov, c.acc[o*pixels+p], first)
		}
	}
	c.start()
	c.loops()

	label("store")
	c.store()
	c.get("wBlock", c.t)
	for range c.taps {
		ins("ADD %s, %s", c.t, c.w)
	}
	ins("SUBS $1, %s", blocks)
	ins("BNE block")
	ins("ADD $%d, %s", 8*pixels, c.px)
	ins("SUBS $1, %s", groups)
	ins("BNE group")
	leave()
}

// packed is the number of blocks of weights: fours of channels, or single ones.
func (c *tile) packed() int {
	if c.channels < 4 {
		return c.channels
	}
	return c.channels / 4
}

func (c *tile) get(field, to string) { ins("MOVD %d(%s), %s", tileFields[field], c.a, to) }

// start points to the first tap's inputs and weights.
func (c *tile) start() {
	base := c.taps[0]
	c.get("x", base)
	for p, x := range c.x {
		ins("MOVW %d(%s), %s", 8*p, c.px, x)
		ins("ADD %s<<5, %s, %s", x, base, x)
	}
	c.get("wBlock", c.t)
	ins("MOVD %s, %s", c.w, c.taps[0])
	for i, w := range c.taps[1:] {
		ins("ADD %s, %s, %s", c.t, c.taps[i], w)
	}
}

// loops writes the loops over a tile's taps, several a turn.
func (c *tile) loops() {
	rows, left, xSkip, wSkip := gp(), gp(), gp(), c.t
	c.get("rows", rows)
	ins("CBZ %s, store", rows)
	label("row")
	c.get("run", left)
	ins("SUBS $%d, %s", unroll, left)
	ins("BLT rest")
	label("taps")
	c.multiply(unroll)
	ins("SUBS $%d, %s", unroll, left)
	ins("BGE taps")
	label("rest")
	ins("ADDS $%d, %s", unroll, left)
	ins("BEQ rowEnd")
	label("tap")
	c.multiply(1)
	ins("SUBS $1, %s", left)
	ins("BNE tap")
	label("rowEnd")
	c.get("xSkip", xSkip)
	c.get("wSkip", wSkip)
	for _, x := range c.x {
		ins("ADD %s, %s", xSkip, x)
	}
	for _, w := range c.taps {
		ins("ADD %s, %s", wSkip, w)
	}
	ins("SUBS $1, %s", rows)
	ins("BNE row")
}

// multiply adds the products of some taps to the accumulators, and moves the
// pointers behind them.
func (c *tile) multiply(taps int) {
	step := 16 // bytes of a tap's weights
	if c.channels < 4 {
		step = 4
		scope(func() { c.multiplySingle(taps) })
	} else {
		for tap := range taps {
			scope(func() { c.multiplyFours(tap) })
		}
	}
	for _, x := range c.x {
		ins("ADD $%d, %s", taps*vecBytes, x)
	}
	for _, w := range c.taps {
		ins("ADD $%d, %s", taps*step, w)
	}
}

// multiplyFours does a tap of blocks of four channels.
func (c *tile) multiplyFours(tap int) {
	weights := vecs(len(c.taps))
	for i, w := range c.taps {
		ins("FMOVQ %d(%s), F%d", 16*tap, w, int(weights[i]))
	}
	inputs := pairs(c.pixels)
	for p, x := range c.x {
		loadPair(inputs[p], x, vecBytes*tap)
	}
	for o := range c.channels {
		for p, x := range inputs {
			fmlaPair(c.acc[o*c.pixels+p], x, weights[o/4], o%4)
		}
	}
}

// multiplySingle does four taps of single channels, or one; the weights of four
// fill a register.
func (c *tile) multiplySingle(taps int) {
	weights := vecs(len(c.taps))
	name := map[int]string{1: "FMOVS", 4: "FMOVQ"}[taps]
	for o, w := range c.taps {
		ins("%s (%s), F%d", name, w, int(weights[o]))
	}
	for tap := range taps {
		for p, x := range c.x {
			scope(func() {
				input := newPair()
				loadPair(input, x, vecBytes*tap)
				for o := range c.channels {
					fmlaPair(c.acc[o*c.pixels+p], input, weights[o], tap)
				}
			})
		}
	}
}

func fmlaPair(acc, x pair, weights vec, i int) {
	for h := range 2 {
		fmlaElement(acc[h], x[h], weights, i)
	}
}

// store writes the accumulators, times the mask if there is one.
func (c *tile) store() {
	at := c.x[0] // is done with
	each := func(base string, f func(acc pair, offset int)) {
		for p := range c.pixels {
			ins("MOVW %d(%s), %s", 8*p+4, c.px, at)
			ins("ADD %s<<5, %s, %s", at, base, at)
			for o := range c.channels {
				f(c.acc[o*c.pixels+p], vecBytes*o)
			}
		}
		ins("ADD $%d, %s", vecBytes*c.channels, base)
	}
	ins("CBZ %s, plain", c.mask)
	each(c.mask, func(acc pair, offset int) {
		scope(func() {
			m := newPair()
			loadPair(m, at, offset)
			each3(fmul, acc, acc, m)
		})
	})
	label("plain")
	each(c.y, func(acc pair, offset int) { storePair(acc, at, offset) })
}
