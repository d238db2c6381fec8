package joule_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
)

func TestConvention(t *testing.T) {
	m := joule.ModelWithCard(toy.Network(), &joule.Card{Config: joule.DefaultConfig(), Epochs: 2, Steps: 30})
	images := make([]float32, 10*m.Engine().Network().Input().Len())
	(&random.Stream{Seed: 1}).Uniform(images, 0, 0, -1, 1)
	energy := make([]float32, 10)
	m.Energies(energy, images)
	before := m.Hash()

	f, err := m.File(joule.OutputF)
	if err != nil {
		t.Fatal(err)
	}
	if m.Hash() != before {
		t.Error("File changed the model")
	}
	// Read as if it gave energies, the file gives −E, to the bit.
	minus, err := joule.NewModel(m.Spec(), f.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 10)
	minus.Energies(got, images)
	for i := range got {
		if energy[i] == 0 || got[i] != -energy[i] {
			t.Fatalf("output f is %v where the energy is %v", got[i], energy[i])
		}
	}
	for _, c := range []joule.Convention{joule.OutputF, joule.OutputEnergy} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		f, err := m.File(c)
		if err != nil {
			t.Fatal(err)
		}
		if f.Metadata["output"] != string(c) {
			t.Errorf("a file of %s says %q", c, f.Metadata["output"])
		}
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		back, err := joule.LoadModel(path)
		if err != nil {
			t.Fatal(err)
		}
		back.Energies(got, images)
		if back.Hash() != before || !slices.Equal(got, energy) || back.Card() == nil || back.Card().Steps != 30 {
			t.Errorf("another model comes back from output %s", c)
		}
	}
}

func TestConventionErrors(t *testing.T) {
	m := joule.ModelOf(toy.Network())
	for _, c := range []joule.Convention{"", "Energy", "-f"} {
		if _, err := m.File(c); err == nil {
			t.Errorf("output %q is written", c)
		}
	}
	// A network whose sign no weight decides.
	net, err := nn.New(nn.Spec{Input: lane.Shape{C: 1, H: 1, W: 1}, Prefix: "p", Layers: []nn.LayerSpec{nn.Linear(1), nn.SiLU()}})
	if err != nil {
		t.Fatal(err)
	}
	m = joule.ModelOf(net)
	var e *checkpoint.Error
	if _, err := m.File(joule.OutputF); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("SiLU at the end, output f: %v", err)
	}
	f, err := m.File(joule.OutputEnergy)
	if err != nil {
		t.Fatal(err)
	}
	f.Metadata["output"] = "f"
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	if _, err := joule.LoadModel(path); !errors.As(err, &e) || e.Path != path {
		t.Errorf("SiLU at the end, output f in a file: %v", err)
	}
}
