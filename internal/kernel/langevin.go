package kernel

import "math"

// A Counter holds for each lane the Philox key and the first three counter
// words (stream, chain, step); the fourth is the group of four elements. In
// narrow blocks the last lanes have no meaning.
type Counter struct {
	Key0, Key1, Stream, Chain, Step [MaxWidth]uint32
}

// Noise adds Gaussian noise and clamps, on a block as wide as scale is long:
//
//	x[e][l] ← min(max(x[e][l] + scale[l]·z, lo), hi)
//
// where z is standard normal. The elements 4g … 4g+3 of lane l get their z
// from the four Philox words w of index g by Box and Muller's transform:
// with r = √(−2·ln u), u = (⌊w/2⁸⌋+1)/2²⁴ of words 0 and 2, and the angle
// θ = 2π·⌊w/2⁸⌋/2²⁴ of words 1 and 3, they are r₀cosθ₁, r₀sinθ₁, r₂cosθ₃,
// r₂sinθ₃. No |z| exceeds √(48·ln 2) = 5.77. A NaN stays NaN.
func Noise(x []float32, c *Counter, scale []float32, lo, hi float32) {
	checkWidth(len(scale))
	if len(x)%len(scale) != 0 {
		panic("kernel: Noise on a partial vector")
	}
	noise(x, c, scale, lo, hi)
}

// Descend takes a clipped gradient step and clamps, on a block as wide as eta,
// sumsq and clipped are long:
//
//	x ← min(max(x − eta[l]·min(max(g, −clip), clip), lo), hi)
//
// It adds g², unclipped, to sumsq[l] and 1 to clipped[l] for each |g| > clip.
// A NaN in g or x stays NaN.
func Descend(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	checkWidth(len(eta))
	if len(x)%len(eta) != 0 || len(g) != len(x) || len(sumsq) != len(eta) || len(clipped) != len(eta) {
		panic("kernel: Descend on unequal or partial vectors")
	}
	descend(x, g, eta, clip, lo, hi, sumsq, clipped)
}

// noiseGeneric perturbs the elements from first on, a multiple of four.
func noiseGeneric(x []float32, c *Counter, scale []float32, lo, hi float32, first int) {
	width := len(scale)
	n := len(x) / width
	for l := range width {
		key := [2]uint32{c.Key0[l], c.Key1[l]}
		for e := first; e < n; e += 4 {
			w := Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], uint32(e / 4)}, key)
			for j, z := range Normals(w) {
				if e+j < n {
					at := &x[(e+j)*width+l]
					*at = Flush(clamp(*at+float32(scale[l]*z), lo, hi))
				}
			}
		}
	}
}

// Normals turns four words into four standard normal numbers, as Noise does.
func Normals(w [4]uint32) (z [4]float32) {
	z[0], z[1] = boxMuller(w[0], w[1])
	z[2], z[3] = boxMuller(w[2], w[3])
	return z
}

func boxMuller(w0, w1 uint32) (float32, float32) {
	u := float64(w0>>8+1) / (1 << 24)
	r := math.Sqrt(-2 * Log(u))
	sin, cos := sincos(2 * math.Pi * float64(w1>>8) / (1 << 24))
	return float32(r * cos), float32(r * sin)
}

func descendGeneric(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	for i := range x {
		l := i % len(eta)
		sumsq[l] += float32(g[i] * g[i])
		if g[i] > clip || g[i] < -clip {
			clipped[l]++
		}
		x[i] = Flush(clamp(x[i]-float32(eta[l]*clamp(g[i], -clip, clip)), lo, hi))
	}
}

// clamp keeps NaN, as the builtin min and max do.
func clamp(v, lo, hi float32) float32 { return min(max(v, lo), hi) }
