package kernel

import "math"

// SiLU sets y = x·σ(x) and d = its derivative σ(x)·(1 + x·(1−σ(x))), where σ
// is the logistic function (Ramachandran et al. 2017, arXiv:1710.05941). y has
// a relative error below 1e-6 where it is a normal number, d an absolute error
// below 1e-6 (it has a zero near −1.28). A NaN or an infinity in x gives a y
// or d that is not finite. All have one length, a multiple of Width; x may be
// the same as y or as d.
func SiLU(y, d, x []float32) {
	if len(y)%Width != 0 || len(d) != len(y) || len(x) != len(y) {
		panic("kernel: SiLU of unequal lengths")
	}
	silu(y, d, x)
}

// Mul sets dst = a·b, element by element. All have one length, a multiple of
// Width; they may be the same.
func Mul(dst, a, b []float32) {
	if len(dst)%Width != 0 || len(a) != len(dst) || len(b) != len(dst) {
		panic("kernel: Mul of unequal lengths")
	}
	mul(dst, a, b)
}

// Add sets dst = a+b, element by element, under Mul's conditions.
func Add(dst, a, b []float32) {
	if len(dst)%Width != 0 || len(a) != len(dst) || len(b) != len(dst) {
		panic("kernel: Add of unequal lengths")
	}
	add(dst, a, b)
}

// Sub sets dst = a−b, element by element, under Mul's conditions.
func Sub(dst, a, b []float32) {
	if len(dst)%Width != 0 || len(a) != len(dst) || len(b) != len(dst) {
		panic("kernel: Sub of unequal lengths")
	}
	sub(dst, a, b)
}

func siluGeneric(y, d, x []float32) {
	for i, v := range x {
		x := float64(v)
		s := 1 / (1 + math.Exp(-x))
		y[i] = Flush(float32(x * s))
		d[i] = Flush(float32(s * (1 + float64(x*(1-s)))))
	}
}

func mulGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = Flush(a[i] * b[i])
	}
}

func addGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = Flush(a[i] + b[i])
	}
}

func subGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = Flush(a[i] - b[i])
	}
}
