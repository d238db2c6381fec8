package exchange

import (
	"math"
	"slices"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"pgregory.net/rapid"
)

// combine sets y = y op b, where b may lack dimensions of y, or have 1 in theirs.
func combine(op string, y, b array) {
	shape := append(slices.Repeat([]int{1}, len(y.shape)-len(b.shape)), b.shape...)
	for i := range y.data {
		at, stride, left, size := 0, len(b.data), i, len(y.data)
		for d, n := range y.shape {
			size /= n
			stride /= shape[d]
			if shape[d] > 1 {
				at += left / size * stride
			}
			left %= size
		}
		switch op {
		case "Mul":
			y.data[i] *= b.data[at]
		case "Add":
			y.data[i] += b.data[at]
		case "Sub":
			y.data[i] -= b.data[at]
		}
	}
}

// applyMore goes on with apply.
func applyMore(t failer, op string, in []array, attributes map[string][]int, fraction float64) array {
	x := in[0]
	y := array{slices.Clone(x.shape), slices.Clone(x.data)}
	switch op {
	case "LeakyRelu":
		for i, v := range x.data {
			y.data[i] = max(v, 0) + fraction*min(v, 0)
		}
	case "Tanh":
		for i, v := range x.data {
			y.data[i] = math.Tanh(v)
		}
	case "Shape":
		y = array{[]int{len(x.shape)}, nil}
		for _, d := range x.shape {
			y.data = append(y.data, float64(d))
		}
	case "Reshape":
		y.shape = nil
		rest, open := len(x.data), -1
		for i, v := range in[1].data {
			d := int(v)
			if d == 0 {
				d = x.shape[i]
			}
			if d < 0 {
				open, d = i, 1
			}
			rest /= d
			y.shape = append(y.shape, d)
		}
		if open >= 0 {
			y.shape[open] = rest
		}
	case "InstanceNormalization", "ReduceL2", "ReduceMean":
		return applyStatistics(op, x, fraction)
	default:
		return applyScaled(t, op, in, attributes)
	}
	return y
}

// applyStatistics goes on with what looks at many values at once.
func applyStatistics(op string, x array, fraction float64) array {
	y := array{slices.Clone(x.shape), slices.Clone(x.data)}
	switch op {
	case "InstanceNormalization":
		size := x.shape[2]
		for from := 0; from < len(x.data); from += size {
			mean, square := 0.0, 0.0
			for _, v := range x.data[from : from+size] {
				mean += v / float64(size)
			}
			for _, v := range x.data[from : from+size] {
				square += (v - mean) * (v - mean) / float64(size)
			}
			for i := from; i < from+size; i++ {
				y.data[i] = (x.data[i] - mean) / math.Sqrt(square+fraction)
			}
		}
	case "ReduceL2", "ReduceMean":
		n := x.shape[0]
		y = array{[]int{n, 1, 1, 1}, make([]float64, n)}
		for i, v := range x.data {
			if op == "ReduceL2" {
				y.data[i*n/len(x.data)] += v * v
			} else {
				y.data[i*n/len(x.data)] += v * float64(n) / float64(len(x.data))
			}
		}
		if op == "ReduceL2" {
			for i, v := range y.data {
				y.data[i] = math.Sqrt(v)
			}
		}
	}
	return y
}

// applyScaled goes on with what changes the size of images.
func applyScaled(t failer, op string, in []array, attributes map[string][]int) array {
	x := in[0]
	n, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	at := func(i, ch, y, x int) int { return ((i*c+ch)*h+y)*w + x }
	switch op {
	case "Resize":
		f := int(in[2].data[3])
		y := array{shape: []int{n, c, f * h, f * w}}
		for i := range n * c {
			for oy := range f * h {
				for ox := range f * w {
					y.data = append(y.data, x.data[at(0, i, oy/f, ox/f)])
				}
			}
		}
		return y
	case "AveragePool":
		k := attributes["kernel_shape"][0]
		share := array{[]int{c, c, k, k}, make([]float64, c*c*k*k)}
		for ch := range c {
			for j := range k * k {
				share.data[(ch*c+ch)*k*k+j] = 1 / float64(k*k)
			}
		}
		return convolve(x, share, array{data: make([]float64, c)}, attributes["strides"], make([]int, 4))
	case "ConvTranspose":
		weight, k, s, p := in[1], attributes["kernel_shape"][0], attributes["strides"][0], attributes["pads"][0]
		out, extra := weight.shape[1], attributes["output_padding"][0]-2*p+k
		oh, ow := (h-1)*s+extra, (w-1)*s+extra
		y := array{[]int{n, out, oh, ow}, make([]float64, n*out*oh*ow)}
		for i := range y.data {
			y.data[i] = in[2].data[i/(oh*ow)%out]
		}
		for i := range x.data {
			ch, iy, ix := i/(h*w)%c, i/w%h, i%w
			for j := range out * k * k {
				o, oy, ox := j/(k*k), iy*s-p+j/k%k, ix*s-p+j%k
				if oy >= 0 && oy < oh && ox >= 0 && ox < ow {
					y.data[((i/(c*h*w)*out+o)*oh+oy)*ow+ox] += weight.data[ch*out*k*k+j] * x.data[i]
				}
			}
		}
		return y
	}
	t.Fatalf("operator %s", op)
	return array{}
}

// moreLayers draws layers that lead back to the image's shape and compare with it.
func moreLayers(t *rapid.T, in lane.Shape) []nn.LayerSpec {
	groups := rapid.IntRange(1, 2).Draw(t, "groups")
	around := []nn.LayerSpec{nn.Conv2D(4, 3, 1, 1), nn.GroupNorm(groups), nn.LeakyReLU(0.1), nn.Conv2D(4, 1, 1, 0), nn.Residual(3)}
	if rapid.Bool().Draw(t, "scaled") {
		around = append(around, nn.Upsample(2), nn.AvgPool2D(2, 0), nn.ConvTranspose2D(2, 4, 2, 1, 0), nn.Tanh(), nn.AvgPool2D(2, 2))
	}
	around = append(around, nn.Flatten(), nn.Linear(in.Len()), nn.Dropout(0.5), nn.Sigmoid(), nn.Reshape(in.C, in.H, in.W))
	return append(around, nn.Distance(rapid.IntRange(1, 2).Draw(t, "power")), nn.Linear(1))
}
