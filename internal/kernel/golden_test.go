package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"testing"
)

// golden is the hash of what all kernels compute in goldenBits, on every
// processor that has some in assembly.
const golden = "ac7f525c1fa4a4b38a6d835d5fb608a5"

// TestGolden holds the kernels in assembly to the same bits on all processors.
// Where a NaN stands is compared and what it holds is not, since processors
// differ there.
func TestGolden(t *testing.T) {
	if Name() == "generic" {
		t.Skip("the kernels in Go have bits of their own")
	}
	h := sha256.New()
	goldenBits(h)
	if got := fmt.Sprintf("%x", h.Sum(nil)[:16]); got != golden {
		t.Errorf("the kernels %s compute %s, want %s", Name(), got, golden)
	}
}

func goldenBits(h hash.Hash) {
	see := func(_ string, got []float32) {
		for _, v := range got {
			if v != v {
				v = float32(math.NaN())
			}
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
	}
	rng := rand.New(rand.NewPCG(14, 15))
	flushed(func() float32 { return float32(4*rng.Float32()) - 2 }, see)
	small := tiny(rng)
	flushed(func() float32 {
		v := small()
		if v == Normal || v == -Normal {
			v *= 1.5 // see flush.go
		}
		return v
	}, see)
	odd := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-40, -1e-40, math.MaxFloat32, -Normal}
	flushed(func() float32 {
		if i := rng.IntN(100); i < len(odd) {
			return odd[i]
		}
		return rng.Float32() - 0.5
	}, see)
	// SiLU on numbers of all sizes.
	x := make([]float32, 1<<14)
	for i := range x {
		x[i] = math.Float32frombits(uint32(i) * 262147)
	}
	y, d := make([]float32, len(x)), make([]float32, len(x))
	SiLU(y, d, x)
	see("SiLU", y)
	see("SiLU", d)
	clear(x)
	for _, lo := range []float32{-inf, 0} {
		Noise(x, counter(), spread(0.5), lo, inf)
		see("Noise", x)
	}
}
