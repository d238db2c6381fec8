//go:build !amd64 || purego

package kernel

// Name returns the name of the kernels in use.
func Name() string { return "generic" }

func conv(y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	convGeneric(y, x, w, bias, mask, t, px)
}

func outer(grad, dy, x []float32, no, ni int, r Rect) {
	outerGeneric(grad, dy, x, no, ni, r)
}

func silu(y, d, x []float32)  { siluGeneric(y, d, x) }
func relu(y, d, x []float32)  { reluGeneric(y, d, x) }
func mul(dst, a, b []float32) { mulGeneric(dst, a, b) }

func add(dst, a, b []float32) { addGeneric(dst, a, b) }

func noise(x []float32, c *Counter, scale *[Width]float32, lo, hi float32) {
	noiseGeneric(x, c, scale, lo, hi, 0)
}

func descend(x, g []float32, eta *[Width]float32, clip, lo, hi float32, sumsq, clipped *[Width]float32) {
	descendGeneric(x, g, eta, clip, lo, hi, sumsq, clipped)
}

func peak(rounds int) float64 { return peakGeneric(rounds) }
