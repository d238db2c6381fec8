package nn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// wide skips a test where the kernels in use leave wide blocks to those in Go,
// whose bits are others.
func wide(t *testing.T) {
	if kernel.Widest() < lane.Max && kernel.Name() != "generic" {
		t.Skipf("kernels %s have no wide blocks", kernel.Name())
	}
}

// A wide block gives the bits of two narrow ones, one after the other: energies,
// gradients of the images, and those of the parameters, of both halves together
// and apart.
func TestWidth(t *testing.T) {
	wide(t)
	for name, s := range networks {
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(5)
		rng := rand.New(rand.NewPCG(7, 8))
		images, cotangent := noise(rng, lane.Max*s.Input.Len()), noise(rng, lane.Max)
		run := func(width int, low, high []float32) (energy, dx []float32) {
			a, scratch := n.NewActivations(width), n.NewScratch(width)
			dx = make([]float32, len(images))
			for first := 0; first < lane.Max; first += width {
				part, c := images[first*s.Input.Len():][:width*s.Input.Len()], cotangent[first:first+width]
				lane.Pack(a.Input(), part, s.Input)
				e := make([]float32, width)
				n.Forward(a, a.Input(), e)
				energy = append(energy, e...)
				lane.Unpack(dx[first*s.Input.Len():][:len(part)], n.InputGrad(scratch, a, c), s.Input)
				switch {
				case width == lane.Max:
					n.ParamGrad(low, high, scratch, a, c)
				case first == 0:
					n.ParamGrad(low, nil, scratch, a, c)
				default:
					n.ParamGrad(high, nil, scratch, a, c)
				}
			}
			return energy, dx
		}
		vector := func() []float32 { return make([]float32, n.GradLen()) }
		low, high, low2, high2, both, both2 := vector(), vector(), vector(), vector(), vector(), vector()
		energy, dx := run(lane.Width, low, high)
		energy2, dx2 := run(lane.Max, low2, high2)
		run(lane.Width, both, both)
		run(lane.Max, both2, both2)
		for what, pair := range map[string][2][]float32{
			"energies": {energy, energy2}, "images' gradients": {dx, dx2}, "gradient of the lower half": {low, low2},
			"gradient of the upper half": {high, high2}, "gradient": {both, both2},
		} {
			if !slices.Equal(pair[0], pair[1]) {
				t.Errorf("%s: %s differ", name, what)
			}
		}
	}
}
