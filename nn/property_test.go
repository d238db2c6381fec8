package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"pgregory.net/rapid"
)

// A course is the direction in which a network's image and parameters move.
type course struct {
	image, params []float32
}

// uniform draws n numbers within ±1.
func uniform(s random.Stream, n, chain int) []float32 {
	v := make([]float32, n)
	s.Uniform(v, uint32(chain), 0, -1, 1)
	return v
}

// moved are an image and parameters after a step in the direction.
func (d course) moved(image, params []float32, step float64) (x, p []float64) {
	x, p = widen(image), widen(params)
	for i := range x {
		x[i] += step * float64(d.image[i])
	}
	for i := range p {
		p[i] += step * float64(d.params[i])
	}
	return x, p
}

// check compares what gradients predict for the direction with the central
// difference of f, the oracle after a step in it.
func (d course) check(t *rapid.T, dx, grad []float32, f func(step float64) float64) {
	const h = 1e-4
	want := (f(h) - f(-h)) / (2 * h)
	got, scale := 0.0, 1.0
	add := func(direction, gradient []float32) {
		for i, v := range direction {
			got += float64(v) * float64(gradient[i])
			scale += math.Abs(float64(v) * float64(gradient[i]))
		}
	}
	add(d.image, dx)
	add(d.params, grad)
	if math.Abs(got-want) > 1e-5*scale {
		t.Fatalf("the values change by %v in a direction, want %v", got, want)
	}
}

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
		checkDirection(t, s)
	})
}

// Any transposed convolution, and any pool or upsampling behind it. A norm of few
// values may be too steep for a difference.
func TestAnyLayer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := func(lo, hi int, name string) int { return rapid.IntRange(lo, hi).Draw(t, name) }
		in := lane.Shape{C: small(1, 5, "channels"), H: small(1, 5, "height"), W: small(1, 5, "width")}
		out, stride, kernel := small(1, 6, "out"), small(1, 3, "stride"), small(1, 4, "kernel")
		s := spec(in, ConvTranspose2D(out, kernel, stride, small(0, (kernel-1)/2, "padding"), small(0, stride-1, "output padding")))
		switch y := buildConvTranspose2D(s.Layers[0], input{Shape: in}).Out(); small(0, 3, "next") {
		case 1:
			k := small(1, min(y.H, y.W), "pool")
			s.Layers = append(s.Layers, AvgPool2D(k, small(0, 3, "its stride")))
		case 2:
			s.Layers = append(s.Layers, Upsample(small(1, 3, "factor")))
		case 3:
			s.Layers = append(s.Layers, Tanh(), Residual(1), Sigmoid())
		}
		s.Layers = append(s.Layers, SiLU(), Flatten(), Linear(1))
		checkDirection(t, s)
	})
}

// checkDirection holds a network's energy to the oracle's, and both gradients to how
// the oracle changes in a random direction.
func checkDirection(t *rapid.T, s Spec) {
	in := s.Input
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(rapid.Uint64().Draw(t, "seed"))
	stream := random.Stream{Seed: rapid.Uint64().Draw(t, "images")}
	x := uniform(stream, in.Len(), 0)
	d := course{uniform(stream, in.Len(), 1), uniform(stream, len(n.Params()), 2)}

	block := make([]float32, in.BlockLen(lane.Width))
	lane.Pack(block, x, in)
	a, scratch := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	var energy [lane.Width]float32
	n.Forward(a, block, energy[:])
	dx := make([]float32, in.Len())
	one := [lane.Width]float32{1} // the first lane alone
	lane.Unpack(dx, n.InputGrad(scratch, a, one[:]), in)
	packed, grad := make([]float32, n.GradLen()), make([]float32, len(n.Params()))
	n.ParamGrad(packed, nil, scratch, a, one[:])
	n.Unpack(grad, packed)

	at := func(step float64) float64 {
		image, params := d.moved(x, n.Params(), step)
		return oracle(s, params, image)
	}
	if want := at(0); math.Abs(float64(energy[0])-want) > 1e-5*max(1, math.Abs(want)) {
		t.Fatalf("energy %v, want %v", energy[0], want)
	}
	d.check(t, dx, grad, at)
}

// drawOutputs draws a convolution under linear layers, with several outputs.
func drawOutputs(t *rapid.T) Spec {
	in := lane.Shape{C: rapid.IntRange(1, 5).Draw(t, "channels"), H: rapid.IntRange(2, 7).Draw(t, "height"), W: rapid.IntRange(2, 7).Draw(t, "width")}
	s := spec(in, Conv2D(rapid.IntRange(1, 9).Draw(t, "out"), rapid.IntRange(1, 2).Draw(t, "kernel"), rapid.IntRange(1, 2).Draw(t, "stride"), rapid.IntRange(0, 2).Draw(t, "padding")),
		SiLU(), Flatten(), Linear(rapid.IntRange(1, 9).Draw(t, "features")), SiLU(), Linear(rapid.IntRange(1, 11).Draw(t, "classes")))
	for i, l := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(s.Layers)-1), 1, 4, rapid.ID).Draw(t, "layers") {
		s.Outputs = append(s.Outputs, Output{fmt.Sprint("o", i), l})
	}
	return s
}

// Any convolution with several outputs, seen in a random direction.
func TestAnyOutputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawOutputs(t)
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(rapid.Uint64().Draw(t, "seed"))
		stream := random.Stream{Seed: rapid.Uint64().Draw(t, "images")}
		x := uniform(stream, s.Input.Len(), 0)
		d := course{uniform(stream, s.Input.Len(), 1), uniform(stream, len(n.Params()), 2)}
		block := make([]float32, s.Input.BlockLen(lane.Width))
		lane.Pack(block, x, s.Input)
		a, scratch := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
		n.Run(a, block)
		cotangents := make([][]float32, n.Outputs())
		for o := range cotangents {
			shape := n.OutputShape(o)
			cotangents[o] = make([]float32, shape.BlockLen(lane.Width))
			lane.PackLane(cotangents[o], uniform(stream, shape.Len(), 3+o), shape, 0) // the first lane alone
		}
		dx := make([]float32, s.Input.Len())
		lane.Unpack(dx, n.OutputInputGrad(scratch, a, cotangents), s.Input)
		packed, grad := make([]float32, n.GradLen()), make([]float32, len(n.Params()))
		n.OutputParamGrad(packed, nil, scratch, a, cotangents)
		n.Unpack(grad, packed)

		d.check(t, dx, grad, func(step float64) (sum float64) {
			image, params := d.moved(x, n.Params(), step)
			values := oracleLayers(s, params, image)
			for o, p := range s.Outputs {
				for k, c := range uniform(stream, len(values[p.Layer]), 3+o) {
					sum += float64(c) * values[p.Layer][k]
				}
			}
			return sum
		})
	})
}
