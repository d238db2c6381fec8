package exchange

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"pgregory.net/rapid"
)

// stateDict returns what PyTorch would save of m: tensors without metadata, in
// the order of their names, under a module's name.
func stateDict(t testing.TB, m *joule.Model, prefix string, c joule.Convention) *checkpoint.File {
	t.Helper()
	f, err := m.File(c)
	if err != nil {
		t.Fatal(err)
	}
	f.Metadata = nil
	for i := range f.Tensors {
		f.Tensors[i].Name = prefix + f.Tensors[i].Name
	}
	slices.SortFunc(f.Tensors, func(a, b checkpoint.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f
}

// written leaves f in a file.
func written(t testing.TB, f *checkpoint.File) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	m := document(t)
	for _, prefix := range []string{"", "cnn.", "module.cnn."} {
		for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
			path := written(t, stateDict(t, m, prefix, c))
			r, err := Read(path, Options{Output: c})
			if err != nil {
				t.Fatal(err)
			}
			if r.Model.Hash() != m.Hash() || r.Output != c || !r.SizeGuessed {
				t.Errorf("%q of output %s is read as another model: %+v", prefix, c, r)
			}
			// The other convention gives the other sign.
			other, err := Read(path, Options{Output: map[joule.Convention]joule.Convention{"f": "energy", "energy": "f"}[c]})
			if err != nil {
				t.Fatal(err)
			}
			images, want := imagesFor(t, m, 3)
			got := make([]float32, 3)
			other.Model.Energies(got, images)
			for i := range got {
				if got[i] != -want[i] {
					t.Fatalf("energy %v, want %v", got[i], -want[i])
				}
			}
		}
	}
}

// TestReadOurs reads what Joule writes, with its card, checkpoints included.
func TestReadOurs(t *testing.T) {
	m := trained(t)
	for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := WriteSafetensors(path, m, c); err != nil {
			t.Fatal(err)
		}
		for _, opt := range []Options{{}, {Output: c}, {Height: 28, Width: 28}} {
			r, err := Read(path, opt)
			if err != nil {
				t.Fatal(err)
			}
			if r.Model.Hash() != m.Hash() || r.Output != c || r.SizeGuessed || r.Model.Card() == nil || r.Model.Card().Steps != m.Card().Steps {
				t.Errorf("output %s comes back as %+v", c, r)
			}
		}
		if _, err := Read(path, Options{Output: map[joule.Convention]joule.Convention{"f": "energy", "energy": "f"}[c]}); err == nil || !strings.Contains(err.Error(), "says that its network outputs "+string(c)) {
			t.Errorf("the other convention: %v", err)
		}
		if _, err := Read(path, Options{Height: 28, Width: 32}); err == nil || !strings.Contains(err.Error(), "28×28 pixels, not 28×32") {
			t.Errorf("another size: %v", err)
		}
	}
}

// Any network of the default kind comes back from its weights and the
// images' size.
func TestReadAnyWidth(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		hidden := rapid.IntRange(2, 9).Draw(r, "hidden")
		in := lane.Shape{C: rapid.IntRange(1, 4).Draw(r, "channels"), H: rapid.IntRange(1, 40).Draw(r, "height"), W: rapid.IntRange(1, 40).Draw(r, "width")}
		m := network(t, arch.CNN(hidden, in), 5)
		f := stateDict(t, m, "cnn.", joule.OutputF)
		got, err := understood(f, Options{Output: joule.OutputF, Height: in.H, Width: in.W})
		if err != nil {
			r.Fatal(err)
		}
		if got.Model.Hash() != m.Hash() || got.SizeGuessed {
			r.Fatalf("another model: %+v", got.Model.Spec())
		}
		// Without the size, what is guessed fits the weights, or there is
		// an error that asks for it.
		got, err = understood(f, Options{Output: joule.OutputF})
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Hint, "give the size") {
				r.Fatal(err)
			}
		} else if _, h, w := got.Model.Shape(); h != w || left(h)*left(w) != left(in.H)*left(in.W) || !got.SizeGuessed {
			r.Fatalf("%d×%d for %v", h, w, in)
		}
	})
}

func TestUsualSides(t *testing.T) {
	for _, side := range usualSides {
		m := network(t, arch.CNN(2, lane.Shape{C: 1, H: side, W: side}), 5)
		got, err := understood(stateDict(t, m, "", joule.OutputF), Options{Output: joule.OutputF})
		if err != nil {
			t.Fatal(err)
		}
		if _, h, w := got.Model.Shape(); h != side || w != side {
			t.Errorf("%d×%d, want squares of %d", h, w, side)
		}
	}
}

