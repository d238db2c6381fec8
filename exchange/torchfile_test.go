package exchange

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/lane"
)

// torchFiles returns the paths of files that PyTorch wrote, of each version.
func torchFiles(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "torch", pattern))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

// torchExpected returns what the network in them outputs for waves.
func torchExpected(t testing.TB) (images, f []float32) {
	t.Helper()
	var e struct{ F []float32 }
	if err := json.Unmarshal(readFile(t, filepath.Join("testdata", "torch", "expected.json")), &e); err != nil {
		t.Fatal(err)
	}
	images = make([]float32, 4*28*28)
	for i := range images {
		images[i] = float32(math.Sin(11 + 0.7*float64(i)))
	}
	return images, e.F
}

// TestReadTorch compares the energies of networks that PyTorch saved with
// PyTorch's.
func TestReadTorch(t *testing.T) {
	images, f := torchExpected(t)
	for _, path := range append(torchFiles(t, "lightning*.ckpt"), torchFiles(t, "plain*.pth")...) {
		// The contents count, not the name.
		odd := filepath.Join(t.TempDir(), "model.safetensors")
		if err := os.WriteFile(odd, readFile(t, path), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := Read(odd, Options{Output: joule.OutputF})
		if err != nil {
			t.Error(err)
			continue
		}
		// A checkpoint of Lightning's tells the size, a state dict does not.
		if r.SizeGuessed != strings.Contains(path, "plain") || r.Output != joule.OutputF || r.Model.Origin() != nil {
			t.Errorf("%s: %+v", path, r)
		}
		if r.Model.Spec().Input != (lane.Shape{C: 1, H: 28, W: 28}) {
			t.Errorf("%s: %+v", path, r.Model.Spec())
		}
		energies, want := make([]float32, 4), make([]float32, 4)
		r.Model.Energies(energies, images)
		for i := range f {
			want[i] = -f[i]
		}
		closeTo(t, path, energies, want, 1e-5)
		minus, err := Read(odd, Options{Output: joule.OutputEnergy})
		if err != nil {
			t.Fatal(err)
		}
		minus.Model.Energies(energies, images)
		closeTo(t, path+" as energy", energies, f, 1e-5)
	}
}

// TestReadTorchSize has the checkpoint's size yield to a size that is given,
// and to weights that it does not fit.
func TestReadTorchSize(t *testing.T) {
	path := torchFiles(t, "lightning*.ckpt")[0]
	r, err := Read(path, Options{Output: joule.OutputF, Height: 27, Width: 25})
	if err != nil || r.Model.Spec().Input != (lane.Shape{C: 1, H: 27, W: 25}) {
		t.Errorf("%+v, error %v", r, err)
	}
	f := stateDict(t, document(t), "", joule.OutputF)
	for _, c := range []struct {
		told    []int
		guessed bool
	}{{[]int{1, 28, 28}, false}, {[]int{3, 28, 28}, true}, {[]int{1, 64, 64}, true}, {nil, true}} {
		r, err := understood(f, Options{Output: joule.OutputF, told: c.told})
		if err != nil || r.SizeGuessed != c.guessed {
			t.Errorf("told %v: %+v, error %v", c.told, r, err)
		}
	}
}

func TestReadTorchFaults(t *testing.T) {
	whole := readFile(t, torchFiles(t, "lightning*.ckpt")[0])
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ path, want string }{
		{torchFiles(t, "module*.pt")[0], "holds an object of torch.nn.modules.linear.Linear, a whole module, not a state dict"},
		{torchFiles(t, "odd*.pt")[0], `no tensor "cnn_layers.0.weight"`},
		{put("cut", whole[:len(whole)/2]), "no zip archive"},
	} {
		_, err := Read(c.path, Options{Output: joule.OutputF})
		var e *Error
		if !errors.As(err, &e) || e.Path != c.path || e.Hint == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.path, err, c.want)
		}
	}
	path := torchFiles(t, "lightning*.ckpt")[0]
	if _, err := Read(path, Options{}); err == nil || !strings.Contains(err.Error(), "does not say what its network outputs") {
		t.Errorf("without a convention: %v", err)
	}
}

// TestTorchSave has PyTorch save a trained model's weights in every way, and
// compares what is read of it.
func TestTorchSave(t *testing.T) {
	run := withPython(t, "torch, safetensors.torch")
	dir, m := t.TempDir(), trained(t)
	if err := WriteSafetensors(filepath.Join(dir, "f.safetensors"), m, joule.OutputF); err != nil {
		t.Fatal(err)
	}
	run(filepath.Join("testdata", "save_torch.py"), dir)
	saved, err := filepath.Glob(filepath.Join(dir, "*.pt"))
	if err != nil || len(saved) < 10 {
		t.Fatalf("%v, error %v", saved, err)
	}
	want := m.Tensors()
	for _, path := range append(saved, filepath.Join(dir, "beside.safetensors")) {
		r, err := Read(path, Options{Output: joule.OutputF})
		if err != nil {
			t.Error(err)
			continue
		}
		tolerance := 0.0
		if strings.Contains(path, "half") {
			tolerance = 1.0 / 1024
		}
		for i, got := range r.Model.Tensors() {
			for j, v := range got.Data.([]float32) {
				w := want[i].Data.([]float32)[j]
				if d := math.Abs(float64(v - w)); !(d <= tolerance*math.Abs(float64(w))+tolerance*1e-4) {
					t.Fatalf("%s: %s[%d] is %v, want %v", path, got.Name, j, v, w)
				}
			}
		}
		if tolerance == 0 && r.Model.Hash() != m.Hash() {
			t.Errorf("%s is read as another model", path)
		}
		if with := strings.Contains(path, "beside"); with != (len(r.Beside) > 3) {
			t.Errorf("%s: passed over %q", path, r.Beside)
		}
	}
}
