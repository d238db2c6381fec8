package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// A failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// fields decodes one message: the values of each field, in order.
func fields(t failer, b []byte) map[protowire.Number][]any {
	t.Helper()
	m := map[protowire.Number][]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("protobuf: %v", protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				t.Fatalf("field %d: %v", number, protowire.ParseError(n))
			}
			m[number], b = append(m[number], int64(v)), b[n:]
		case protowire.BytesType:
			v, n := protowire.ConsumeBytes(b)
			if n < 0 {
				t.Fatalf("field %d: %v", number, protowire.ParseError(n))
			}
			m[number], b = append(m[number], v), b[n:]
		case protowire.Fixed32Type:
			v, n := protowire.ConsumeFixed32(b)
			if n < 0 {
				t.Fatalf("field %d: %v", number, protowire.ParseError(n))
			}
			m[number], b = append(m[number], float64(math.Float32frombits(v))), b[n:]
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
	}
	return m
}

func text(values []any) string { return string(values[0].([]byte)) }

// An array is what flows through the graph, in float64.
type array struct {
	shape []int
	data  []float64
}

// decodeTensor reads a TensorProto of floats or of integers.
func decodeTensor(t failer, b []byte) (name string, a array) {
	t.Helper()
	tensor := fields(t, b)
	for _, d := range tensor[1] {
		a.shape = append(a.shape, int(d.(int64)))
	}
	raw := tensor[9][0].([]byte)
	switch tensor[2][0].(int64) {
	case 1:
		for ; len(raw) > 0; raw = raw[4:] {
			a.data = append(a.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
		}
	case 7:
		for ; len(raw) > 0; raw = raw[8:] {
			a.data = append(a.data, float64(int64(binary.LittleEndian.Uint64(raw))))
		}
	}
	size := 1
	for _, d := range a.shape {
		size *= d
	}
	name = text(tensor[8])
	if size != len(a.data) {
		t.Fatalf("tensor %s has %d values for %v", name, len(a.data), a.shape)
	}
	return name, a
}

// run decodes an ONNX file and computes its output for images the slow way.
// The field numbers are written out once more, from onnx.proto.
func runONNX(t failer, file []byte, images []float32, shape []int) (name string, out array) {
	t.Helper()
	model := fields(t, file)
	graph := fields(t, model[7][0].([]byte))
	values := map[string]array{}
	input := fields(t, graph[11][0].([]byte))
	in := array{shape, make([]float64, len(images))}
	for i, v := range images {
		in.data[i] = float64(v)
	}
	values[text(input[1])] = in
	for _, b := range graph[5] {
		name, a := decodeTensor(t, b.([]byte))
		values[name] = a
	}
	for _, b := range graph[1] {
		node := fields(t, b.([]byte))
		attributes, fraction := map[string][]int{}, 0.0
		for _, b := range node[5] {
			attribute := fields(t, b.([]byte))
			for _, v := range append(attribute[3], attribute[8]...) {
				attributes[text(attribute[1])] = append(attributes[text(attribute[1])], int(v.(int64)))
			}
			for _, v := range attribute[2] {
				fraction = v.(float64)
			}
		}
		var inputs []array
		for _, name := range node[1] {
			a, ok := values[string(name.([]byte))]
			if !ok && len(name.([]byte)) > 0 {
				t.Fatalf("node %s reads %s before it is there", text(node[3]), name)
			}
			inputs = append(inputs, a)
		}
		if _, twice := values[text(node[2])]; twice {
			t.Fatalf("%s is computed twice", text(node[2]))
		}
		values[text(node[2])] = apply(t, text(node[4]), inputs, attributes, fraction)
	}
	name = text(fields(t, graph[12][0].([]byte))[1])
	return name, values[name]
}

// apply is what the operators do by their definition in ONNX.
func apply(t failer, op string, in []array, attributes map[string][]int, fraction float64) array {
	x := in[0]
	y := array{slices.Clone(x.shape), slices.Clone(x.data)}
	switch op {
	case "Sigmoid":
		for i, v := range x.data {
			y.data[i] = 1 / (1 + math.Exp(-v))
		}
	case "Relu":
		for i, v := range x.data {
			y.data[i] = max(v, 0)
		}
	case "Mul", "Add", "Sub":
		combine(op, y, in[1])
	case "Flatten":
		n := x.shape[0]
		y.shape = []int{n, len(x.data) / n}
	case "Squeeze":
		for i, axis := range in[1].data {
			at := int(axis) - i
			if y.shape[at] != 1 {
				t.Fatalf("axis %v of %v is squeezed", axis, x.shape)
			}
			y.shape = slices.Delete(y.shape, at, at+1)
		}
	case "Unsqueeze":
		for _, axis := range in[1].data {
			y.shape = slices.Insert(y.shape, int(axis), 1)
		}
	case "Gemm":
		w, b := in[1], in[2]
		n, k, out := x.shape[0], x.shape[1], w.shape[0]
		if attributes["transB"][0] != 1 || w.shape[1] != k || len(b.data) != out || len(x.shape) != 2 {
			t.Fatalf("Gemm of %v and %v", x.shape, w.shape)
		}
		y = array{[]int{n, out}, make([]float64, n*out)}
		for i := range n {
			for o := range out {
				sum := b.data[o]
				for j := range k {
					sum += x.data[i*k+j] * w.data[o*k+j]
				}
				y.data[i*out+o] = sum
			}
		}
	case "Conv":
		y = convolve(x, in[1], in[2], attributes["strides"], attributes["pads"])
		if k := attributes["kernel_shape"]; !slices.Equal(k, in[1].shape[2:]) {
			t.Fatalf("Conv of a kernel %v, said to be %v", in[1].shape, k)
		}
	default:
		return applyMore(t, op, in, attributes, fraction)
	}
	return y
}

func convolve(x, w, b array, stride, pad []int) array {
	n, c, h, width := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	out, kh, kw := w.shape[0], w.shape[2], w.shape[3]
	oh, ow := (h+pad[0]+pad[2]-kh)/stride[0]+1, (width+pad[1]+pad[3]-kw)/stride[1]+1
	y := array{shape: []int{n, out, oh, ow}}
	for i := range n {
		for o := range out {
			for oy := range oh {
				for ox := range ow {
					sum := b.data[o]
					for k := range c * kh * kw {
						ch, ky, kx := k/(kh*kw), k/kw%kh, k%kw
						iy, ix := oy*stride[0]-pad[0]+ky, ox*stride[1]-pad[1]+kx
						if iy >= 0 && iy < h && ix >= 0 && ix < width {
							sum += x.data[((i*c+ch)*h+iy)*width+ix] * w.data[((o*c+ch)*kh+ky)*kw+kx]
						}
					}
					y.data = append(y.data, sum)
				}
			}
		}
	}
	return y
}

// anyNetwork draws a small network that nn can build.
func anyNetwork(t *rapid.T) nn.Spec {
	s := nn.Spec{Prefix: "cnn_layers", Input: lane.Shape{
		C: rapid.IntRange(1, 3).Draw(t, "channels"), H: rapid.IntRange(1, 7).Draw(t, "height"), W: rapid.IntRange(1, 7).Draw(t, "width"),
	}}
	h, w := s.Input.H, s.Input.W
	for range rapid.IntRange(0, 3).Draw(t, "convolutions") {
		pad := rapid.IntRange(0, 2).Draw(t, "padding")
		kernel := rapid.IntRange(1, min(4, min(h, w)+2*pad)).Draw(t, "kernel")
		stride := rapid.IntRange(1, 3).Draw(t, "stride")
		s.Layers = append(s.Layers, nn.Conv2D(rapid.IntRange(1, 5).Draw(t, "out"), kernel, stride, pad))
		h, w = (h+2*pad-kernel)/stride+1, (w+2*pad-kernel)/stride+1
		switch rapid.IntRange(0, 2).Draw(t, "activation") {
		case 1:
			s.Layers = append(s.Layers, nn.SiLU())
		case 2:
			s.Layers = append(s.Layers, nn.ReLU())
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		s.Layers = append(s.Layers, nn.Flatten(), nn.Linear(rapid.IntRange(1, 5).Draw(t, "features")), nn.SiLU(), nn.Linear(1))
	case 1: // a convolution over all that is left, and one of its features
		s.Layers = append(s.Layers, nn.Conv2D(3, max(h, w), 1, max(h, w)-1), nn.Flatten(), nn.Linear(1))
	case 3: // layers that keep the shape, a way around and back to it, and the distance
		s.Layers = append(s.Layers, moreLayers(t, s.Input)...)
	case 2: // no flatten, and convolutions of a single pixel after a linear layer
		if h == 1 && w == 1 {
			s.Layers = append(s.Layers, nn.Linear(4), nn.SiLU(), nn.Conv2D(2, 3, 1, 1), nn.Conv2D(1, 1, 1, 0), nn.Flatten())
		} else {
			s.Layers = append(s.Layers, nn.Flatten(), nn.SiLU(), nn.Flatten(), nn.Linear(1))
		}
	}
	return s
}

// Any network in ONNX, decoded and computed by the operators' definitions,
// gives the model's energies.
func TestONNXAnyNetwork(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec := anyNetwork(r)
		m := network(t, spec, rapid.Uint64().Draw(r, "seed"))
		n := rapid.IntRange(1, 9).Draw(r, "images")
		c, h, w := m.Shape()
		images, want := make([]float32, n*c*h*w), make([]float32, n)
		(&random.Stream{Seed: rapid.Uint64().Draw(r, "pixels")}).Uniform(images, 0, 0, -1, 1)
		m.Energies(want, images)
		for _, convention := range []joule.Convention{joule.OutputEnergy, joule.OutputF} {
			var b bytes.Buffer
			if err := EncodeONNX(&b, m, convention); err != nil {
				r.Fatal(err)
			}
			name, got := runONNX(r, b.Bytes(), images, []int{n, c, h, w})
			if name != string(convention) || !slices.Equal(got.shape, []int{n}) {
				r.Fatalf("output %s of shape %v", name, got.shape)
			}
			for i, v := range got.data {
				if convention == joule.OutputF {
					v = -v
				}
				if math.Abs(v-float64(want[i])) > 1e-5*max(1, math.Abs(v)) {
					r.Fatalf("%s %d of %s is %v, want the energy %v", name, i, describe(spec), got.data[i], want[i])
				}
			}
		}
	})
}

