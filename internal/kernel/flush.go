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
