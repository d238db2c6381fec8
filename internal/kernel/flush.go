package kernel

import "math"

// Normal is the smallest normal number. Kernels take results of a smaller size
// for zero.
const Normal = 0x1p-126

// Flush returns zero for a subnormal number and any other as it is, as the
// assembly does for all that it reads and computes. The kernels in Go do so
// with what they write, so that no kernel meets such numbers again.
//
// An amd64 processor rounds first and an arm64 one looks at the exact result: if
// that is below Normal by less than half of its last place, the one keeps Normal
// and the other zero. This is the only number in which their kernels differ.
func Flush(v float32) float32 {
	// By its exponent: a comparison of the value depends on its sign, which
	// a processor cannot foresee.
	if math.Float32bits(v)&0x7f800000 == 0 {
		return 0
	}
	return v
}

// ftz returns v, or a zero with its sign where it is subnormal: what the assembly
// reads and writes.
func ftz(v float32) float32 {
	if -Normal < v && v < Normal {
		return float32(math.Copysign(0, float64(v)))
	}
	return v
}

// product, sum and difference give the bits of the assembly's instructions, in
// any package that is compiled: each is rounded on its own. What they are given
// is not subnormal where a kernel wrote it.
func product(a, b float32) float32    { return ftz(float32(ftz(a) * ftz(b))) }
func sum(a, b float32) float32        { return ftz(float32(ftz(a) + ftz(b))) }
func difference(a, b float32) float32 { return ftz(float32(ftz(a) - ftz(b))) }
