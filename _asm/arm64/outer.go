package main

import "fmt"

// stripFields are the offsets of the fields of kernel.strip.
var stripFields = map[string]int{
	"grad": 0, "dy": 8, "x": 16, "tiles": 24, "rows": 32, "cols": 40,
	"dyRow": 48, "dyCol": 56, "xRow": 64, "xCol": 72, "sums": 80, "begun": 88, "goesOn": 89,
}

// outer writes the weight gradient of a strip of tiles of four output
// channels × inputs channels over a rectangle of pixels. The lanes are summed
// in the registers, once a tile.
func outer(inputs int) {
	name := fmt.Sprintf("outer4x%d", inputs)
	at := text(name, fmt.Sprintf("is Outer for tiles of four channels of dy and %d of x.", inputs), param{"s", "*byte", 8})
	enter()
	s := arg(at["s"])
	get := func(field string, to ...string) string {
		to = append(to, "")
		if to[0] == "" {
			to[0] = gp()
		}
		ins("MOVD %d(%s), %s", stripFields[field], s, to[0])
		return to[0]
	}
	grad, xTile, tiles := get("grad"), get("x"), get("tiles")
	dyRow, dyCol, xRow, xCol := get("dyRow"), get("dyCol"), get("xRow"), get("xCol")
	dyNow, xNow, dy, x, rows, cols := gp(), gp(), gp(), gp(), gp(), gp()
	sums, flag := get("sums"), gp()
	acc := pairs(4 * inputs) // acc[c*inputs+i]

	label("tile")
	ins("MOVBU %d(%s), %s", stripFields["begun"], s, flag)
	startSums(acc, sums, flag)
	get("dy", dyNow)
	ins("MOVD %s, %s", xTile, xNow)
	get("rows", rows)
	label("row")
	ins("MOVD %s, %s", dyNow, dy)
	ins("MOVD %s, %s", xNow, x)
	get("cols", cols)
	label("col")
	scope(func() { outerPixel(acc, dy, x, inputs) })
	ins("ADD %s, %s", dyCol, dy)
	ins("ADD %s, %s", xCol, x)
	ins("SUBS $1, %s", cols)
	ins("BNE col")
	ins("ADD %s, %s", dyRow, dyNow)
	ins("ADD %s, %s", xRow, xNow)
	ins("SUBS $1, %s", rows)
	ins("BNE row")

	ins("MOVBU %d(%s), %s", stripFields["goesOn"], s, flag)
	ins("CBZ %s, fold", flag)
	for i, v := range acc {
		storePair(v, sums, vecBytes*i)
	}
	ins("ADD $%d, %s", 16*inputs, grad)
	ins("JMP kept")
	label("fold")
	for i := range inputs {
		fold([4]pair{acc[i], acc[inputs+i], acc[2*inputs+i], acc[3*inputs+i]}, grad)
	}
	label("kept")
	ins("ADD $%d, %s", vecBytes*len(acc), sums)
	ins("ADD $%d, %s", vecBytes*inputs, xTile)
	ins("SUBS $1, %s", tiles)
	ins("BNE tile")
	leave()
}

// startSums sets the sums to zero, or to those in memory where flag says that they
// have begun.
func startSums(acc []pair, sums, flag string) {
	ins("CBNZ %s, begun", flag)
	for _, v := range acc {
		zero(v[0])
		zero(v[1])
	}
	ins("JMP go")
	label("begun")
	for i, v := range acc {
		loadPair(v, sums, vecBytes*i)
	}
	label("go")
}

func outerPixel(acc []pair, dy, x string, inputs int) {
	xs := pairs(inputs)
	for i, v := range xs {
		loadPair(v, x, vecBytes*i)
	}
	for c := range 4 {
		scope(func() {
			d := newPair()
			loadPair(d, dy, vecBytes*c)
			for i, v := range xs {
				each3(fmla, acc[c*inputs+i], v, d)
			}
		})
	}
}

// fold adds the lane sums of four channels to their gradients of an input:
// neighbours within each half, twice, then the halves.
func fold(v [4]pair, grad string) {
	for h := range 2 {
		faddp(v[0][h], v[0][h], v[1][h])
		faddp(v[2][h], v[2][h], v[3][h])
		faddp(v[0][h], v[0][h], v[2][h])
	}
	sum, old := v[0][0], v[1][0]
	fadd(sum, sum, v[0][1])
	ins("FMOVQ (%s), F%d", grad, int(old))
	fadd(sum, old, sum)
	ins("FMOVQ.P F%d, 16(%s)", int(sum), grad)
}
