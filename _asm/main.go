// Command _asm writes the AVX2 and AVX-512 kernels of internal/kernel. Run it by
// go generate ./internal/kernel.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	ConstraintExpr("amd64,!purego")
	for _, s := range []struct{ channels, pixels int }{{4, 3}, {4, 2}, {8, 1}, {4, 1}, {3, 4}, {1, 8}, {1, 1}} {
		conv(fmt.Sprintf("conv%dx%d", s.channels, s.pixels), avx2, s.channels, s.pixels)
	}
	quads("quads3", avx2, 3)
	quads("quads1", avx2, 1)
	for _, inputs := range []int{3, 2, 1} {
		outer(fmt.Sprintf("outer4x%d", inputs), avx2, inputs)
	}
	silu("siluAVX2", 2, avx2)
	mul()
	add()
	sub()
	relu()
	leaky()
	logistic("sigmoidAVX2", "Sigmoid", 2, siluKernel{simd: avx2, set: siluKernel.sigmoid})
	logistic("tanhAVX2", "Tanh", 2, siluKernel{simd: avx2, twice: true, set: siluKernel.tanh})
	reductions(avx2)
	pool(avx2)
	keep()
	noise("noiseAVX2", avx2, 1)
	descend("descendAVX2", avx2)
	peak("peakAVX2", avx2)
	for _, pairs := range []int{3, 2, 1} {
		conv512(pairs)
	}
	// Of blocks of sixteen images.
	for _, s := range []struct{ channels, pixels int }{{8, 3}, {8, 2}, {16, 1}, {8, 1}, {4, 6}, {4, 2}, {4, 1}, {3, 8}, {1, 8}, {1, 1}} {
		conv(fmt.Sprintf("wideConv%dx%dAVX512", s.channels, s.pixels), avx512, s.channels, s.pixels)
	}
	quads("wideQuads6AVX512", avx512, 6)
	quads("wideQuads1AVX512", avx512, 1)
	for _, inputs := range []int{6, 3, 2, 1} {
		outer(fmt.Sprintf("wideOuter4x%dAVX512", inputs), avx512, inputs)
	}
	noise("wideNoiseAVX512", avx512, 1)
	descend("wideDescendAVX512", avx512)
	outer512(3)
	silu("siluAVX512", 4, avx512)
	noise("noiseAVX512", avx512, 2)
	reductions(avx512)
	pool(avx512)
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
