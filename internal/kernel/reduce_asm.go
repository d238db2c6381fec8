//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// walk is what the assembly of this file reads. It goes over as many lanes as a
// register holds: of a wide block AVX2 and NEON do one half, and then the other.
type walk struct {
	to, a, b   unsafe.Pointer
	p, q, r    unsafe.Pointer // a value for each lane, or a weight for each vector of a run
	rows, run  int
	step, skip int // bytes from a vector to the next, and from the end of a run to the next row
}

// walk is the part that the runs say, of a block of a width.
func (r Rows) walk(width int) walk {
	return walk{rows: r.Rows, run: r.Run, step: 4 * width, skip: 4 * width * (r.Stride - r.Run)}
}

func at(v []float32, i int) unsafe.Pointer { return unsafe.Pointer(&v[i]) }

func (w *walk) call(kernel, lanes int) { callWalk((*byte)(unsafe.Pointer(w)), kernel, lanes) }

// The kernels that callWalk knows.
const (
	totalWalk = iota
	squaresWalk
	sumsWalk
	standardiseWalk
	centreWalk
	affineWalk
	poolWalk
)

func total(to, x []float32, r Rows) {
	if !assembly() {
		totalGeneric(to, x, r)
		return
	}
	lanes := register(len(to))
	for lane := 0; lane < len(to); lane += lanes {
		w := r.walk(len(to))
		w.to, w.a = at(to, lane), at(x, lane)
		w.call(totalWalk, lanes)
	}
}

func sumSquares(to, x, mean []float32, r Rows) {
	if !assembly() {
		squaresGeneric(to, x, mean, r)
		return
	}
	lanes := register(len(to))
	for lane := 0; lane < len(to); lane += lanes {
		w := r.walk(len(to))
		w.to, w.a, w.p = at(to, lane), at(x, lane), at(mean, lane)
		w.call(squaresWalk, lanes)
	}
}

func sums(to, dot, a, b []float32, r Rows) {
	if !assembly() {
		sumsGeneric(to, dot, a, b, r)
		return
	}
	lanes := register(len(to))
	for lane := 0; lane < len(to); lane += lanes {
		w := r.walk(len(to))
		w.to, w.p, w.a, w.b = at(to, lane), at(dot, lane), at(a, lane), at(b, lane)
		w.call(sumsWalk, lanes)
	}
}

func standardise(y, x, mean, scale []float32, r Rows) {
	if !assembly() {
		standardiseGeneric(y, x, mean, scale, r)
		return
	}
	lanes := register(len(mean))
	for lane := 0; lane < len(mean); lane += lanes {
		w := r.walk(len(mean))
		w.to, w.a, w.p, w.q = at(y, lane), at(x, lane), at(mean, lane), at(scale, lane)
		w.call(standardiseWalk, lanes)
	}
}

func centre(dx, x, mean, slope, scale []float32, r Rows) {
	if !assembly() {
		centreGeneric(dx, x, mean, slope, scale, r)
		return
	}
	lanes := register(len(mean))
	for lane := 0; lane < len(mean); lane += lanes {
		w := r.walk(len(mean))
		w.to, w.a, w.b = at(dx, lane), at(dx, lane), at(x, lane)
		w.p, w.q, w.r = at(mean, lane), at(slope, lane), at(scale, lane)
		w.call(centreWalk, lanes)
	}
}

func affine(width int, y, x, weight, bias []float32) {
	if !assembly() || len(x) == 0 {
		affineGeneric(width, y, x, weight, bias)
		return
	}
	channels := len(weight)
	r := Rows{Rows: len(x) / (channels * width), Run: channels, Stride: channels}
	lanes := register(width)
	for lane := 0; lane < width; lane += lanes {
		w := r.walk(width)
		w.to, w.a, w.p, w.q = at(y, lane), at(x, lane), at(weight, 0), at(bias, 0)
		w.call(affineWalk, lanes)
	}
}

// window is what the assembly of Pool reads; strides are in bytes.
type window struct {
	to, x      unsafe.Pointer
	n, step    int
	rows, cols int
	row, col   int
	scale      float32
}

func pool(width int, y, x []float32, n int, w Window, scale float32) {
	if !assembly() {
		poolGeneric(width, y, x, n, w, scale)
		return
	}
	lanes := register(width)
	for lane := 0; lane < width; lane += lanes {
		a := window{at(y, lane), at(x, lane), n, 4 * width, w.Rows, w.Cols, 4 * width * w.Row, 4 * width * w.Col, scale}
		callWalk((*byte)(unsafe.Pointer(&a)), poolWalk, lanes)
	}
}

func keep(width int, d []float32, c *Counter, first, drop uint32, scale float32) {
	groups := len(d) / (4 * width)
	if !assembly() {
		groups = 0
	}
	for lane := 0; groups > 0 && lane < width; lane += Width {
		keep8(&d[lane], groups, 4*width, (*byte)(unsafe.Pointer(&c.Key0[lane])), first, drop, scale)
	}
	keepGeneric(width, d, c, first, drop, scale, groups)
}