// A readFault is a change to a good file, or options, that Read refuses.
type readFault struct {
	name        string
	change      func(f *checkpoint.File)
	opt         Options
	fault, hint string
}

// reshape gives a tensor another shape, with zeros.
func reshape(name string, shape ...int) func(*checkpoint.File) {
	return func(f *checkpoint.File) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		tensor := f.Lookup(name)
		tensor.Shape, tensor.Data = shape, make([]float32, n)
	}
}

func readFaults() []readFault {
	return []readFault{
		{"no convention", nil, Options{}, "does not say what its network outputs", "f if a high one does"},
		{"bad convention", nil, Options{Output: "g"}, `output is "g"`, ""},
		{"bad metadata", func(f *checkpoint.File) { f.Metadata = map[string]string{"output": "logits"} }, Options{}, `output is "logits"`, "one output"},
		{"against metadata", func(f *checkpoint.File) { f.Metadata = map[string]string{"output": "energy"} }, Options{Output: "f"}, "outputs energy, not f", "leave"},
		{"empty", func(f *checkpoint.File) { f.Tensors = nil }, Options{Output: "f"}, `no tensor "cnn_layers.0.weight"`, "four convolutions"},
		{"no network", func(f *checkpoint.File) { f.Lookup("cnn_layers.0.weight").Name = "xcnn_layers.0.weight" }, Options{Output: "f"}, `no tensor "cnn_layers.0.weight"`, "four convolutions"},
		{"missing", func(f *checkpoint.File) { f.Tensors = slices.Delete(f.Tensors, 3, 4) }, Options{Output: "f"}, `no tensor "cnn_layers.11.weight"`, "four convolutions"},
		{"other prefix", func(f *checkpoint.File) { f.Lookup("cnn_layers.2.bias").Name = "a.cnn_layers.2.bias" }, Options{Output: "f"}, `no tensor "cnn_layers.2.bias"`, "four convolutions"},
		{"extra", func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "cnn_layers.1.weight", Shape: []int{1}, Data: []float32{1}})
		}, Options{Output: "f"}, `"cnn_layers.1.weight" is not part of the network`, "no other layers"},
		{"two networks", func(f *checkpoint.File) {
			for _, tensor := range f.Tensors {
				tensor.Name = "ema." + tensor.Name
				f.Tensors = append(f.Tensors, tensor)
			}
		}, Options{Output: "f"}, "has 2 networks: cnn_layers, ema", "choose one: --key cnn_layers"},
		{"no such network", nil, Options{Output: "f", Key: "ema"}, `has no network "ema"`, "choose with --key: it has cnn_layers"},
		{"a further layer", func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "head.weight", Shape: []int{2, 1}, Data: []float32{1, 2}})
		}, Options{Output: "f"}, `"head.weight" is of a further layer beside "cnn_layers."`, "no other layers"},
		{"a numbered layer", func(f *checkpoint.File) {
			for i := range f.Tensors {
				f.Tensors[i].Name = strings.TrimPrefix(f.Tensors[i].Name, "cnn_layers.")
			}
			f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: "3.weight", Shape: []int{1}, Data: []float32{1}})
		}, Options{Output: "f"}, `"3.weight" is not part of the network`, "no other layers"},
		{"ten outputs", reshape("cnn_layers.11.weight", 10, 16), Options{Output: "f"}, "10 outputs", "out_dim=1"},
		{"rank", reshape("cnn_layers.0.weight", 4, 25), Options{Output: "f"}, `"cnn_layers.0.weight" has shape [4, 25], want 4 dimensions`, "four convolutions"},
		{"empty tensor", reshape("cnn_layers.2.weight", 0, 4, 3, 3), Options{Output: "f"}, "has shape [0, 4, 3, 3], which is out of range", "four convolutions"},
		{"kernel", reshape("cnn_layers.4.weight", 16, 8, 5, 5), Options{Output: "f"}, `"cnn_layers.4.weight" has shape [16, 8, 5, 5], want [16, 8, 3, 3] for 8 hidden features`, "four convolutions"},
		{"bias", reshape("cnn_layers.0.bias", 5), Options{Output: "f"}, `"cnn_layers.0.bias" has shape [5], want [4]`, "four convolutions"},
		{"flatten", reshape("cnn_layers.9.weight", 16, 65), Options{Output: "f"}, "65 inputs, no multiple of the 16 channels", "four convolutions"},
		{"half a pixel", reshape("cnn_layers.9.weight", 16, 8), Options{Output: "f"}, "8 inputs, no multiple of the 16 channels", "four convolutions"},
		{"wide", reshape("cnn_layers.2.weight", 5000, 1, 1, 1), Options{Output: "f"}, "no multiple of the 10000 channels", "four convolutions"},
		{"integers", func(f *checkpoint.File) {
			tensor := f.Lookup("cnn_layers.0.bias")
			tensor.Data = make([]int64, 4)
		}, Options{Output: "f"}, `"cnn_layers.0.bias" has type I64`, "times its scale"},
		{"not finite", func(f *checkpoint.File) { f.Lookup("cnn_layers.6.bias").Data.([]float32)[3] = float32(math.Inf(-1)) }, Options{Output: "f"}, `"cnn_layers.6.bias" holds -Inf`, "diverged"},
		{"unusual size", reshape("cnn_layers.9.weight", 16, 16), Options{Output: "f"}, "1 pixels are left of them before cnn_layers.9.weight", "squares of 1 to 12 fit"},
		{"no square", reshape("cnn_layers.9.weight", 16, 32), Options{Output: "f"}, "the images' size is not known", "give the size, width × height"},
		{"wrong size", nil, Options{Output: "f", Height: 32, Width: 32}, "of images of 32×32 pixels 9 would be left", "squares of 13 to 28 fit"},
		{"half a size", nil, Options{Output: "f", Height: 32}, "32×0 pixels", ""},
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range readFaults() {
		f := stateDict(t, document(t), "", joule.OutputF)
		if c.change != nil {
			c.change(f)
		}
		path := written(t, f)
		_, err := Read(path, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.fault)
			continue
		}
		var e *Error
		if errors.As(err, &e) && (e.Path != path || !strings.Contains(err.Error(), path)) || (c.hint != "") != (e != nil) || e != nil && !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: error %#v, want a hint with %q", c.name, err, c.hint)
		}
	}
	var damaged *checkpoint.Error
	path := written(t, stateDict(t, document(t), "", joule.OutputF))
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, Options{Output: "f"}); !errors.As(err, &damaged) {
		t.Errorf("half a file: %v", err)
	}
	if _, err := Read(path+".none", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestForeignSpec: metadata of the name "spec" that are another program's say
// nothing about the network; those of Joule that are damaged are not passed over.
func TestForeignSpec(t *testing.T) {
	for _, spec := range []string{"1.0", "modelspec", `{"version":1}`, "{}", "null", "[]"} {
		f := stateDict(t, document(t), "", joule.OutputF)
		want, err := Read(written(t, f), Options{Output: "f"})
		if err != nil {
			t.Fatal(err)
		}
		f.Metadata = map[string]string{"spec": spec, "format": "pt"}
		path := written(t, f)
		r, err := Read(path, Options{Output: "f"})
		if err != nil || r.Model.Hash() != want.Model.Hash() {
			t.Errorf("%s: %v", spec, err)
		}
		if keys, err := Keys(path); err != nil || len(keys) != 1 {
			t.Errorf("%s: keys %q, %v", spec, keys, err)
		}
		if _, err := Read(path, Options{}); err == nil || !strings.Contains(err.Error(), "does not say what its network outputs") {
			t.Errorf("%s, without a convention: %v", spec, err)
		}
		f.Metadata["output"] = "f"
		if _, err := Read(written(t, f), Options{}); err == nil {
			t.Errorf("%s, with an output: read", spec)
		}
	}
}

// FuzzShapes changes the shapes of a good network's tensors, four bytes a
// change: a tensor, what to do, and with what. The file says that its network
// outputs said.
func FuzzShapes(f *testing.F) {
	f.Add([]byte{}, byte(0), byte(0), "f", "", "")
	f.Add([]byte{8, 1, 1, 16}, byte(0), byte(0), "f", "", "")                                                                  // more pixels
	f.Add([]byte{0, 1, 1, 3}, byte(20), byte(27), "f", "", "")                                                                 // colour
	f.Add([]byte{10, 1, 0, 9, 11, 1, 0, 9}, byte(0), byte(0), "f", "", "")                                                     // nine outputs
	f.Add([]byte{0, 1, 0, 2, 1, 1, 0, 2, 2, 1, 1, 2, 2, 1, 0, 5, 3, 1, 0, 5, 4, 1, 1, 5}, byte(0), byte(0), "f", "", "")       // wider
	f.Add([]byte{0, 0, 0, 0, 2, 2, 2, 200, 3, 3, 0, 0, 4, 1, 2, 255, 5, 4, 0, 0, 6, 5, 0, 0}, byte(255), byte(1), "f", "", "") // of each
	f.Add([]byte{}, byte(28), byte(28), "", "energy", "cnn_layers")
	f.Add([]byte{0, 5, 0, 0}, byte(28), byte(28), "energy", "g", "x")
	good := network(f, arch.CNN(4, lane.Shape{C: 1, H: 28, W: 28}), 3)
	f.Fuzz(func(t *testing.T, changes []byte, height, width byte, output, said, key string) {
		file, err := good.File(joule.OutputF)
		if err != nil {
			t.Fatal(err)
		}
		file.Metadata = map[string]string{"output": said}
		for ; len(changes) >= 4; changes = changes[4:] {
			tensor := &file.Tensors[int(changes[0])%len(file.Tensors)]
			at, value := int(changes[2])%max(1, len(tensor.Shape)), int(changes[3])
			shape := slices.Clone(tensor.Shape)
			switch changes[1] % 6 {
			case 0:
				shape = slices.Insert(shape, at, value)
			case 1, 2:
				if len(shape) > 0 {
					shape[at] = value << (changes[1] / 6 % 8)
				}
			case 3:
				if len(shape) > 0 {
					shape = slices.Delete(shape, at, at+1)
				}
			case 4:
				tensor.Name += "x"
			case 5:
				tensor.Name = "x." + tensor.Name
			}
			size := 1
			for _, d := range shape {
				if size *= d; size > 1<<22 {
					return
				}
			}
			tensor.Shape, tensor.Data = shape, make([]float32, size)
		}
		checkUnderstood(t, file, Options{Output: joule.Convention(output), Height: int(height), Width: int(width), Key: key})
	})
}

// understood makes a model of a state dict as if it were in a file.
func understood(f *checkpoint.File, opt Options) (*Result, error) {
	h := &checkpoint.Header{Metadata: f.Metadata}
	for _, t := range f.Tensors {
		info := checkpoint.Info{Name: t.Name, DType: "F32", Shape: t.Shape}
		if _, ok := t.Data.([]float32); !ok {
			info.DType = "I64"
		}
		h.Tensors = append(h.Tensors, info)
	}
	return fromSafetensors(h, opt, func(func(string) bool) (*checkpoint.File, error) { return f, nil })
}

// checkUnderstood holds what becomes of a state dict to what it should: a
// network of finite weights, as many as there are, that is the same when
// written and read once more, or an error of some length.
func checkUnderstood(t *testing.T, file *checkpoint.File, opt Options) {
	r, err := understood(file, opt)
	if err != nil {
		if len(err.Error()) > 2000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	if err := checkFinite(r.Model.Tensors()); err != nil {
		t.Fatal(err)
	}
	c, h, w := r.Model.Shape()
	if opt.Height > 0 && (h != opt.Height || w != opt.Width) {
		t.Fatalf("%d×%d pixels, asked for %d×%d", h, w, opt.Height, opt.Width)
	}
	values := 0
	for _, tensor := range file.Tensors {
		if !slices.Contains(r.Beside, tensor.Name) {
			values += len(tensor.Data.([]float32))
		}
	}
	if r.Model.Parameters() != values {
		t.Fatalf("%d parameters of %d", r.Model.Parameters(), values)
	}
	back, err := understood(stateDict(t, r.Model, "p.", r.Output), Options{Output: r.Output, Height: h, Width: w})
	if err != nil || back.Model.Hash() != r.Model.Hash() {
		t.Fatalf("%d×%d×%d does not come back: %v", c, h, w, err)
	}
}

func TestSafetensorsOfAnyNetwork(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		spec := anyNetwork(r)
		m := network(t, spec, 3)
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := WriteSafetensors(path, m, joule.OutputF); err != nil {
			r.Fatal(err)
		}
		got, err := Read(path, Options{})
		if err != nil || got.Model.Hash() != m.Hash() {
			r.Fatalf("%s: %v", describe(spec), err)
		}
	})
}
