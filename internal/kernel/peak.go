package kernel

import "runtime"

// Peak does rounds of multiply-adds that depend on nothing, as fast as the
// machine can, and returns the number of floating-point operations. Timed, it
// is the limit that the other kernels are measured against.
func Peak(rounds int) (flop float64) { return peak(rounds) }

func peakGeneric(rounds int) float64 {
	const x = 0.5
	var a [Width]float32
	for range rounds {
		for i := range a {
			a[i] += x * x
		}
	}
	runtime.KeepAlive(a) // or the compiler would drop the computation
	return float64(rounds) * (Width * 2)
}
