package kernel

import "math/bits"

// The constants of Philox4x32 (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011): two multipliers and two Weyl key increments.
const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9 // golden ratio
	philoxW1 = 0xBB67AE85 // sqrt(3) - 1
)

// Philox is Philox4x32-10: a bijection of the 128-bit counter under a 64-bit
// key whose four output words are independent uniform 32-bit integers.
func Philox(ctr [4]uint32, key [2]uint32) [4]uint32 {
	// In variables: the compiler keeps no array in registers.
	c0, c1, c2, c3, k0, k1 := ctr[0], ctr[1], ctr[2], ctr[3], key[0], key[1]
	for range 10 {
		hi0, lo0 := bits.Mul32(philoxM0, c0)
		hi1, lo1 := bits.Mul32(philoxM1, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += philoxW0
		k1 += philoxW1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// Unit maps a random word to [0, 1) in steps of 2⁻²⁴, the finest that
// float32 holds everywhere in that interval.
func Unit(w uint32) float32 { return float32(w>>8) * (1.0 / (1 << 24)) }
