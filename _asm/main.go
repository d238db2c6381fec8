// Command _asm writes the AVX2 kernels of internal/kernel. Run it by
// go generate ./internal/kernel.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range []struct{ channels, pixels int }{{4, 3}, {4, 2}, {8, 1}, {4, 1}, {1, 8}, {1, 1}} {
		conv(s.channels, s.pixels)
	}
	outer(3)
	outer(2)
	outer(1)
	silu()
	mul()
	add()
	noise()
	descend()
	peak()
	Generate()
}

// vec is one register of eight float32.
const vec = 32

// loadConst fetches a broadcast constant.
func broadcast(name string, bits uint32) Mem {
	m, ok := consts[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(bits))
		}
		consts[name] = m
	}
	return m
}

var consts = map[string]Mem{}

func field(a Mem, name string) Mem {
	return a.Offset(tileFields[name])
}

func regs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = YMM()
	}
	return v
}
