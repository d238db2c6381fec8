package nn

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// TestSubnormal: a first layer whose SiLU is subnormal, on subnormal images,
// gives what one of zeros does, to the bit.
func TestSubnormal(t *testing.T) {
	run := func(bias, pixel float32) (energy [lane.Width]float32, dx, grad []float32) {
		n, err := New(document)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(1)
		first := n.Views()[1].Data
		for i := range first {
			first[i] = bias
		}
		n.Pack()
		a, s := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
		for i := range a.Input() {
			a.Input()[i] = pixel
		}
		n.Forward(a, a.Input(), energy[:])
		grad = make([]float32, n.GradLen())
		n.ParamGrad(grad, nil, s, a, []float32{1, 1, 1, 1, 1, 1, 1, 1})
		return energy, n.InputGrad(s, a, []float32{1, 1, 1, 1, 1, 1, 1, 1}), grad
	}
	energy, dx, grad := run(-92, 1e-41)
	wantEnergy, wantDx, wantGrad := run(-200, 0)
	if energy != wantEnergy {
		t.Errorf("energies %v, want %v", energy, wantEnergy)
	}
	if !slices.Equal(dx, wantDx) || slices.Max(dx) != 0 || slices.Min(dx) != 0 {
		t.Error("the images have a gradient")
	}
	if !slices.Equal(grad, wantGrad) {
		t.Error("another gradient of the parameters")
	}
}
