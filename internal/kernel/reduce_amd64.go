//go:build !purego

package kernel

// register returns the lanes that a register holds for blocks of a width.
func register(width int) int {
	if level == avx512 {
		return width
	}
	return Width
}

// callWalk calls the assembly directly: through a function value its argument would
// escape to the heap.
func callWalk(w *byte, kernel, lanes int) {
	if lanes > Width {
		callWide(w, kernel)
		return
	}
	switch kernel {
	case totalWalk:
		total8(w)
	case squaresWalk:
		squares8(w)
	case sumsWalk:
		sums8(w)
	case standardiseWalk:
		standardise8(w)
	case centreWalk:
		centre8(w)
	case affineWalk:
		affine8(w)
	case poolWalk:
		pool8(w)
	}
}

func callWide(w *byte, kernel int) {
	switch kernel {
	case totalWalk:
		total16AVX512(w)
	case squaresWalk:
		squares16AVX512(w)
	case sumsWalk:
		sums16AVX512(w)
	case standardiseWalk:
		standardise16AVX512(w)
	case centreWalk:
		centre16AVX512(w)
	case affineWalk:
		affine16AVX512(w)
	case poolWalk:
		pool16AVX512(w)
	}
}
