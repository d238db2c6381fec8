package nn

import (
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// The default network takes 856,128 multiply-adds an image.
func TestLayers(t *testing.T) {
	n, err := New(spec(lane.Shape{C: 1, H: 28, W: 28},
		Conv2D(16, 5, 2, 4), SiLU(), Conv2D(32, 3, 2, 1), SiLU(), Conv2D(64, 3, 2, 1), SiLU(), Conv2D(64, 3, 2, 1), SiLU(),
		Flatten(), Linear(64), SiLU(), Linear(1)))
	if err != nil {
		t.Fatal(err)
	}
	layers := n.Layers()
	want := []float64{16 * 16 * 16 * 25, 0, 8 * 8 * 32 * 16 * 9, 0, 4 * 4 * 64 * 32 * 9, 0, 2 * 2 * 64 * 64 * 9, 0, 0, 256 * 64, 0, 64}
	total, shape := 0.0, n.Input()
	for i, l := range layers {
		if l.FLOP != 2*want[i] || l.Type != n.Spec().Layers[i].Type {
			t.Errorf("layer %d: %s of %v FLOP, want %s of %v", i, l.Type, l.FLOP, n.Spec().Layers[i].Type, 2*want[i])
		}
		if l.In != shape {
			t.Errorf("layer %d: input %v, want %v", i, l.In, shape)
		}
		shape = l.Out
		total += l.FLOP
		if idle := l.Type == SiLUType || l.Type == FlattenType; l.Idle != idle || l.Activated != (!idle && i < 11) {
			t.Errorf("layer %d: idle %v, activated %v", i, l.Idle, l.Activated)
		}
	}
	if (shape != lane.Shape{C: 1, H: 1, W: 1}) || total != 2*856128 {
		t.Errorf("output %v, %v FLOP in all", shape, total)
	}
}

// One layer after another gives what the whole network gives, whether
// activations run by themselves or not.
func TestProbe(t *testing.T) {
	probe(t, SiLU(), Conv2D(3, 3, 2, 1), SiLU(), Flatten(), Linear(4), SiLU(), SiLU(), Linear(1))
	probe(t, Conv2D(3, 3, 2, 1), SiLU(), Flatten(), Linear(4), SiLU(), Linear(1), SiLU())
}

func probe(t *testing.T, layers ...LayerSpec) {
	t.Helper()
	n, err := New(spec(lane.Shape{C: 2, H: 7, W: 5}, layers...))
	if err != nil {
		t.Fatal(err)
	}
	n.Init(3)
	x := make([]float32, n.Input().BlockLen(lane.Width))
	random.Stream{Seed: 4}.Uniform(x, 0, 0, -1, 1)
	p := n.NewProbe(x)

	a, s := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	var energy [lane.Width]float32
	n.Forward(a, x, energy[:])
	last := p.acts.values[len(n.layers)]
	clear(last)
	for i := range n.layers {
		p.Forward(i)
	}
	if !slices.Equal(last, energy[:]) {
		t.Errorf("energies %v, want %v", last, energy)
	}
	clear(p.scratch.a)
	p.InputGrad(0)
	if want := n.InputGrad(s, a, ones[:]); !slices.Equal(p.scratch.a[:len(x)], want) {
		t.Error("another gradient of the input")
	}
	want := make([]float32, n.GradLen())
	n.ParamGrad(want, nil, s, a, ones[:])
	for i := range n.layers {
		p.ParamGrad(i)
	}
	if !slices.Equal(p.grad, want) {
		t.Error("another gradient of the parameters")
	}
}
