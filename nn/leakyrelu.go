package nn

import "github.com/joule-ml/joule/internal/kernel"

// LeakyReLU describes the activation max(x, 0) + slope·min(x, 0), with the
// derivative slope at 0 (Maas, Hannun and Ng 2013).
func LeakyReLU(slope float64) LayerSpec { return LayerSpec{Type: LeakyReLUType, Slope: slope} }

// defaultSlope is that of DCGAN's LeakyReLU (Radford, Metz and Chintala 2016).
const defaultSlope = 0.2

func buildLeakyReLU(l LayerSpec, in input) layer {
	slope := float32(l.Slope)
	return activation{in.Shape, func(y, d, x []float32) { kernel.LeakyReLU(y, d, x, slope) }}
}
