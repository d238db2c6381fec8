//go:build (!amd64 && !arm64) || purego

package kernel

// Widest returns the width of the widest blocks that the kernels in use have
// assembly for.
func Widest() int { return Width }

// Name returns the name of the kernels in use.
func Name() string { return "generic" }

func conv(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	convGeneric(width, y, x, w, bias, mask, t, px)
}

func convQuads(width int, y, x []float32, q *Quads, mask []float32, px []Pixel) {
	quadsGeneric(width, y, x, q, mask, px)
}

func outer(grad, high, dy, x []float32, no, ni int, r Rect, p Part) {
	outerGeneric(grad, high, dy, x, no, ni, r, p)
}

func silu(y, d, x []float32)  { siluGeneric(y, d, x) }
func relu(y, d, x []float32)  { reluGeneric(y, d, x) }
func mul(dst, a, b []float32) { mulGeneric(dst, a, b) }

func leaky(y, d, x []float32, slope float32) { leakyGeneric(y, d, x, slope) }
func sigmoid(y, d, x []float32)              { sigmoidGeneric(y, d, x) }
func tanh(y, d, x []float32)                 { tanhGeneric(y, d, x) }

func sub(dst, a, b []float32) { subGeneric(dst, a, b) }

func total(to, x []float32, r Rows) { totalGeneric(to, x, r) }

func sumSquares(to, x, mean []float32, r Rows) { squaresGeneric(to, x, mean, r) }
func sums(to, dot, a, b []float32, r Rows)     { sumsGeneric(to, dot, a, b, r) }

func standardise(y, x, mean, scale []float32, r Rows) { standardiseGeneric(y, x, mean, scale, r) }

func centre(dx, x, mean, slope, scale []float32, r Rows) {
	centreGeneric(dx, x, mean, slope, scale, r)
}

func affine(width int, y, x, w, b []float32) { affineGeneric(width, y, x, w, b) }

func pool(width int, y, x []float32, n int, w Window, scale float32) {
	poolGeneric(width, y, x, n, w, scale)
}

func add(dst, a, b []float32) { addGeneric(dst, a, b) }

func noise(x []float32, c *Counter, scale []float32, lo, hi float32) {
	noiseGeneric(x, c, scale, lo, hi, 0)
}

func descend(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	descendGeneric(x, g, eta, clip, lo, hi, sumsq, clipped)
}

func peak(rounds int) float64 { return peakGeneric(rounds) }

func keep(width int, d []float32, c *Counter, first, drop uint32, scale float32) {
	keepGeneric(width, d, c, first, drop, scale, 0)
}
