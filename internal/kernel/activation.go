package kernel

import "math"

// LeakyReLU sets y = x and d = 1 where x > 0, and y = slope·x and d = slope
// elsewhere, also at 0 (Maas, Hannun and Ng 2013). A NaN in x is one in y and in
// d. All have one length, a multiple of Width; x may be the same as y or as d.
// Every kernel gives the same bits.
func LeakyReLU(y, d, x []float32, slope float32) {
	checkActivation("LeakyReLU", y, d, x)
	leaky(y, d, x, slope)
}

// Sigmoid sets y = σ(x) = 1/(1+exp(−x)) and d = its derivative σ(x)·(1−σ(x)), under
// LeakyReLU's conditions. y has a relative error below 1e-6 where it is a normal
// number, and so has d for x up to 70.
func Sigmoid(y, d, x []float32) {
	checkActivation("Sigmoid", y, d, x)
	sigmoid(y, d, x)
}

// Tanh sets y = tanh x and d = its derivative 1−y², under LeakyReLU's conditions. y
// has an absolute error below 5e-7, d a relative one below 1e-6 for x up to 35.
func Tanh(y, d, x []float32) {
	checkActivation("Tanh", y, d, x)
	tanh(y, d, x)
}

func checkActivation(name string, y, d, x []float32) {
	if len(y)%Width != 0 || len(d) != len(y) || len(x) != len(y) {
		panic("kernel: " + name + " of unequal lengths")
	}
}

func leakyGeneric(y, d, x []float32, slope float32) {
	for i, v := range x {
		by := slope
		if v >= Normal {
			by = 1
		}
		y[i] = product(v, by)
		if v != v {
			by = v
		}
		d[i] = by
	}
}

func sigmoidGeneric(y, d, x []float32) {
	for i, v := range x {
		s := 1 / (1 + math.Exp(-float64(v)))
		rest := 1 / (1 + math.Exp(float64(v)))
		y[i], d[i] = Flush(float32(s)), Flush(float32(s*rest))
	}
}

func tanhGeneric(y, d, x []float32) {
	for i, v := range x {
		s := 1 / (1 + math.Exp(-2*float64(v)))
		rest := 1 / (1 + math.Exp(2*float64(v)))
		y[i], d[i] = Flush(float32(math.Tanh(float64(v)))), Flush(float32(4*s*rest))
	}
}
