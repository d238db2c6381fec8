package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/lane"
)

// oracle is the energy in float64, written as the formulas read: images and
// parameters in PyTorch's order, no blocks, no tiles.
func oracle(s Spec, params, image []float64) float64 {
	values := oracleLayers(s, params, image)
	return values[len(values)-1][0]
}

// oracleLayers are the outputs of all layers.
func oracleLayers(s Spec, params, image []float64) (values [][]float64) {
	x, shape := image, s.Input
	for i, l := range s.Layers {
		switch l.Type {
		case SiLUType, ReLUType, LeakyReLUType, TanhType, SigmoidType:
			x = oracleActivation(l, x)
		case FlattenType:
			shape = lane.Shape{C: shape.Len(), H: 1, W: 1}
		case LinearType:
			y := make([]float64, l.Out)
			for o := range y {
				y[o] = params[l.Out*len(x)+o]
				for i, v := range x {
					y[o] += params[o*len(x)+i] * v
				}
			}
			params = params[l.Out*(len(x)+1):]
			x, shape = y, lane.Shape{C: l.Out, H: 1, W: 1}
		case Conv2DType:
			weights := l.Out * shape.C * l.Kernel * l.Kernel
			x, shape = oracleConv(l, params[:weights], params[weights:weights+l.Out], x, shape)
			params = params[weights+l.Out:]
		case GroupNormType:
			x = oracleNorm(l.Groups, params[:shape.C], params[shape.C:2*shape.C], x)
			params = params[2*shape.C:]
		case ResidualType:
			x = oracleSum(x, append([][]float64{image}, values...)[i-l.Over])
		case DistanceType:
			x, shape = []float64{oracleDistance(x, image, l.Power)}, lane.Shape{C: 1, H: 1, W: 1}
		case UpsampleType, AvgPool2DType:
			x, shape = oracleScaled(l, x, shape)
		case ReshapeType:
			shape = lane.Shape{C: l.Out, H: l.Height, W: l.Width}
		case ConvTranspose2DType:
			weights := shape.C * l.Out * l.Kernel * l.Kernel
			x, shape = oracleTransposed(l, params[:weights], params[weights:weights+l.Out], x, shape)
			params = params[weights+l.Out:]
		}
		values = append(values, x)
	}
	return values
}

func noise(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func widen(v []float32) []float64 {
	w := make([]float64, len(v))
	for i := range v {
		w[i] = float64(v[i])
	}
	return w
}

// TestGradients compares energies with the oracle, and both gradients with
// its central differences, for full and partial blocks.
func TestGradients(t *testing.T) {
	for name, s := range networks {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			n, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			n.Init(9)
			for i, v := range noise(rng, len(n.Params())) { // a norm's would all be 1 and 0
				n.Params()[i] += 0.1 * v
			}
			n.Pack()
			// The smaller blocks hold the first images of the full one.
			x, cotangent := noise(rng, lane.Width*s.Input.Len()), noise(rng, lane.Width)
			var want []oracleGradients
			for i := range lane.Width {
				image := x[i*s.Input.Len() : (i+1)*s.Input.Len()]
				want = append(want, gradientsOf(s, widen(n.Params()), widen(image), float64(cotangent[i])))
			}
			for _, images := range []int{1, 7, 8} {
				checkGradients(t, n, x[:images*s.Input.Len()], cotangent[:images], want[:images])
			}
		})
	}
}

// oracleGradients are an image's energy and its gradients times a cotangent.
type oracleGradients struct {
	energy        float64
	input, params []float64
}

func gradientsOf(s Spec, params, image []float64, cotangent float64) oracleGradients {
	const h = 1e-5
	scaled := func() float64 { return cotangent * oracle(s, params, image) }
	return oracleGradients{oracle(s, params, image), differences(image, h, scaled), differences(params, h, scaled)}
}

// checkGradients compares a network's energies and gradients of some images
// with the oracle's.
func checkGradients(t *testing.T, n *Network, x, cotangents []float32, want []oracleGradients) {
	t.Helper()
	in, images := n.Input(), len(want)
	block := make([]float32, in.BlockLen(lane.Width))
	lane.Pack(block, x, in)
	var cotangent, energy [lane.Width]float32
	copy(cotangent[:], cotangents) // dead lanes have none

	a, scratch := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	n.Forward(a, block, energy[:])
	dx := make([]float32, len(x))
	lane.Unpack(dx, n.InputGrad(scratch, a, cotangent[:]), in)
	grad, packed := make([]float32, len(n.Params())), make([]float32, n.GradLen())
	n.ParamGrad(packed, nil, scratch, a, cotangent[:])
	n.Unpack(grad, packed)

	wantGrad := make([]float64, len(grad))
	var wantDx []float64
	for i, w := range want {
		if math.Abs(float64(energy[i])-w.energy) > 1e-5*max(1, math.Abs(w.energy)) {
			t.Errorf("energy %d of %d is %v, want %v", i, images, energy[i], w.energy)
		}
		wantDx = append(wantDx, w.input...)
		for j, d := range w.params {
			wantGrad[j] += d
		}
	}
	compare(t, fmt.Sprintf("input gradient of %d images", images), dx, wantDx)
	compare(t, fmt.Sprintf("parameter gradient of %d images", images), grad, wantGrad)

	n.ParamGrad(packed, nil, scratch, a, cotangent[:])
	n.Unpack(grad, packed)
	for j := range wantGrad {
		wantGrad[j] *= 2
	}
	compare(t, "parameter gradient added twice", grad, wantGrad)
}

