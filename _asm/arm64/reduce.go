package main

// walkFields are the offsets of the fields of kernel.walk.
var walkFields = map[string]int{"to": 0, "a": 8, "b": 16, "p": 24, "q": 32, "r": 40, "rows": 48, "run": 56, "step": 64, "skip": 72}

// A walk goes over the vectors of rows of runs, eight lanes of each.
type walk struct {
	w          string
	step, skip string
	pointers   []string // those that move on with every vector
	mean       pair     // of Squares
}

// newWalk begins a kernel that walks along the named fields.
func newWalk(name, of string, fields ...string) *walk {
	at := text(name, "is "+of+" for eight lanes.", param{"w", "*byte", 8})
	enter()
	w := &walk{w: arg(at["w"])}
	w.step, w.skip = w.get("step"), w.get("skip")
	for _, f := range fields {
		w.pointers = append(w.pointers, w.get(f))
	}
	return w
}

func (w *walk) get(name string) string { return w.load(name, gp()) }

func (w *walk) load(name, to string) string {
	ins("MOVD %d(%s), %s", walkFields[name], w.w, to)
	return to
}

// lanes loads the eight lanes that a field points to.
func (w *walk) lanes(name string) pair {
	v := newPair()
	loadPair(v, w.get(name), 0)
	return v
}

// rows writes the loop over rows around one over runs.
func (w *walk) rows(run func(left string)) {
	rows, left := w.get("rows"), gp()
	label("row")
	run(w.load("run", left))
	for _, p := range w.pointers {
		ins("ADD %s, %s", w.skip, p)
	}
	ins("SUBS $1, %s", rows)
	ins("BNE row")
}

// next moves the pointers on.
func (w *walk) next() {
	for _, p := range w.pointers {
		ins("ADD %s, %s", w.step, p)
	}
}

// reductions writes the kernels of reduce.go.
func reductions() {
	reduction("total8", "Total", []string{"to"}, []string{"a"}, func(w *walk, acc []pair) {
		v := newPair()
		loadPair(v, w.pointers[0], 0)
		each3(fadd, acc[0], acc[0], v)
	})
	reduction("squares8", "Squares", []string{"to"}, []string{"a"}, func(w *walk, acc []pair) {
		v := newPair()
		loadPair(v, w.pointers[0], 0)
		each3(fsub, v, v, w.mean)
		each3(fmul, v, v, v)
		each3(fadd, acc[0], acc[0], v)
	})
	reduction("sums8", "Sums", []string{"to", "p"}, []string{"a", "b"}, func(w *walk, acc []pair) {
		u, v := newPair(), newPair()
		loadPair(u, w.pointers[0], 0)
		loadPair(v, w.pointers[1], 0)
		each3(fadd, acc[0], acc[0], u)
		each3(fmul, u, u, v)
		each3(fadd, acc[1], acc[1], u)
	})
	standardise()
	centre()
	affine()
}

// reduction writes sums over vectors: each by four in turn.
func reduction(name, of string, to, fields []string, add func(w *walk, acc []pair)) {
	w := newWalk(name, of, fields...)
	if name == "squares8" {
		w.mean = w.lanes("p")
	}
	turns := make([][]pair, 4) // the sums of each turn
	for i := range turns {
		turns[i] = pairs(len(to))
		for _, v := range turns[i] {
			each3(xor, v, v, v)
		}
	}
	w.rows(func(left string) {
		ins("SUBS $4, %s", left)
		ins("BLT few")
		label("four")
		for _, acc := range turns {
			scope(func() { add(w, acc) })
			w.next()
		}
		ins("SUBS $4, %s", left)
		ins("BGE four")
		label("few")
		ins("ADDS $4, %s", left)
		ins("BEQ end")
		label("one")
		scope(func() { add(w, turns[0]) })
		w.next()
		ins("SUBS $1, %s", left)
		ins("BNE one")
		label("end")
	})
	for i, field := range to {
		each3(fadd, turns[0][i], turns[0][i], turns[1][i])
		each3(fadd, turns[2][i], turns[2][i], turns[3][i])
		each3(fadd, turns[0][i], turns[0][i], turns[2][i])
		storePair(turns[0][i], w.get(field), 0)
	}
	leave()
}

