// Package toy makes small images and networks for tests, which train within
// moments also with the generic kernels.
package toy

import (
	"math/rand/v2"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// side is the height and width of the sets' images, which have one channel.
const side = 12

// Shape is the shape of the sets' images.
var Shape = lane.Shape{C: 1, H: side, W: side}

// set returns n images named name, white where lit says so.
func set(name string, n int, lit func(i, y, x int) bool) *dataset.Set {
	s := &dataset.Set{Name: name, N: n, C: 1, H: side, W: side, Pixels: make([]byte, n*side*side)}
	for i := range s.Pixels {
		if lit(i/(side*side), i/side%side, i%side) {
			s.Pixels[i] = 255
		}
	}
	return s
}

// Strokes returns n images of a bright bar, which lies or stands, on black.
func Strokes(n int) *dataset.Set {
	return set("strokes", n, func(i, y, x int) bool {
		return i%2 == 0 && y/2 == i/2%6 || i%2 == 1 && x/2 == i/2%6
	})
}

// LabelledStrokes are Strokes labelled by their direction and place: four
// classes.
func LabelledStrokes(n int) *dataset.Set {
	s := Strokes(n)
	s.Labels = make([]byte, n)
	for i := range n {
		s.Labels[i] = byte(i%2*2 + i/2%6/3)
	}
	return s
}

// Stripes returns n images that are striped more or less finely.
func Stripes(n int) *dataset.Set {
	return set("stripes", n, func(i, _, x int) bool { return x*(1+i%3)%4 < 2 })
}

// Images returns n images of size values uniform in [−1, 1), a function of the
// seed.
func Images(n, size int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n*size)
	for i := range x {
		x[i] = 2*float32(rng.Float32()) - 1
	}
	return x
}

// Network returns an energy of images of Shape: the default recipe's network
// with four hidden features and fresh weights.
func Network() *nn.Network {
	net, err := nn.New(arch.CNN(4, Shape))
	if err != nil {
		panic("toy: " + err.Error()) // it is always the same
	}
	net.Init(5)
	return net
}
