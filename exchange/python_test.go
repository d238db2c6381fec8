package exchange

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/python"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// withPython returns a function that runs a Python with modules on a script with
// arguments. The test is skipped where there is none.
func withPython(t *testing.T, modules string) func(args ...string) {
	t.Helper()
	path := python.Need(t, "import "+modules)
	return func(args ...string) {
		t.Helper()
		cmd := exec.Command(path, args...)
		cmd.Env = append(cmd.Environ(), "OMP_NUM_THREADS=1") // small work: threads only wait for each other
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("%s", out)
	}
}

// writeBoth exports m in both conventions.
func writeBoth(t *testing.T, dir, extension string, m *joule.Model, write func(string, *joule.Model, joule.Convention) error) {
	t.Helper()
	for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
		if err := write(filepath.Join(dir, string(c)+extension), m, c); err != nil {
			t.Fatal(err)
		}
	}
}

// folder makes a folder that tells in Python's messages what is in it.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// writeImages leaves 64 images and their energies for a script.
func writeImages(t *testing.T, dir string, m *joule.Model) []float32 {
	t.Helper()
	images, energies := imagesFor(t, m, 64)
	c, h, w := m.Shape()
	err := checkpoint.Write(filepath.Join(dir, "images.safetensors"), &checkpoint.File{Tensors: []checkpoint.Tensor{
		{Name: "images", Shape: []int{64, c, h, w}, Data: images},
		{Name: "energies", Shape: []int{64}, Data: energies},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// TestTorch has PyTorch's class of the default network load both conventions of a trained
// model, and reads what PyTorch saves.
func TestTorch(t *testing.T) {
	run := withPython(t, "torch, safetensors.torch")
	dir, m := t.TempDir(), trained(t)
	writeBoth(t, dir, ".safetensors", m, WriteSafetensors)
	images := writeImages(t, dir, m)
	run(filepath.Join("testdata", "check_torch.py"), dir, "8")

	for _, file := range []struct {
		name   string
		output joule.Convention
		hidden int
	}{
		{"plain", joule.OutputF, 10}, {"said", "", 10}, {"whole", joule.OutputF, 6},
		{"half", joule.OutputF, 10}, {"bfloat", joule.OutputF, 10}, {"double", joule.OutputF, 10},
	} {
		r, err := Read(filepath.Join(dir, file.name+".safetensors"), Options{Output: file.output})
		if err != nil {
			t.Errorf("%s: %v", file.name, err)
			continue
		}
		if r.Output != joule.OutputF || !r.SizeGuessed || r.Model.Hash() == m.Hash() {
			t.Errorf("%s was read as %+v", file.name, r)
		}
		outputs, err := checkpoint.Read(filepath.Join(dir, file.name+".outputs.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := outputs.Float32("f", 64)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i] = -want[i]
		}
		energies := make([]float32, 64)
		r.Model.Energies(energies, images)
		closeTo(t, file.name, energies, want, 1e-5)
	}
}

// manyLayers are those with a form of their own in PyTorch, without an end.
var manyLayers = []nn.LayerSpec{
	nn.Conv2D(4, 4, 2, 1), nn.GroupNorm(2), nn.LeakyReLU(0.2), nn.ConvTranspose2D(6, 3, 2, 1, 1), nn.Tanh(), nn.Upsample(2),
	nn.AvgPool2D(3, 2), nn.Sigmoid(), nn.AvgPool2D(2, 0), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12), nn.GroupNorm(1), nn.ReLU(),
	nn.Reshape(3, 2, 2), nn.ConvTranspose2D(2, 2, 2, 0, 0), nn.Flatten(),
}

// TestONNX has onnx check, and onnxruntime run, a trained model, one of colour
// and one that goes from pixels to features and back.
func TestONNX(t *testing.T) {
	run := withPython(t, "onnx, onnxruntime, safetensors.numpy")
	args := []string{filepath.Join("testdata", "check_onnx.py")}
	for name, m := range map[string]*joule.Model{
		"trained": trained(t),
		"colour":  network(t, arch.CNN(6, lane.Shape{C: 3, H: 33, W: 20}), 1),
		"mixed": network(t, nn.Spec{Input: lane.Shape{C: 2, H: 3, W: 4}, Prefix: "m", Layers: []nn.LayerSpec{
			nn.Conv2D(4, 3, 2, 0), nn.SiLU(), nn.Linear(5), nn.SiLU(), nn.Conv2D(3, 3, 1, 1), nn.SiLU(), nn.Conv2D(1, 1, 1, 0),
		}}, 1),
		"layers": network(t, nn.Spec{Input: lane.Shape{C: 3, H: 8, W: 6}, Prefix: "m", Layers: append(manyLayers,
			nn.Linear(6), nn.SiLU(), nn.Residual(1), nn.Linear(6), nn.GroupNorm(3), nn.Residual(2), nn.Linear(3*8*6), nn.Tanh(), nn.Reshape(3, 8, 6), nn.Distance(1), nn.Linear(1))}, 1),
		"squares": network(t, nn.Spec{Input: lane.Shape{C: 1, H: 6, W: 6}, Prefix: "m", Layers: []nn.LayerSpec{
			nn.Conv2D(2, 3, 1, 1), nn.Conv2D(2, 3, 1, 1), nn.Residual(1), nn.Conv2D(1, 3, 1, 1), nn.Distance(2), nn.Linear(1)}}, 1),
	} {
		dir := folder(t, name)
		writeBoth(t, dir, ".onnx", m, WriteONNX)
		writeImages(t, dir, m)
		args = append(args, dir)
	}
	run(args...)
}

// TestCardInTorch runs what model cards tell users of PyTorch to run.
func TestCardInTorch(t *testing.T) {
	run := withPython(t, "torch, safetensors.torch")
	args := []string{filepath.Join("testdata", "check_card.py")}
	for name, m := range map[string]*joule.Model{
		"trained": trained(t),
		"colour":  network(t, arch.CNN(6, lane.Shape{C: 3, H: 33, W: 20}), 1),
		"layers":  network(t, nn.Spec{Input: lane.Shape{C: 3, H: 8, W: 6}, Prefix: "m", Layers: append(manyLayers, nn.Linear(1))}, 1),
	} {
		for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
			dir := folder(t, name+"-"+string(c))
			writeImages(t, dir, m)
			if err := WriteFolder(filepath.Join(dir, "model"), m, c, DefaultFolderOptions()); err != nil {
				t.Fatal(err)
			}
			args = append(args, dir)
		}
	}
	run(args...)
}
