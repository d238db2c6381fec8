package nn

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// Distance describes the distance between what comes in and the network's image,
// one value an image: for power 1 the Euclidean norm ‖x − image‖, for power 2 the
// mean of the squares of the differences. It makes an energy of an autoencoder
// (Zhao, Mathieu and LeCun 2016, arXiv:1609.03126).
func Distance(power int) LayerSpec { return LayerSpec{Type: DistanceType, Power: power} }

// distance saves x − z, and for each image what the gradient with respect to x is
// in units of that: 1/y, or 2 over the number of values. Where x = z, the norm's is
// 0.
type distance struct {
	in    lane.Shape
	power int
}

func checkDistance(_ LayerSpec, in input) error {
	image := in.before[0]
	switch {
	case len(in.before) == 1:
		return fmt.Errorf("has no layer before it: the distance of an image to itself is 0")
	case image.Shape != in.Shape || in.flat:
		return fmt.Errorf("compares %s with the image, %s: write a reshape between", in, image)
	}
	return nil
}

func buildDistance(l LayerSpec, in input) layer { return distance{in.Shape, l.Power} }

func (d distance) Out() lane.Shape { return lane.Shape{C: 1, H: 1, W: 1} }

func (d distance) savedLen() int { return d.in.Len() + 1 }

func (d distance) source() int { return -1 }

func (d distance) rows() kernel.Rows {
	return kernel.Rows{Rows: 1, Run: d.in.Len(), Stride: d.in.Len()}
}

func (d distance) Join(y, saved, x, z []float32) {
	apart, unit := saved[:len(x)], saved[len(x):]
	kernel.Sub(apart, x, z)
	var zeros [lane.Max]float32
	kernel.Squares(y, apart, zeros[:len(y)], d.rows())
	for l, sum := range y {
		if d.power == 2 {
			y[l], unit[l] = kernel.Flush(sum/float32(d.in.Len())), 2/float32(d.in.Len())
			continue
		}
		y[l], unit[l] = float32(math.Sqrt(float64(sum))), 0
		if sum != 0 {
			unit[l] = 1 / y[l]
		}
	}
}

func (d distance) JoinGrad(dx, dz, dy, saved []float32) {
	apart, unit := saved[:len(dx)], saved[len(dx):]
	var zeros, by [lane.Max]float32
	width := len(unit)
	for l := range unit {
		by[l] = kernel.Flush(dy[l] * unit[l])
	}
	kernel.Standardise(dx, apart, zeros[:width], by[:width], d.rows())
	if dz == nil {
		return
	}
	for l := range unit {
		by[l] = -by[l]
	}
	kernel.Standardise(dz, apart, zeros[:width], by[:width], d.rows())
}

// Forward and InputGrad are not called, see joining.
func (d distance) Forward(context.Context, []float32, []float32, []float32) {}

func (d distance) InputGrad(context.Context, []float32, []float32, []float32, []float32) {}
