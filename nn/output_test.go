package nn

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

func outputs(s Spec, o ...Output) Spec {
	s.Outputs = o
	return s
}

// severalOutputs ask for values above and below an activation, fused or not,
// of images and of vectors, under and beside one another.
var severalOutputs = map[string]Spec{
	"one of three":      outputs(spec(lane.Shape{C: 1, H: 3, W: 3}, Flatten(), Linear(3)), Output{"logits", 1}),
	"image":             outputs(spec(lane.Shape{C: 2, H: 5, W: 6}, Conv2D(3, 3, 2, 1)), Output{"code", 0}),
	"classifier":        outputs(spec(lane.Shape{C: 1, H: 8, W: 8}, Conv2D(4, 5, 2, 2), SiLU(), Conv2D(6, 3, 2, 1), SiLU(), Flatten(), Linear(7), SiLU(), Linear(10)), Output{"logits", 7}, Output{"features", 6}),
	"before activation": outputs(spec(lane.Shape{C: 1, H: 6, W: 5}, Conv2D(4, 3, 2, 1), SiLU(), Flatten(), Linear(5), SiLU(), Linear(3)), Output{"logits", 5}, Output{"raw", 3}, Output{"both", 4}, Output{"map", 1}),
	"flattened":         outputs(spec(lane.Shape{C: 2, H: 4, W: 4}, Conv2D(3, 3, 2, 1), SiLU(), Flatten(), Linear(2), SiLU()), Output{"features", 2}, Output{"map", 1}, Output{"last", 4}),
	"activation first":  outputs(spec(lane.Shape{C: 2, H: 2, W: 2}, SiLU(), SiLU(), Flatten(), Linear(2)), Output{"first", 0}, Output{"second", 1}, Output{"logits", 3}),
	"autoencoder":       outputs(spec(lane.Shape{C: 1, H: 6, W: 4}, Conv2D(3, 4, 2, 1), SiLU(), Conv2D(2, 3, 1, 1), SiLU(), ConvTranspose2D(1, 4, 2, 1, 0), Tanh(), Distance(1)), Output{"energy", 6}, Output{"code", 3}, Output{"picture", 5}),
	"residual":          outputs(spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(2, 3, 1, 1), SiLU(), Conv2D(2, 3, 1, 1), SiLU(), Residual(2), Conv2D(2, 3, 1, 1), SiLU(), Residual(6), Conv2D(1, 3, 1, 1)), Output{"features", 4}, Output{"low", 1}, Output{"first", 0}),
	"norms":             outputs(spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(4, 3, 1, 1), GroupNorm(2), SiLU(), Conv2D(2, 3, 1, 1), GroupNorm(1), SiLU(), Conv2D(2, 3, 1, 1)), Output{"features", 2}, Output{"norm", 4}),
	"below the last":    outputs(spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(3, 3, 1, 1), SiLU(), Conv2D(2, 3, 2, 1), SiLU(), Conv2D(5, 2, 1, 0)), Output{"features", 1}),
}

// TestOutputs compares all outputs with the oracle, and the gradients from
// cotangents at all of them, at each alone and at none with its central
// differences.
func TestOutputs(t *testing.T) {
	for name, s := range severalOutputs {
		t.Run(name, func(t *testing.T) {
			for mask := range 1 << len(s.Outputs) {
				checkOutputs(t, s, mask, 8-mask%3)
			}
		})
	}
}

// checkOutputs gives cotangents to the outputs whose bit is set in mask.
func checkOutputs(t *testing.T, s Spec, mask, images int) {
	t.Helper()
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(9)
	rng := rand.New(rand.NewPCG(1, uint64(mask)))
	x, block := noise(rng, images*s.Input.Len()), make([]float32, s.Input.BlockLen(lane.Width))
	lane.Pack(block, x, s.Input)
	a, scratch := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	n.Run(a, block)

	plain, cotangents := make([][]float32, n.Outputs()), make([][]float32, n.Outputs())
	for i, o := range s.Outputs {
		if index := n.Output(o.Name); index != i {
			t.Fatalf("output %s is %d", o.Name, index)
		}
		plain[i] = make([]float32, images*n.OutputShape(i).Len())
		if mask>>i&1 != 0 {
			plain[i] = noise(rng, len(plain[i]))
			cotangents[i] = make([]float32, n.OutputShape(i).BlockLen(lane.Width))
			lane.Pack(cotangents[i], plain[i], n.OutputShape(i))
			for j := range cotangents[i] {
				if j%lane.Width >= images { // dead lanes have none
					cotangents[i][j] = 0
				}
			}
		}
	}
	compareOutputs(t, n, a, x, images)

	dx := make([]float32, len(x))
	lane.Unpack(dx, n.OutputInputGrad(scratch, a, cotangents), s.Input)
	packed, grad := make([]float32, n.GradLen()), make([]float32, len(n.Params()))
	n.OutputParamGrad(packed, nil, scratch, a, cotangents)
	n.Unpack(grad, packed)
	wantDx, wantGrad := outputGradients(s, widen(n.Params()), x, images, plain)
	compare(t, fmt.Sprintf("input gradient from outputs %b", mask), dx, wantDx)
	compare(t, fmt.Sprintf("parameter gradient from outputs %b", mask), grad, wantGrad)
}

// compareOutputs compares the outputs of some images with the oracle's.
func compareOutputs(t *testing.T, n *Network, a *Activations, x []float32, images int) {
	t.Helper()
	s, size := n.Spec(), len(x)/images
	for i, o := range s.Outputs {
		shape := n.OutputShape(i)
		got := make([]float32, images*shape.Len())
		lane.Unpack(got, n.Value(a, i), shape)
		var want []float64
		for j := range images {
			want = append(want, oracleLayers(s, widen(n.Params()), widen(x[j*size:(j+1)*size]))[o.Layer]...)
		}
		if len(got) != len(want) {
			t.Fatalf("output %s has %d values, want %d", o.Name, len(got), len(want))
		}
		compare(t, "output "+o.Name, got, want)
	}
}

