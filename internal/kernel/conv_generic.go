package kernel

func convGeneric(y, x []float32, w *Weights, bias, mask []float32, t Taps, px []Pixel) {
	step := 4
	for o := range w.Out {
		if o >= w.Out&^3 {
			step = 1
		}
		row := w.Data[w.Index(o, 0):]
		for _, p := range px {
			var acc [Width]float32
			for l := range acc {
				acc[l] = bias[o]
			}
			for r := range t.Rows {
				xr := x[int(p.X)+r*t.XStride:]
				for i := range t.Run {
					wi := row[(t.W+r*t.WStride+i)*step]
					v := (*[Width]float32)(xr[i*Width:])
					for l := range acc {
						acc[l] += wi * v[l]
					}
				}
			}
			if mask != nil {
				m := (*[Width]float32)(mask[int(p.Y)+o*Width:])
				for l := range acc {
					acc[l] *= m[l]
				}
			}
			out := (*[Width]float32)(y[int(p.Y)+o*Width:])
			for l := range acc {
				out[l] = Flush(acc[l])
			}
		}
	}
}

func outerGeneric(grad, dy, x []float32, no, ni int, r Rect) {
	for o := range no {
		for i := range ni {
			var acc [Width]float32
			for row := range r.Rows {
				for col := range r.Cols {
					d := (*[Width]float32)(dy[row*r.DyRow+col*r.DyCol+o*Width:])
					v := (*[Width]float32)(x[row*r.XRow+col*r.XCol+i*Width:])
					for l := range acc {
						acc[l] += d[l] * v[l]
					}
				}
			}
			at := &grad[4*i+o]
			*at = Flush(*at + SumLanes(&acc))
		}
	}
}

// SumLanes adds the lanes by the tree ((0+1)+(2+3))+((4+5)+(6+7)).
func SumLanes(v *[Width]float32) float32 {
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))
}
