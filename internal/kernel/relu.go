package kernel

// ReLU sets y = max(x, 0) and d = its derivative, 1 where x > 0 and 0 elsewhere,
// also at 0 (Nair and Hinton 2010). A NaN in x is one in y and in d. All have
// one length, a multiple of Width; x may be the same as y or as d.
func ReLU(y, d, x []float32) {
	if len(y)%Width != 0 || len(d) != len(y) || len(x) != len(y) {
		panic("kernel: ReLU of unequal lengths")
	}
	relu(y, d, x)
}

func reluGeneric(y, d, x []float32) {
	for i, v := range x {
		switch {
		case v >= Normal:
			y[i], d[i] = v, 1
		case v < Normal:
			y[i], d[i] = 0, 0
		default: // NaN
			y[i], d[i] = v, v
		}
	}
}
