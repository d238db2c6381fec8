//go:build !purego

package kernel

import (
	"os"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// The kernels that there are; each has what those before it need.
const (
	generic = iota
	avx2
	avx512
)

var names = [...]string{generic: "generic", avx2: "avx2", avx512: "avx512"}

// level is decided once: the best that the processor has and JOULE_KERNEL
// allows. It is a variable for tests alone.
var level = func() int {
	l := generic
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		l = avx2
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW {
			l = avx512
		}
	}
	for i, name := range names {
		if os.Getenv("JOULE_KERNEL") == name {
			l = min(l, i)
		}
	}
	return l
}()

// assembled tells whether there is assembly for blocks of this width at the
// level in use.
func assembled(width int) bool {
	return level == avx512 || level == avx2 && width == Width
}

// Widest returns the width of the widest blocks that the kernels in use have
// assembly for.
func Widest() int {
	if level == avx512 {
		return MaxWidth
	}
	return Width
}

// assembly tells whether kernels in assembly are in use.
func assembly() bool { return level >= avx2 }

// Name returns the name of the kernels in use.
func Name() string { return names[level] }

func silu(y, d, x []float32) {
	if level < avx2 {
		siluGeneric(y, d, x)
		return
	}
	if n := len(x) / (2 * Width); level == avx512 && n > 0 {
		siluAVX512(&y[0], &d[0], &x[0], n)
		n *= 2 * Width
		y, d, x = y[n:], d[n:], x[n:]
	}
	if len(x) > 0 {
		siluAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func relu(y, d, x []float32) {
	if level < avx2 {
		reluGeneric(y, d, x)
	} else if len(x) > 0 {
		reluAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func leaky(y, d, x []float32, slope float32) {
	if level < avx2 {
		leakyGeneric(y, d, x, slope)
	} else if len(x) > 0 {
		leakyAVX2(&y[0], &d[0], &x[0], len(x)/Width, slope)
	}
}

func sigmoid(y, d, x []float32) {
	if level < avx2 {
		sigmoidGeneric(y, d, x)
	} else if len(x) > 0 {
		sigmoidAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func tanh(y, d, x []float32) {
	if level < avx2 {
		tanhGeneric(y, d, x)
	} else if len(x) > 0 {
		tanhAVX2(&y[0], &d[0], &x[0], len(x)/Width)
	}
}

func mul(dst, a, b []float32) {
	if level < avx2 {
		mulGeneric(dst, a, b)
	} else if len(dst) > 0 {
		mulAVX2(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func sub(dst, a, b []float32) {
	if level < avx2 {
		subGeneric(dst, a, b)
	} else if len(dst) > 0 {
		subAVX2(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func add(dst, a, b []float32) {
	if level < avx2 {
		addGeneric(dst, a, b)
	} else if len(dst) > 0 {
		addAVX2(&dst[0], &a[0], &b[0], len(dst)/Width)
	}
}

func noise(x []float32, c *Counter, scale []float32, lo, hi float32) {
	width := len(scale)
	groups, first := len(x)/(4*width), 0 // of four vectors, and those done
	key := (*byte)(unsafe.Pointer(c))
	switch {
	case groups == 0 || !assembled(width):
		groups = 0
	case width == MaxWidth:
		wideNoiseAVX512(&x[0], groups, key, &scale[0], lo, hi, 0)
	default:
		if level == avx512 && groups > 1 {
			first = groups &^ 1
			noiseAVX512(&x[0], first/2, key, &scale[0], lo, hi, 0)
		}
		if groups > first {
			noiseAVX2(&x[4*first*width], groups-first, key, &scale[0], lo, hi, uint32(first))
		}
	}
	noiseGeneric(x, c, scale, lo, hi, 4*groups)
}

func descend(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	switch {
	case !assembled(len(eta)):
		descendGeneric(x, g, eta, clip, lo, hi, sumsq, clipped)
	case len(x) == 0:
	case len(eta) == MaxWidth:
		wideDescendAVX512(&x[0], &g[0], len(x)/MaxWidth, &eta[0], clip, lo, hi, &sumsq[0], &clipped[0])
	default:
		descendAVX2(&x[0], &g[0], len(x)/Width, &eta[0], clip, lo, hi, &sumsq[0], &clipped[0])
	}
}

func peak(rounds int) float64 {
	if level < avx2 || rounds < 1 {
		return peakGeneric(rounds)
	}
	width := Width
	if level == avx512 {
		peakAVX512(rounds)
		width *= 2
	} else {
		peakAVX2(rounds)
	}
	return float64(rounds*12*width) * 2
}
