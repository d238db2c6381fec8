package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// walkFields are the offsets of the fields of kernel.walk.
var walkFields = map[string]int{"to": 0, "a": 8, "b": 16, "p": 24, "q": 32, "r": 40, "rows": 48, "run": 56, "step": 64, "skip": 72}

// A walk goes over the vectors of rows of runs, as many lanes of each as a register
// holds.
type walk struct {
	simd
	w          Mem
	step, skip reg.GPVirtual
	pointers   []reg.GPVirtual // those that move on with every vector
	mean       reg.VecVirtual  // of Squares
}

// newWalk begins a kernel that walks along the named fields.
func newWalk(s simd, name, of string, fields ...string) *walk {
	name = s.walkName(name)
	TEXT(name, NOSPLIT, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is %s for %d lanes.", name, of, s.bytes/4))
	enter()
	w := &walk{simd: s, w: Mem{Base: Load(Param("w"), GP64())}}
	w.step, w.skip = w.get("step"), w.get("skip")
	for _, f := range fields {
		w.pointers = append(w.pointers, w.get(f))
	}
	return w
}

// walkName is that of a kernel for the lanes of a register.
func (s simd) walkName(name string) string {
	if s.bytes > vec {
		return name + "16AVX512"
	}
	return name + "8"
}

func (w *walk) field(name string) Mem { return w.w.Offset(walkFields[name]) }

func (w *walk) get(name string) reg.GPVirtual {
	v := GP64()
	MOVQ(w.field(name), v)
	return v
}

// register loads the lanes that a field points to.
func (w *walk) register(name string) reg.VecVirtual {
	v := w.reg()
	VMOVUPS(Mem{Base: w.get(name)}, v)
	return v
}

// rows writes the loop over rows around one over runs.
func (w *walk) rows(run func(left reg.GPVirtual)) {
	rows := w.get("rows")
	Label("row")
	left := GP64()
	MOVQ(w.field("run"), left)
	run(left)
	for _, p := range w.pointers {
		ADDQ(w.skip, p)
	}
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// next moves the pointers on.
func (w *walk) next() {
	for _, p := range w.pointers {
		ADDQ(w.step, p)
	}
}

// reductions writes the kernels of reduce.go.
func reductions(s simd) {
	reduction(s, "total", "Total", []string{"to"}, []string{"a"}, func(w *walk, acc []reg.VecVirtual) {
		VADDPS(Mem{Base: w.pointers[0]}, acc[0], acc[0])
	})
	reduction(s, "squares", "Squares", []string{"to"}, []string{"a"}, func(w *walk, acc []reg.VecVirtual) {
		v := w.reg()
		VMOVUPS(Mem{Base: w.pointers[0]}, v)
		VSUBPS(w.mean, v, v)
		VMULPS(v, v, v)
		VADDPS(v, acc[0], acc[0])
	})
	reduction(s, "sums", "Sums", []string{"to", "p"}, []string{"a", "b"}, func(w *walk, acc []reg.VecVirtual) {
		v := w.reg()
		VMOVUPS(Mem{Base: w.pointers[0]}, v)
		VADDPS(v, acc[0], acc[0])
		VMULPS(Mem{Base: w.pointers[1]}, v, v)
		VADDPS(v, acc[1], acc[1])
	})
	standardise(s)
	centre(s)
	affine(s)
}

// reduction writes sums over vectors: each by four in turn.
func reduction(s simd, name, of string, to, fields []string, add func(w *walk, acc []reg.VecVirtual)) {
	w := newWalk(s, name, of, fields...)
	if name == "squares" {
		w.mean = w.register("p")
	}
	turns := make([][]reg.VecVirtual, 4) // the sums of each turn
	for i := range turns {
		turns[i] = s.regs(len(to))
		for _, v := range turns[i] {
			VXORPS(v.AsX(), v.AsX(), v.AsX())
		}
	}
	w.rows(func(left reg.GPVirtual) {
		SUBQ(Imm(4), left)
		JLT(LabelRef("few"))
		Label("four")
		for _, acc := range turns {
			add(w, acc)
			w.next()
		}
		SUBQ(Imm(4), left)
		JGE(LabelRef("four"))
		Label("few")
		ADDQ(Imm(4), left)
		JZ(LabelRef("end"))
		Label("one")
		add(w, turns[0])
		w.next()
		DECQ(left)
		JNZ(LabelRef("one"))
		Label("end")
	})
	for i, field := range to {
		VADDPS(turns[1][i], turns[0][i], turns[0][i])
		VADDPS(turns[3][i], turns[2][i], turns[2][i])
		VADDPS(turns[2][i], turns[0][i], turns[0][i])
		VMOVUPS(turns[0][i], Mem{Base: w.get(field)})
	}
	leave()
}

// each writes what is done with every vector.
func (w *walk) each(vector func()) {
	w.rows(func(left reg.GPVirtual) {
		Label("vector")
		vector()
		w.next()
		DECQ(left)
		JNZ(LabelRef("vector"))
	})
	leave()
}

func standardise(s simd) {
	w := newWalk(s, "standardise", "Standardise", "to", "a")
	mean, scale := w.register("p"), w.register("q")
	w.each(func() {
		v := w.reg()
		VMOVUPS(Mem{Base: w.pointers[1]}, v)
		VSUBPS(mean, v, v)
		VMULPS(scale, v, v)
		VMOVUPS(v, Mem{Base: w.pointers[0]})
	})
}

func centre(s simd) {
	w := newWalk(s, "centre", "Centre", "to", "b")
	mean, slope, scale := w.register("p"), w.register("q"), w.register("r")
	w.each(func() {
		v, x := w.reg(), w.reg()
		VMOVUPS(Mem{Base: w.pointers[0]}, v)
		VMULPS(Mem{Base: w.pointers[1]}, slope, x)
		VSUBPS(mean, v, v)
		VSUBPS(x, v, v)
		VMULPS(scale, v, v)
		VMOVUPS(v, Mem{Base: w.pointers[0]})
	})
}

// affine reads a weight and a bias for every vector of a run, the same in each row.
func affine(s simd) {
	w := newWalk(s, "affine", "Affine", "to", "a")
	w.rows(func(left reg.GPVirtual) {
		weight, bias := w.get("p"), w.get("q")
		Label("vector")
		v, by, plus := w.reg(), w.reg(), w.reg()
		VBROADCASTSS(Mem{Base: weight}, by)
		VBROADCASTSS(Mem{Base: bias}, plus)
		VMULPS(Mem{Base: w.pointers[1]}, by, v)
		VADDPS(plus, v, v)
		VMOVUPS(v, Mem{Base: w.pointers[0]})
		ADDQ(Imm(4), weight)
		ADDQ(Imm(4), bias)
		w.next()
		DECQ(left)
		JNZ(LabelRef("vector"))
	})
	leave()
}

// windowFields are the offsets of the fields of kernel.window.
var windowFields = map[string]int{"to": 0, "x": 8, "n": 16, "step": 24, "rows": 32, "cols": 40, "row": 48, "col": 56, "scale": 64}

// pool writes Pool.
func pool(s simd) {
	name := s.walkName("pool")
	TEXT(name, NOSPLIT, "func(w *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is Pool for %d lanes.", name, s.bytes/4))
	enter()
	w := Mem{Base: Load(Param("w"), GP64())}
	get := func(name string) reg.GPVirtual {
		v := GP64()
		MOVQ(w.Offset(windowFields[name]), v)
		return v
	}
	to, x, n, step, row, col := get("to"), get("x"), get("n"), get("step"), get("row"), get("col")
	scale := s.reg()
	VBROADCASTSS(w.Offset(windowFields["scale"]), scale)
	Label("vector")
	acc := s.reg()
	VXORPS(acc.AsX(), acc.AsX(), acc.AsX())
	rows, start := get("rows"), GP64()
	MOVQ(x, start)
	Label("row")
	cols, at := get("cols"), GP64()
	MOVQ(start, at)
	Label("col")
	VADDPS(Mem{Base: at}, acc, acc)
	ADDQ(col, at)
	DECQ(cols)
	JNZ(LabelRef("col"))
	ADDQ(row, start)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VMULPS(scale, acc, acc)
	VMOVUPS(acc, Mem{Base: to})
	ADDQ(step, to)
	ADDQ(step, x)
	DECQ(n)
	JNZ(LabelRef("vector"))
	leave()
}
