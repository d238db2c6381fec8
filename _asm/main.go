// Command _asm writes the AVX2 and AVX-512 kernels of internal/kernel. Run it by
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
	silu("siluAVX2", 3, avx2)
	mul()
	add()
	relu()
	noise("noiseAVX2", avx2)
	descend()
	peak("peakAVX2", avx2)
	for _, pairs := range []int{3, 2, 1} {
		conv512(pairs)
	}
	outer512(3)
	silu("siluAVX512", 4, avx512)
	noise("noiseAVX512", avx512)
	peak("peakAVX512", avx512)
	Generate()
}

// vec is the size of eight float32.
const (
	vec      = 1 << vecShift
	vecShift = 5
)

// broadcast returns a constant that fills a register of any size.
func broadcast(name string, bits uint32) Mem {
	m, ok := consts[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range 16 {
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

func regs(n int) []reg.VecVirtual { return avx2.regs(n) }