// differences are the central differences of f by each of v.
func differences(v []float64, h float64, f func() float64) []float64 {
	d := make([]float64, len(v))
	for i, at := range v {
		v[i] = at + h
		up := f()
		v[i] = at - h
		d[i] = (up - f()) / (2 * h)
		v[i] = at
	}
	return d
}

// compare allows 1e-5 of the largest magnitude.
func compare(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	var scale float64
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= 1e-5*scale) {
			t.Fatalf("%s: element %d is %v, want %v (largest %v)", what, i, got[i], w, scale)
		}
	}
}

// Shared weights must not tie the lanes together: an image's energy and
// gradient have the same bits whatever stands in the other lanes.
func TestLanesAreIndependent(t *testing.T) {
	s := networks["document, small"]
	n, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	n.Init(3)
	rng := rand.New(rand.NewPCG(2, 3))
	a, scratch := n.NewActivations(lane.Width), n.NewScratch(lane.Width)
	block := noise(rng, s.Input.BlockLen(lane.Width))
	cotangent := [lane.Width]float32{1, 1, 1, 1, 1, 1, 1, 1}
	run := func() (float32, []float32) {
		var energy [lane.Width]float32
		n.Forward(a, block, energy[:])
		dx := n.InputGrad(scratch, a, cotangent[:])
		mine := make([]float32, s.Input.Len())
		for i := range mine {
			mine[i] = dx[i*lane.Width+5]
		}
		return energy[5], mine
	}
	e, g := run()
	for i := range block {
		if i%lane.Width != 5 {
			block[i] = float32(math.Inf(1))
		}
	}
	e2, g2 := run()
	if e != e2 {
		t.Errorf("energy %v became %v", e, e2)
	}
	for i := range g {
		if math.Float32bits(g[i]) != math.Float32bits(g2[i]) {
			t.Fatalf("gradient %d: %v became %v", i, g[i], g2[i])
		}
	}
}

func TestInit(t *testing.T) {
	n, err := New(spec(lane.Shape{C: 16, H: 8, W: 8}, Conv2D(64, 3, 1, 1), Flatten(), Linear(1)))
	if err != nil {
		t.Fatal(err)
	}
	n.Init(42)
	v := n.Views()[0]
	bound := 1 / math.Sqrt(16*9)
	var sum, squares, largest float64
	for _, w := range widen(v.Data) {
		sum += w
		squares += w * w
		largest = max(largest, math.Abs(w))
	}
	count := float64(len(v.Data)) // 9216: the standard error of the mean is bound/166
	if largest > bound || largest < 0.99*bound {
		t.Errorf("largest weight %v, want close below %v", largest, bound)
	}
	if math.Abs(sum/count) > bound/40 || math.Abs(squares/count-bound*bound/3) > bound*bound/30 {
		t.Errorf("mean %v and variance %v are not those of U(±%v)", sum/count, squares/count, bound)
	}
}

func TestViews(t *testing.T) {
	n, err := New(networks["colour"])
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	var names []string
	for _, v := range n.Views() {
		size := 1
		for _, d := range v.Shape {
			size *= d
		}
		if size != len(v.Data) {
			t.Errorf("%s: shape %v for %d values", v.Name, v.Shape, len(v.Data))
		}
		total += size
		names = append(names, v.Name)
	}
	if total != len(n.Params()) {
		t.Errorf("views hold %d of %d parameters", total, len(n.Params()))
	}
	want := "l.0.weight l.0.bias l.2.weight l.2.bias l.5.weight l.5.bias l.7.weight l.7.bias"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("names %s, want %s", got, want)
	}
}

