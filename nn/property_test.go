package nn

import (
	"math"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"pgregory.net/rapid"
)

// Any convolution that can be built, under a random linear layer: its energy
// is the oracle's, and both gradients predict how the oracle changes in a
// random direction.
func TestAnyConvolution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := lane.Shape{
			C: rapid.IntRange(1, 9).Draw(t, "channels"),
			H: rapid.IntRange(1, 9).Draw(t, "height"),
			W: rapid.IntRange(1, 9).Draw(t, "width"),
		}
		padding := rapid.IntRange(0, 4).Draw(t, "padding")
		kernel := rapid.IntRange(1, min(6, min(in.H, in.W)+2*padding)).Draw(t, "kernel")
		s := spec(in, Conv2D(rapid.IntRange(1, 13).Draw(t, "out"), kernel, rapid.IntRange(1, 4).Draw(t, "stride"), padding),
			SiLU(), Flatten(), Linear(1))
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(rapid.Uint64().Draw(t, "seed"))
		random := random.Stream{Seed: rapid.Uint64().Draw(t, "images")}
		x, direction := make([]float32, in.Len()), make([]float32, in.Len())
		weights := make([]float32, len(n.Params()))
		random.Uniform(x, 0, 0, -1, 1)
		random.Uniform(direction, 1, 0, -1, 1)
		random.Uniform(weights, 2, 0, -1, 1)

		block := make([]float32, in.BlockLen())
		lane.Pack(block, x, in)
		a, scratch := n.NewActivations(), n.NewScratch()
		var energy [lane.Width]float32
		n.Forward(a, block, &energy)
		dx := make([]float32, in.Len())
		one := [lane.Width]float32{1} // the first lane alone
		lane.Unpack(dx, n.InputGrad(scratch, a, &one), in)
		packed, grad := make([]float32, n.GradLen()), make([]float32, len(n.Params()))
		n.ParamGrad(packed, scratch, a, &one)
		n.Unpack(grad, packed)

		at := func(step float64) float64 {
			params, image := widen(n.Params()), widen(x)
			for i := range params {
				params[i] += step * float64(weights[i])
			}
			for i := range image {
				image[i] += step * float64(direction[i])
			}
			return oracle(s, params, image)
		}
		if want := at(0); math.Abs(float64(energy[0])-want) > 1e-5*max(1, math.Abs(want)) {
			t.Fatalf("energy %v, want %v", energy[0], want)
		}
		const h = 1e-4
		want := (at(h) - at(-h)) / (2 * h)
		got, scale := 0.0, 1.0
		for i, d := range direction {
			got += float64(d) * float64(dx[i])
			scale += math.Abs(float64(d) * float64(dx[i]))
		}
		for i, w := range weights {
			got += float64(w) * float64(grad[i])
			scale += math.Abs(float64(w) * float64(grad[i]))
		}
		if math.Abs(got-want) > 1e-5*scale {
			t.Fatalf("the energy changes by %v in a direction, want %v", got, want)
		}
	})
}