// each writes what is done with every vector.
func (w *walk) each(vector func()) {
	w.rows(func(left string) {
		label("vector")
		vector()
		w.next()
		ins("SUBS $1, %s", left)
		ins("BNE vector")
	})
	leave()
}

func standardise() {
	w := newWalk("standardise8", "Standardise", "to", "a")
	mean, scale, v := w.lanes("p"), w.lanes("q"), newPair()
	w.each(func() {
		loadPair(v, w.pointers[1], 0)
		each3(fsub, v, v, mean)
		each3(fmul, v, v, scale)
		storePair(v, w.pointers[0], 0)
	})
}

func centre() {
	w := newWalk("centre8", "Centre", "to", "b")
	mean, slope, scale, v, x := w.lanes("p"), w.lanes("q"), w.lanes("r"), newPair(), newPair()
	w.each(func() {
		loadPair(v, w.pointers[0], 0)
		loadPair(x, w.pointers[1], 0)
		each3(fmul, x, x, slope)
		each3(fsub, v, v, mean)
		each3(fsub, v, v, x)
		each3(fmul, v, v, scale)
		storePair(v, w.pointers[0], 0)
	})
}

// affine reads a weight and a bias for every vector of a run, the same in each row.
func affine() {
	w := newWalk("affine8", "Affine", "to", "a")
	v, by, plus := newPair(), newVec(), newVec()
	weight, bias := gp(), gp()
	w.rows(func(left string) {
		w.load("p", weight)
		w.load("q", bias)
		label("vector")
		spread(by, weight)
		spread(plus, bias)
		loadPair(v, w.pointers[1], 0)
		each3(fmul, v, v, both(by))
		each3(fadd, v, v, both(plus))
		storePair(v, w.pointers[0], 0)
		w.next()
		ins("SUBS $1, %s", left)
		ins("BNE vector")
	})
	leave()
}

// windowFields are the offsets of the fields of kernel.window.
var windowFields = map[string]int{"to": 0, "x": 8, "n": 16, "step": 24, "rows": 32, "cols": 40, "row": 48, "col": 56, "scale": 64}

// pool8 writes Pool.
func pool8() {
	at := text("pool8", "is Pool for eight lanes.", param{"w", "*byte", 8})
	enter()
	w := arg(at["w"])
	get := func(name, to string) string {
		ins("MOVD %d(%s), %s", windowFields[name], w, to)
		return to
	}
	to, x, n, step, row, col := get("to", gp()), get("x", gp()), get("n", gp()), get("step", gp()), get("row", gp()), get("col", gp())
	rows, start, cols, place := gp(), gp(), gp(), gp()
	scale, acc, v := newVec(), newPair(), newPair()
	ins("FMOVS %d(%s), F%d", windowFields["scale"], w, int(scale))
	ins("VDUP V%d.S[0], %s", int(scale), scale.s4())
	label("vector")
	each3(xor, acc, acc, acc)
	get("rows", rows)
	ins("MOVD %s, %s", x, start)
	label("row")
	get("cols", cols)
	ins("MOVD %s, %s", start, place)
	label("col")
	loadPair(v, place, 0)
	each3(fadd, acc, acc, v)
	ins("ADD %s, %s", col, place)
	ins("SUBS $1, %s", cols)
	ins("BNE col")
	ins("ADD %s, %s", row, start)
	ins("SUBS $1, %s", rows)
	ins("BNE row")
	each3(fmul, acc, acc, both(scale))
	storePair(acc, to, 0)
	ins("ADD %s, %s", step, to)
	ins("ADD %s, %s", step, x)
	ins("SUBS $1, %s", n)
	ins("BNE vector")
	leave()
}