// outputGradients are the oracle's central differences of the outputs times
// their cotangents, which hold one image after another.
func outputGradients(s Spec, params []float64, x []float32, images int, cotangents [][]float32) (dx, grad []float64) {
	size := len(x) / images
	grad = make([]float64, len(params))
	for j := range images {
		image := widen(x[j*size : (j+1)*size])
		total := func() (sum float64) {
			values := oracleLayers(s, params, image)
			for i, o := range s.Outputs {
				v := values[o.Layer]
				for k := range v {
					sum += float64(cotangents[i][j*len(v)+k]) * v[k]
				}
			}
			return sum
		}
		const h = 1e-5
		dx = append(dx, differences(image, h, total)...)
		for k, d := range differences(params, h, total) {
			grad[k] += d
		}
	}
	return dx, grad
}

// A network of one named value has the bits of an energy, forward and back,
// and an energy's output can be had by name.
func TestOutputIsEnergy(t *testing.T) {
	s := networks["document, small"]
	named, err := New(outputs(s, Output{"value", len(s.Layers) - 1}))
	if err != nil {
		t.Fatal(err)
	}
	energy, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if energy.Output(EnergyOutput) != 0 || energy.OutputShape(0).Len() != 1 || energy.Outputs() != 1 {
		t.Error("an energy without its output")
	}
	if named.Output(EnergyOutput) >= 0 {
		t.Error("an energy where there is none")
	}
	if b, err := json.Marshal(s); err != nil || strings.Contains(string(b), "Outputs") {
		t.Errorf("an energy is written as %s, %v: files of models would change", b, err)
	}
	x := noise(rand.New(rand.NewPCG(1, 2)), s.Input.BlockLen(lane.Width))
	var want [lane.Width]float32
	cotangent := [lane.Width]float32{1, -2, 3, 4, 5, 6, 7, 8}
	energy.Init(3)
	a := energy.NewActivations(lane.Width)
	energy.Forward(a, x, want[:])
	dx, grad := energy.InputGrad(energy.NewScratch(lane.Width), a, cotangent[:]), make([]float32, energy.GradLen())
	energy.ParamGrad(grad, nil, energy.NewScratch(lane.Width), a, cotangent[:])
	for _, n := range []*Network{named, energy} {
		n.Init(3)
		a, s := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
		n.Run(a, x)
		if !slices.Equal(n.Value(a, 0), want[:]) {
			t.Error("other values")
		}
		if !slices.Equal(n.OutputInputGrad(s, a, [][]float32{cotangent[:]}), dx) {
			t.Error("another gradient of the input")
		}
		got := make([]float32, n.GradLen())
		n.OutputParamGrad(got, nil, s, a, [][]float32{cotangent[:]})
		if !slices.Equal(got, grad) {
			t.Error("another gradient of the parameters")
		}
	}
}

// TestCodeOfEnergy: an energy may have further outputs, and lists itself as the first.
func TestCodeOfEnergy(t *testing.T) {
	s := spec(lane.Shape{C: 1, H: 4, W: 4}, Conv2D(2, 3, 1, 1), SiLU(), Flatten(), Linear(1))
	for _, c := range []struct {
		outputs []Output
		fault   string // "" for an energy
	}{
		{[]Output{{EnergyOutput, 3}, {CodeOutput, 1}}, ""},
		{[]Output{{EnergyOutput, 3}}, "as the first of several"},
		{[]Output{{CodeOutput, 1}, {EnergyOutput, 3}}, "as the first of several"},
		{[]Output{{EnergyOutput, 1}, {CodeOutput, 3}}, "an energy is the last one"},
		{[]Output{{EnergyOutput, 3}, {CodeOutput, 4}}, "there is no layer 4"},
	} {
		s.Outputs = c.outputs
		if err := s.Validate(); c.fault == "" && (err != nil || !s.IsEnergy()) || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%v: %v", c.outputs, err)
		}
	}
	s.Layers[3] = Linear(2)
	s.Outputs = []Output{{EnergyOutput, 3}, {CodeOutput, 1}}
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "an energy is one") {
		t.Errorf("an energy of two values: %v", err)
	}
}

// Gradients of outputs allocate nothing.
func TestOutputAllocations(t *testing.T) {
	all := outputs(spec(lane.Shape{C: 2, H: 4, W: 4}, Conv2D(4, 3, 1, 1), GroupNorm(2), Tanh(), Conv2D(2, 3, 1, 1), Residual(4), LeakyReLU(0.2), Dropout(0.5),
		AvgPool2D(2, 0), Upsample(2), ConvTranspose2D(2, 3, 1, 1, 0), Reshape(2, 4, 4), Distance(1)), Output{"code", 6}, Output{"distance", 11})
	for _, s := range []Spec{severalOutputs["classifier"], all} {
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		n.Init(1)
		a, s, packed := n.NewActivations(lane.Width), n.NewScratch(lane.Width), make([]float32, n.GradLen())
		cotangents := make([][]float32, n.Outputs())
		for o := range cotangents {
			cotangents[o] = make([]float32, len(n.Value(a, o)))
		}
		chains := []uint32{1, 2}
		if allocs := testing.AllocsPerRun(10, func() {
			a.Drop(random.Stream{Seed: 1}, chains, 3)
			n.Run(a, a.Input())
			n.OutputInputGrad(s, a, cotangents)
			n.OutputParamGrad(packed, nil, s, a, cotangents)
		}); allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
}