// A type of layer that ONNX files are not written of is an error, not a file of
// something else.
func TestONNXUnknownLayer(t *testing.T) {
	spec := nn.Spec{Prefix: "p", Layers: []nn.LayerSpec{nn.Flatten(), {Type: "softplus"}}}
	var e *Error
	if err := new(graph).layers(spec); !errors.As(err, &e) || !strings.Contains(e.Fault, "layer 1 (softplus)") || e.Hint == "" {
		t.Errorf("error %v", err)
	}
}

func describe(spec nn.Spec) string {
	b, _ := json.Marshal(spec)
	return string(b)
}

// TestONNXFile holds what a file says of itself to what it should.
func TestONNXFile(t *testing.T) {
	m := trained(t)
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := WriteONNX(path, m, joule.OutputF); err != nil {
		t.Fatal(err)
	}
	file := readFile(t, path)
	var again bytes.Buffer
	if err := EncodeONNX(&again, m, joule.OutputF); err != nil || !bytes.Equal(file, again.Bytes()) {
		t.Errorf("WriteONNX and EncodeONNX write different bytes: %v", err)
	}
	model := fields(t, file)
	if ir := model[1][0]; ir != int64(8) {
		t.Errorf("IR version %v", ir)
	}
	opset := fields(t, model[8][0].([]byte))
	if len(model[8]) != 1 || opset[2][0] != int64(17) || opset[1] != nil {
		t.Errorf("operators of %v", opset)
	}
	if doc := text(model[6]); !strings.Contains(doc, "f(image) = −E(image)") {
		t.Errorf("doc string %q", doc)
	}
	metadata := map[string]string{}
	for _, b := range model[14] {
		entry := fields(t, b.([]byte))
		metadata[text(entry[1])] = text(entry[2])
	}
	if metadata["output"] != "f" || metadata["hash"] != m.Hash() || metadata["spec"] != describe(m.Spec()) || !strings.Contains(metadata["config"], "epochs: 1") {
		t.Errorf("metadata %v", metadata)
	}
	graph := fields(t, model[7][0].([]byte))
	var dims []string
	value := fields(t, graph[11][0].([]byte))
	tensor := fields(t, fields(t, value[2][0].([]byte))[1][0].([]byte))
	for _, b := range fields(t, tensor[2][0].([]byte))[1] {
		d := fields(t, b.([]byte))
		if d[2] != nil {
			dims = append(dims, text(d[2]))
		} else {
			dims = append(dims, fmt.Sprint(d[1][0]))
		}
	}
	if got := strings.Join(dims, " "); got != "N 1 28 28" || tensor[1][0] != int64(1) {
		t.Errorf("input of shape %s", got)
	}
}

func TestNotFinite(t *testing.T) {
	m := document(t)
	tensors := m.Tensors()
	tensors[3].Data.([]float32)[1] = float32(math.NaN())
	m, err := joule.NewModel(m.Spec(), tensors)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, write := range map[string]func(string, *joule.Model, joule.Convention) error{"onnx": WriteONNX, "safetensors": WriteSafetensors} {
		err := write(filepath.Join(dir, name), m, joule.OutputEnergy)
		if err == nil || !strings.Contains(err.Error(), "cnn_layers.2.bias") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("%v was written", left)
	}
	if err := EncodeONNX(new(bytes.Buffer), document(t), "g"); err == nil {
		t.Error("convention g is written")
	}
}