func TestSpecErrors(t *testing.T) {
	in := lane.Shape{C: 1, H: 8, W: 8}
	for want, s := range map[string]Spec{
		"input shape":                          spec(lane.Shape{C: 1, H: 0, W: 8}, Linear(1)),
		"0 layers":                             spec(in),
		"unknown type":                         spec(in, LayerSpec{Type: "softplus"}),
		"wants a flatten":                      spec(in, Linear(1)),
		"cannot follow":                        spec(in, Flatten(), Conv2D(1, 1, 1, 0)),
		"larger than":                          spec(in, Conv2D(1, 9, 1, 0)),
		"an energy is one":                     spec(in, Flatten(), Linear(2)),
		"out 0":                                spec(in, Conv2D(0, 3, 1, 1)),
		"stride 0":                             spec(in, Conv2D(1, 3, 0, 1)),
		"padding -1":                           spec(in, Conv2D(1, 3, 1, -1)),
		"weights are out":                      spec(lane.Shape{C: 4096, H: 8, W: 8}, Conv2D(4096, 5, 8, 0), Flatten(), Linear(1)),
		"out 65537 is out":                     spec(in, Flatten(), Linear(65537)),
		"stride 65":                            spec(in, Conv2D(1, 3, 65, 1)),
		"beyond 4194304":                       spec(lane.Shape{C: 1, H: 1000, W: 1000}, SiLU(), SiLU(), SiLU(), SiLU(), Flatten(), Linear(1)),
		"kernel 5000":                          spec(in, Conv2D(1, 5000, 1, 4096)),
		"output_padding 2":                     spec(in, ConvTranspose2D(1, 3, 2, 1, 2), Flatten(), Linear(1)),
		"leaves nothing":                       spec(in, ConvTranspose2D(1, 3, 1, 9, 0), Flatten(), Linear(1)),
		"a side may have":                      spec(in, ConvTranspose2D(1, 4096, 64, 1, 0), Flatten(), Linear(1)),
		"write a reshape":                      spec(in, Flatten(), ConvTranspose2D(1, 3, 1, 1, 0), Linear(1)),
		"4608×4608, a side":                    spec(in, Upsample(9), Upsample(64), Flatten(), Linear(1)),
		"12 values":                            spec(in, Reshape(3, 2, 2), Flatten(), Linear(1)),
		"kernel 9":                             spec(in, AvgPool2D(9, 0), Flatten(), Linear(1)),
		"3 layers before":                      spec(in, SiLU(), SiLU(), SiLU(), Residual(4), Flatten(), Linear(1)),
		"a vector of 64 to 1×8×8":              spec(in, Flatten(), Reshape(1, 8, 8), Residual(1), Flatten(), Linear(1)),
		"2×8×8 to 3×8×8: layer 0 and":          spec(in, Conv2D(2, 1, 1, 0), Conv2D(3, 1, 1, 0), Residual(1), Flatten(), Linear(1)),
		"no layer before":                      spec(in, Distance(1)),
		"a vector of 64 with the image, 1×8×8": spec(in, Flatten(), Linear(64), Distance(1)),
		"power 3":                              spec(in, SiLU(), Distance(3)),
		"into 3 groups":                        spec(in, Conv2D(4, 3, 1, 1), GroupNorm(3), Flatten(), Linear(1)),
		"of one value":                         spec(in, Flatten(), Linear(4), GroupNorm(4), Linear(1)),
		"flatten of an":                        spec(in, Flatten(), GroupNorm(1), Linear(1)),
		"rate 1 is out":                        spec(in, Dropout(1), Flatten(), Linear(1)),
		"slope 2 is out":                       spec(in, LeakyReLU(2), Flatten(), Linear(1)),
		"no layer 2":                           outputs(spec(in, Flatten(), Linear(3)), Output{"logits", 2}),
		"no layer -1":                          outputs(spec(in, Flatten(), Linear(3)), Output{"logits", -1}),
		"no name":                              outputs(spec(in, Flatten(), Linear(3)), Output{"", 1}),
		"itself as the first of several":       outputs(spec(in, Flatten(), Linear(1)), Output{"energy", 1}),
		"has this name":                        outputs(spec(in, Flatten(), Linear(3)), Output{"a", 1}, Output{"a", 1}),
		"as it is":                             outputs(spec(in, Flatten(), Linear(3)), Output{"a", 0}),
		"3 outputs of 2":                       outputs(spec(in, Flatten(), Linear(3)), Output{"a", 1}, Output{"b", 1}, Output{"c", 1}),
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// FuzzSpec: whatever a model file asks for is refused or small enough.
func FuzzSpec(f *testing.F) {
	for _, set := range []map[string]Spec{networks, severalOutputs} {
		for _, s := range set {
			b, err := json.Marshal(s)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte(`{"Input":{"C":1,"H":4096,"W":1024},"Layers":[{"Type":"conv2d","Out":1,"Kernel":4096,"Stride":64,"Padding":4096}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Spec
		if json.Unmarshal(b, &s) != nil {
			return
		}
		views, err := s.Parameters()
		if err != nil {
			return
		}
		weights := 0
		for i := range views {
			weights += views[i].size()
		}
		if weights < 0 || weights > maxLayers*maxWeight {
			t.Fatalf("%d weights were let through", weights)
		}
		if weights > 1<<16 || s.Input.Len() > 1<<12 {
			return // could be built, but not in a fuzzer's time
		}
		n, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		a, cotangents := n.NewActivations(lane.Width), make([][]float32, n.Outputs())
		n.Run(a, a.Input())
		for o := range cotangents {
			cotangents[o] = slices.Clone(n.Value(a, o))
		}
		n.OutputInputGrad(n.NewScratch(lane.Width), a, cotangents)
	})
}
