package main

import (
	"fmt"
	"math"
	"strings"
)

// code is what has been written so far.
var code strings.Builder

func ins(format string, args ...any) { fmt.Fprintf(&code, "\t"+format+"\n", args...) }
func label(name string)              { fmt.Fprintf(&code, "%s:\n", name) }

// A declaration is that of a function in Go.
type declaration struct{ name, signature, doc string }

var declared []declaration

// A param is an argument of a function, and its size in bytes.
type param struct {
	name, kind string
	size       int
}

// text begins a function and returns the places of its arguments. All
// registers are free.
func text(name, doc string, params ...param) map[string]string {
	nextGP, nextVec = 0, 0
	at, signature, offset := map[string]string{}, "", 0
	for i, p := range params {
		offset = (offset + p.size - 1) / p.size * p.size
		at[p.name] = fmt.Sprintf("%s+%d(FP)", p.name, offset)
		offset += p.size
		if i > 0 {
			signature += ", "
		}
		signature += p.name + " " + p.kind
	}
	declared = append(declared, declaration{name, "(" + signature + ")", name + " " + doc})
	fmt.Fprintf(&code, "\n// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, signature, name, offset)
	return at
}

// enter begins a kernel and leave ends it. In between subnormal numbers are
// zero, by bit 24 of the FPCR register, which Go code must never see. Go's
// calling convention (its abi-internal.md) has all bits clear, so nothing is
// saved. A signal's handler runs with what it finds; Go's does not compute
// with such numbers.
func enter() {
	t := gp()
	ins("MOVD $1<<24, %s", t)
	ins("MSR %s, FPCR", t)
	nextGP--
}

func leave() {
	ins("MSR ZR, FPCR")
	ins("RET")
}

// general are the registers that Go's assembly may use.
var general = strings.Fields("R0 R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15 R19 R20 R21 R22 R23 R24 R25")

var nextGP, nextVec int

func gp() string {
	nextGP++
	return general[nextGP-1]
}

// arg loads an argument.
func arg(at string) string {
	r := gp()
	ins("MOVD %s, %s", at, r)
	return r
}

// A vec is a vector register.
type vec int

func (v vec) s4() string  { return fmt.Sprintf("V%d.S4", int(v)) }
func (v vec) b16() string { return fmt.Sprintf("V%d.B16", int(v)) }
func (v vec) gnu() string { return fmt.Sprintf("v%d.4s", int(v)) }

func vecs(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = newVec()
	}
	return v
}

func newVec() vec {
	nextVec++
	if nextVec > 32 {
		panic("there are no more than 32 registers")
	}
	return vec(nextVec - 1)
}

// scope frees the vector registers that f takes.
func scope(f func()) {
	saved := nextVec
	f()
	nextVec = saved
}

// A pair holds a vector of eight lanes.
type pair [2]vec

func newPair() pair { return pair{newVec(), newVec()} }

func pairs(n int) []pair {
	p := make([]pair, n)
	for i := range p {
		p[i] = newPair()
	}
	return p
}

// both uses one register for both halves.
func both(v vec) pair { return pair{v, v} }

func each2(op func(d, n vec), d, n pair) {
	for h := range 2 {
		op(d[h], n[h])
	}
}

func each3(op func(d, n, m vec), d, n, m pair) {
	for h := range 2 {
		op(d[h], n[h], m[h])
	}
}

func eachShift(op func(by int, d, n vec), by int, d, n pair) {
	for h := range 2 {
		op(by, d[h], n[h])
	}
}

// The table of constants: four times each, so that they fill a register.
var (
	table  []string
	places = map[string]int{}
)

// integer returns the place of a constant in the table.
func integer(v uint32) int {
	return entry(fmt.Sprintf("$0x%08x", v), v, v, v, v)
}

func float(v float64) int { return integer(math.Float32bits(float32(v))) }

// entry returns the place of four words in the table.
func entry(key string, words ...uint32) int {
	at, ok := places[key]
	if !ok {
		at = 4 * len(table)
		places[key] = at
		for _, w := range words {
			table = append(table, fmt.Sprintf("$0x%08x", w))
		}
	}
	return at
}

// pool points a register at the table.
func pool() string {
	r := gp()
	ins("MOVD $constants<>(SB), %s", r)
	return r
}

// load fills a register with a constant.
func load(v vec, pool string, at int) { ins("FMOVQ %d(%s), F%d", at, pool, int(v)) }

// constants is the table as Go's assembler reads it.
func constants() string {
	s := ""
	for i, word := range table {
		s += fmt.Sprintf("DATA constants<>+%d(SB)/4, %s\n", 4*i, word)
	}
	return s + fmt.Sprintf("GLOBL constants<>(SB), RODATA|NOPTR, $%d\n", 4*len(table))
}
