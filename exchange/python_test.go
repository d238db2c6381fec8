package exchange

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// imports keeps what importing modules said: it takes seconds.
var imports = map[string]string{}

// python skips the test where Python has not got the modules or tests are to be
// short, and else returns a function that runs a script with the arguments.
func python(t *testing.T, modules string) func(args ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("Python is not asked in short tests")
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	missing, asked := imports[modules]
	if !asked {
		if out, err := exec.Command(path, "-c", "import "+modules).CombinedOutput(); err != nil {
			missing = fmt.Sprintf("Python has not all of %s: %s", modules, out)
		}
		imports[modules] = missing
	}
	if missing != "" {
		t.Skip(missing)
	}
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
	run := python(t, "torch, safetensors.torch")
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

// TestONNX has onnx check, and onnxruntime run, a trained model, one of colour
// and one that goes from pixels to features and back.
func TestONNX(t *testing.T) {
	run := python(t, "onnx, onnxruntime, safetensors.numpy")
	for name, m := range map[string]*joule.Model{
		"trained": trained(t),
		"colour":  network(t, arch.CNN(6, lane.Shape{C: 3, H: 33, W: 20}), 1),
		"mixed": network(t, nn.Spec{Input: lane.Shape{C: 2, H: 3, W: 4}, Prefix: "m", Layers: []nn.LayerSpec{
			nn.Conv2D(4, 3, 2, 0), nn.SiLU(), nn.Linear(5), nn.SiLU(), nn.Conv2D(3, 3, 1, 1), nn.SiLU(), nn.Conv2D(1, 1, 1, 0),
		}}, 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeBoth(t, dir, ".onnx", m, WriteONNX)
			writeImages(t, dir, m)
			run(filepath.Join("testdata", "check_onnx.py"), dir)
		})
	}
}

// TestCardInTorch runs what model cards tell users of PyTorch to run.
func TestCardInTorch(t *testing.T) {
	run := python(t, "torch, safetensors.torch")
	for name, m := range map[string]*joule.Model{
		"trained": trained(t),
		"colour":  network(t, arch.CNN(6, lane.Shape{C: 3, H: 33, W: 20}), 1),
	} {
		for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
			t.Run(name+" "+string(c), func(t *testing.T) {
				dir := t.TempDir()
				writeImages(t, dir, m)
				folder := filepath.Join(dir, "model")
				if err := WriteFolder(folder, m, c, DefaultFolderOptions()); err != nil {
					t.Fatal(err)
				}
				run(filepath.Join("testdata", "check_card.py"), folder, filepath.Join(dir, "images.safetensors"))
			})
		}
	}
}
