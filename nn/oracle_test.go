package nn

import (
	"math"
	"slices"

	"github.com/joule-ml/joule/lane"
)

// oracleConv sums over the taps of each output.
func oracleConv(l LayerSpec, weight, bias, x []float64, in lane.Shape) ([]float64, lane.Shape) {
	k := l.Kernel
	out := lane.Shape{C: l.Out, H: (in.H+2*l.Padding-k)/l.Stride + 1, W: (in.W+2*l.Padding-k)/l.Stride + 1}
	y := make([]float64, out.Len())
	for j := range y {
		o, oy, ox := j/(out.H*out.W), j/out.W%out.H, j%out.W
		y[j] = bias[o]
		for w := range in.C * k * k {
			i, iy, ix := w/(k*k), oy*l.Stride-l.Padding+w/k%k, ox*l.Stride-l.Padding+w%k
			if iy >= 0 && iy < in.H && ix >= 0 && ix < in.W {
				y[j] += weight[o*in.C*k*k+w] * x[(i*in.H+iy)*in.W+ix]
			}
		}
	}
	return y, out
}

func oracleSum(a, b []float64) []float64 {
	y := slices.Clone(a)
	for i, v := range b {
		y[i] += v
	}
	return y
}

func oracleDistance(a, b []float64, power int) float64 {
	sum := 0.0
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	if power == 2 {
		return sum / float64(len(a))
	}
	return math.Sqrt(sum)
}

// oracleTransposed scatters each input over the outputs that it reaches.
func oracleTransposed(l LayerSpec, weight, bias, x []float64, in lane.Shape) ([]float64, lane.Shape) {
	side := func(v int) int { return (v-1)*l.Stride - 2*l.Padding + l.Kernel + l.OutputPadding }
	out := lane.Shape{C: l.Out, H: side(in.H), W: side(in.W)}
	y := make([]float64, out.Len())
	for o := range y {
		y[o] = bias[o/(out.H*out.W)]
	}
	for i := range x {
		c, iy, ix := i/(in.H*in.W), i/in.W%in.H, i%in.W
		for w := range out.C * l.Kernel * l.Kernel {
			o, oy, ox := w/(l.Kernel*l.Kernel), iy*l.Stride-l.Padding+w/l.Kernel%l.Kernel, ix*l.Stride-l.Padding+w%l.Kernel
			if oy >= 0 && oy < out.H && ox >= 0 && ox < out.W {
				y[(o*out.H+oy)*out.W+ox] += weight[c*out.C*l.Kernel*l.Kernel+w] * x[i]
			}
		}
	}
	return y, out
}

// oracleActivation applies an activation.
func oracleActivation(l LayerSpec, x []float64) []float64 {
	f := map[string]func(v float64) float64{
		SiLUType:      func(v float64) float64 { return v / (1 + math.Exp(-v)) },
		ReLUType:      func(v float64) float64 { return max(v, 0) },
		LeakyReLUType: func(v float64) float64 { return max(v, 0) + l.Slope*min(v, 0) },
		TanhType:      math.Tanh,
		SigmoidType:   func(v float64) float64 { return 1 / (1 + math.Exp(-v)) },
	}[l.Type]
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

// oracleScaled enlarges or averages.
func oracleScaled(l LayerSpec, x []float64, in lane.Shape) ([]float64, lane.Shape) {
	f, k, s := l.Factor, l.Kernel, l.Stride
	if s == 0 {
		s = k
	}
	out := lane.Shape{C: in.C, H: f * in.H, W: f * in.W}
	if l.Type == AvgPool2DType {
		out.H, out.W = (in.H-k)/s+1, (in.W-k)/s+1
	}
	y := make([]float64, out.Len())
	for i := range y {
		c, oy, ox := i/(out.H*out.W), i/out.W%out.H, i%out.W
		if l.Type == UpsampleType {
			y[i] = x[(c*in.H+oy/f)*in.W+ox/f]
		}
		for j := range k * k {
			y[i] += x[(c*in.H+oy*s+j/k)*in.W+ox*s+j%k] / float64(k*k)
		}
	}
	return y, out
}

// oracleNorm brings each group to mean 0 and variance 1.
func oracleNorm(groups int, weight, bias, x []float64) []float64 {
	y := make([]float64, len(x))
	size, plane := len(x)/groups, len(x)/len(weight)
	for from := 0; from < len(x); from += size {
		mean, square := 0.0, 0.0
		for _, v := range x[from : from+size] {
			mean += v / float64(size)
		}
		for _, v := range x[from : from+size] {
			square += (v - mean) * (v - mean) / float64(size)
		}
		for i := from; i < from+size; i++ {
			y[i] = weight[i/plane]*(x[i]-mean)/math.Sqrt(square+1e-5) + bias[i/plane]
		}
	}
	return y
}
