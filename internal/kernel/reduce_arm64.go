//go:build !purego

package kernel

// register returns the lanes that a pair of registers holds for blocks of a width.
func register(int) int { return Width }

// callWalk calls the assembly directly: through a function value its argument would
// escape to the heap.
func callWalk(w *byte, kernel, _ int) {
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
