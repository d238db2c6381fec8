package kernel

// The kernels here take eight lanes at a time, whose sums are variables of their
// own: the compiler keeps those in registers, but not the elements of an array.
// It may also join a product and a sum into one rounding, unless the product is
// converted: that is why float32 stands before some.

func convGeneric(width int, y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	step := 4
	for o := range w.Out {
		if o >= w.Out&^3 {
			step = 1
		}
		row := w.Data[w.Index(o, 0):]
		for _, p := range px {
			for first := 0; first < width; first += Width {
				acc := convEight(x[int(p.X)*width+first:], row, bias[o], width, step, &t)
				finish(y, mask, (int(p.Y)+o)*width+first, &acc)
			}
		}
	}
}

// finish writes eight lanes of an output, times the mask if there is one.
func finish(y, mask []float32, at int, acc *[Width]float32) {
	if mask != nil {
		m := (*[Width]float32)(mask[at:])
		for l := range acc {
			acc[l] *= m[l]
		}
	}
	out := (*[Width]float32)(y[at:])
	for l := range acc {
		out[l] = Flush(acc[l])
	}
}

// convEight computes eight lanes of one pixel and channel, whose weights stand in
// row, step apart.
func convEight(x, row []float32, bias float32, width, step int, t *Taps) [Width]float32 {
	a0, a1, a2, a3, a4, a5, a6, a7 := bias, bias, bias, bias, bias, bias, bias, bias
	for r := range t.Rows {
		xr, wr := x[r*t.XStride*width:], row[(t.W+r*t.WStride)*step:]
		for i := range t.Run {
			w, v := wr[i*step], (*[Width]float32)(xr[i*width:])
			a0 += float32(w * v[0])
			a1 += float32(w * v[1])
			a2 += float32(w * v[2])
			a3 += float32(w * v[3])
			a4 += float32(w * v[4])
			a5 += float32(w * v[5])
			a6 += float32(w * v[6])
			a7 += float32(w * v[7])
		}
	}
	return [Width]float32{a0, a1, a2, a3, a4, a5, a6, a7}
}

func outerGeneric(grad, high, dy, x []float32, no, ni int, r Rect, p Part) {
	width := Width
	if high != nil {
		width = MaxWidth
	}
	for o := range no {
		for i := range ni {
			for first, sum := 0, grad; first < width; first, sum = first+Width, high {
				var a [Width]float32
				kept := (4*i+o)*width + first
				if p.Begun {
					a = [Width]float32(p.Sums[kept:])
				}
				outerEight(&a, dy[o*width+first:], x[i*width+first:], width, &r)
				if p.GoesOn {
					copy(p.Sums[kept:], a[:])
					continue
				}
				at := &sum[4*i+o]
				*at = Flush(*at + SumLanes(&a))
			}
		}
	}
}

// outerEight adds the products of eight lanes over the rectangle to their sums.
func outerEight(sums *[Width]float32, dy, x []float32, width int, r *Rect) {
	a0, a1, a2, a3, a4, a5, a6, a7 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	for row := range r.Rows {
		for col := range r.Cols {
			d := (*[Width]float32)(dy[(row*r.DyRow+col*r.DyCol)*width:])
			v := (*[Width]float32)(x[(row*r.XRow+col*r.XCol)*width:])
			a0 += float32(d[0] * v[0])
			a1 += float32(d[1] * v[1])
			a2 += float32(d[2] * v[2])
			a3 += float32(d[3] * v[3])
			a4 += float32(d[4] * v[4])
			a5 += float32(d[5] * v[5])
			a6 += float32(d[6] * v[6])
			a7 += float32(d[7] * v[7])
		}
	}
	*sums = [Width]float32{a0, a1, a2, a3, a4, a5, a6, a7}
}

// SumLanes adds the lanes by the tree ((0+1)+(2+3))+((4+5)+(6+7)).
func SumLanes(v *[Width]float32) float32 {
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))
}
