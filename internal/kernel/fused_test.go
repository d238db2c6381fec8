package kernel

import "math"

// What the assembly computes, operation by operation, in Go: every kernel in
// assembly must give these bits, whatever the processor. fuse joins a product and
// a sum into one rounding, as fused multiply-adds do; the generic kernels do not,
// which is why their bits are others.

// fuse returns a·b+c, rounded once. The product is exact in float64; the sum is
// rounded to odd there, so that rounding it again is harmless (Boldo and
// Melquiond 2008).
func fuse(a, b, c float32) float32 {
	p, d := float64(ftz(a))*float64(ftz(b)), float64(ftz(c))
	s := p + d
	back := s - p
	if err := (p - (s - back)) + (d - back); err != 0 && math.Float64bits(s)&1 == 0 && !math.IsInf(s, 0) && s == s {
		if (err > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return ftz(float32(s))
}

// above returns a bound where it is above v, and v elsewhere, also if that is NaN.
func above(v, bound float32) float32 {
	if bound > v {
		return bound
	}
	return v
}

func below(v, bound float32) float32 {
	if bound < v {
		return bound
	}
	return v
}

// horner evaluates a polynomial, the highest coefficient first.
func horner(x float32, coefficients ...float32) float32 {
	v := coefficients[0]
	for _, c := range coefficients[1:] {
		v = fuse(x, v, c)
	}
	return v
}

func convFused(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	for _, p := range px {
		for o := range w.Out {
			for l := range width {
				acc := bias[o]
				for r := range t.Rows {
					for i := range t.Run {
						at := (int(p.X)+r*t.XStride+i)*width + l
						acc = fuse(w.Data[w.Index(o, t.W+r*t.WStride+i)], x[at], acc)
					}
				}
				at := (int(p.Y)+o)*width + l
				if mask != nil {
					acc = product(acc, mask[at])
				}
				y[at] = ftz(acc)
			}
		}
	}
}

func outerFused(grad, high, dy, x []float32, no, ni int, r Rect) {
	width := Width
	if high != nil {
		width = MaxWidth
	}
	for first, dst := 0, grad; first < width; first, dst = first+Width, high {
		for o := range no {
			for i := range ni {
				var acc [Width]float32
				for row := range r.Rows {
					for col := range r.Cols {
						d, v := (row*r.DyRow+col*r.DyCol+o)*width+first, (row*r.XRow+col*r.XCol+i)*width+first
						for l := range acc {
							acc[l] = fuse(dy[d+l], x[v+l], acc[l])
						}
					}
				}
				for n := 1; n < Width; n *= 2 {
					for l := 0; l < Width; l += 2 * n {
						acc[l] = sum(acc[l], acc[l+n])
					}
				}
				dst[4*i+o] = sum(dst[4*i+o], acc[0])
			}
		}
	}
}

// logisticFused returns u = exp(−z)·2⁻²⁴ and q = 2²⁴·σ(z), as _asm/silu.go has it.
func logisticFused(z float32) (u, q float32) {
	logs := -8 * math.Log2E
	logHi := float32(logs)
	logLo := float32(logs - float64(logHi))
	magic := float32(1.5*(1<<23) + 8*(127-24))
	z = below(above(z, -103.97), 70)
	t := fuse(z, logHi, magic)
	f := sum(t, -magic)
	f = fuse(z, logHi, -f)
	f = fuse(z, logLo, f)
	bits := math.Float32bits(t)
	j := bits & 7
	table := math.Float32bits(float32(math.Exp2(float64(j)/8)))&(1<<23-1) - j<<20
	power := math.Float32frombits(table + bits<<20)
	p := horner(f, 1.083962899616223e-4, 3.754126139049138e-3, 8.664340106648782e-2, 0.9999999816672671)
	u = product(power, p)
	return u, ftz(1 / sum(u, down))
}

const down = 1.0 / (1 << 24)

func siluFused(y, d, x []float32) {
	for i, v := range x {
		u, q := logisticFused(v)
		y[i] = product(product(v, q), down)
		d[i] = fuse(y[i], product(u, q), product(q, down))
	}
}

func sigmoidFused(y, d, x []float32) {
	for i, v := range x {
		u, q := logisticFused(v)
		y[i] = product(q, down)
		d[i] = product(y[i], product(u, q))
	}
}

func tanhFused(y, d, x []float32) {
	for i, v := range x {
		u, q := logisticFused(sum(v, v))
		rest := product(u, q)
		y[i] = fuse(-2, rest, 1)
		d[i] = product(product(q, 4*down), rest)
	}
}

func noiseFused(x []float32, c *Counter, scale []float32, lo, hi float32) {
	width := len(scale)
	for l := range width {
		for e := 0; e < len(x)/width; e += 4 {
			w := Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], uint32(e / 4)}, [2]uint32{c.Key0[l], c.Key1[l]})
			var z [4]float32
			z[0], z[1] = boxMullerFused(w[0], w[1])
			z[2], z[3] = boxMullerFused(w[2], w[3])
			for j := range z {
				at := &x[(e+j)*width+l]
				*at = below(above(fuse(z[j], scale[l], *at), lo), hi)
			}
		}
	}
}

func boxMullerFused(w0, w1 uint32) (cosine, sine float32) {
	// The radius √(−2·ln u), by Cephes's logf.
	u := product(float32(w0>>8+1), 1.0/(1<<24))
	exponent := int32(math.Float32bits(u)-math.Float32bits(float32(math.Sqrt(0.5)))) >> 23
	e := float32(exponent)
	m := sum(math.Float32frombits(math.Float32bits(u)-uint32(exponent)<<23), -1)
	p := horner(m, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	m2 := product(m, m)
	p = product(m2, product(m, p))
	p = fuse(e, -2.12194440e-4, p)
	p = fuse(-m2, 0.5, p)
	logU := fuse(e, 0.693359375, sum(m, p))
	radius := float32(math.Sqrt(float64(above(product(logU, -2), 0))))

	// Sine and cosine of an eighth of a turn at most, turned by quarters.
	t := product(float32(w1>>8), 1.0/(1<<22))
	quarters := float32(math.RoundToEven(float64(t)))
	q := uint32(int32(quarters))
	t = product(sum(t, -quarters), math.Pi/2)
	a2 := product(t, t)
	s := fuse(t, product(horner(a2, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1), a2), t)
	c := product(product(horner(a2, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2), a2), a2)
	c = sum(fuse(-a2, 0.5, c), 1)
	if q&1 == 1 {
		s, c = c, s
	}
	turn := func(v float32, q uint32) float32 {
		return product(math.Float32frombits(math.Float32bits(v)^q&2<<30), radius)
	}
	return turn(c, q+1), turn(s, q)
}

func descendFused(x, g, eta []float32, clip, lo, hi float32, sumsq, clipped []float32) {
	for i := range x {
		l := i % len(eta)
		sumsq[l] = fuse(g[i], g[i], sumsq[l])
		if float32(math.Abs(float64(g[i]))) > clip {
			clipped[l]++
		}
		step := below(above(g[i], -clip), clip)
		x[i] = below(above(fuse(-step, eta[l], x[i]), lo), hi)
	}
}
