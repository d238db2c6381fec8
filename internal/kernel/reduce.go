package kernel

// The kernels here go over vectors of a block one by one. None joins a product and
// a sum into one rounding: those in Go give the bits of the assembly.

// Rows are runs of Run vectors, whose starts are Stride vectors apart: those of a
// group of channels in each pixel of an image, or a whole image in one run.
type Rows struct{ Rows, Run, Stride int }

// Total sets to[l] = Σ x over all vectors, for each lane l of a block as wide as to.
//
// Four sums take turns in each run, and vectors after the last whole four of a run
// go to the first sum; then they are added as (0+1)+(2+3).
func Total(to, x []float32, r Rows) {
	r.check(len(to), x)
	total(to, x, r)
}

// Squares sets to[l] = Σ (x − mean[l])², in Total's order.
func Squares(to, x, mean []float32, r Rows) {
	r.check(len(to), x)
	r.check(len(mean), x)
	sumSquares(to, x, mean, r)
}

// Sums sets to[l] = Σ a and dot[l] = Σ a·b, in Total's order.
func Sums(to, dot, a, b []float32, r Rows) {
	r.check(len(to), a)
	r.check(len(dot), b)
	sums(to, dot, a, b, r)
}

// Standardise sets y = (x − mean[l])·scale[l]; y may be x.
func Standardise(y, x, mean, scale []float32, r Rows) {
	r.check(len(mean), x)
	r.check(len(scale), y)
	standardise(y, x, mean, scale, r)
}

// Centre sets dx = (dx − mean[l] − x·slope[l])·scale[l].
func Centre(dx, x, mean, slope, scale []float32, r Rows) {
	r.check(len(mean), x)
	r.check(len(slope), x)
	r.check(len(scale), dx)
	centre(dx, x, mean, slope, scale, r)
}

// Affine sets y = x·w[c] + b[c] in each pixel of an image of len(w) channels c, on a
// block of the given width. y may be x.
func Affine(width int, y, x, w, b []float32) {
	checkWidth(width)
	if len(w) == 0 || len(b) != len(w) || len(x) != len(y) || len(x)%(len(w)*width) != 0 {
		panic("kernel: Affine of vectors that are no pixels")
	}
	affine(width, y, x, w, b)
}

// A Window is a rectangle of vectors, and the strides between its rows and columns.
type Window struct{ Rows, Cols, Row, Col int }

// Pool sets n vectors i, on a block of the given width, to
//
//	y[i][l] = scale · Σ_{r<Rows} Σ_{c<Cols} x[r·Row + c·Col + i][l]
//
// summed in that order.
func Pool(width int, y, x []float32, n int, w Window, scale float32) {
	checkWidth(width)
	switch {
	case w.Rows <= 0 || w.Cols <= 0:
		clear(y[:n*width])
	case n > 0:
		_, _ = y[n*width-1], x[((w.Rows-1)*w.Row+(w.Cols-1)*w.Col+n)*width-1]
		pool(width, y, x, n, w, scale)
	}
}

// check panics where the runs are not within x, or x is no block so wide.
func (r Rows) check(width int, x []float32) {
	checkWidth(width)
	if r.Rows < 1 || r.Run < 1 || r.Rows > 1 && r.Stride < r.Run || len(x) < ((r.Rows-1)*r.Stride+r.Run)*width {
		panic("kernel: runs of vectors beyond a block")
	}
}

// each calls f with the place of the first lane of every vector.
func (r Rows) each(width int, f func(at int)) {
	for row := range r.Rows {
		for i := range r.Run {
			f((row*r.Stride + i) * width)
		}
	}
}

func totalGeneric(to, x []float32, r Rows) {
	width := len(to)
	for l := range to {
		var a0, a1, a2, a3 float32
		for row := range r.Rows {
			v := x[row*r.Stride*width+l:]
			i := 0
			for ; i+4 <= r.Run; i += 4 {
				a0, a1 = sum(a0, v[i*width]), sum(a1, v[(i+1)*width])
				a2, a3 = sum(a2, v[(i+2)*width]), sum(a3, v[(i+3)*width])
			}
			for ; i < r.Run; i++ {
				a0 = sum(a0, v[i*width])
			}
		}
		to[l] = sum(sum(a0, a1), sum(a2, a3))
	}
}

func squaresGeneric(to, x, mean []float32, r Rows) {
	for l := range to {
		to[l] = r.sum(len(to), l, func(at int) float32 {
			d := difference(x[at], mean[l])
			return product(d, d)
		})
	}
}

func sumsGeneric(to, dot, a, b []float32, r Rows) {
	totalGeneric(to, a, r)
	for l := range dot {
		dot[l] = r.sum(len(to), l, func(at int) float32 { return product(a[at], b[at]) })
	}
}

// sum adds what f gives for a lane of every vector, in Total's order.
func (r Rows) sum(width, lane int, f func(at int) float32) float32 {
	var acc [4]float32
	for row := range r.Rows {
		at := row*r.Stride*width + lane
		for i := range r.Run {
			j := i & 3
			if i >= r.Run&^3 {
				j = 0
			}
			acc[j] = sum(acc[j], f(at))
			at += width
		}
	}
	return sum(sum(acc[0], acc[1]), sum(acc[2], acc[3]))
}

func standardiseGeneric(y, x, mean, scale []float32, r Rows) {
	r.each(len(mean), func(at int) {
		for l := range mean {
			y[at+l] = product(difference(x[at+l], mean[l]), scale[l])
		}
	})
}

func centreGeneric(dx, x, mean, slope, scale []float32, r Rows) {
	r.each(len(mean), func(at int) {
		for l := range mean {
			d := difference(dx[at+l], mean[l])
			dx[at+l] = product(difference(d, product(x[at+l], slope[l])), scale[l])
		}
	})
}

func affineGeneric(width int, y, x, w, b []float32) {
	for i := range y {
		c := i / width % len(w)
		y[i] = sum(product(x[i], w[c]), b[c])
	}
}

func poolGeneric(width int, y, x []float32, n int, w Window, scale float32) {
	for i := range n * width {
		var acc float32
		for r := range w.Rows {
			for c := range w.Cols {
				acc = sum(acc, x[(r*w.Row+c*w.Col)*width+i])
			}
		}
		y[i] = product(acc, scale)
	}
}
