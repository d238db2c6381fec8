package joule_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

// TestOriginTravels: a file keeps where its model is from, and one that lies
// about it in form is refused.
func TestOriginTravels(t *testing.T) {
	net, err := nn.New(arch.CNN(2, lane.Shape{C: 1, H: 8, W: 8}))
	if err != nil {
		t.Fatal(err)
	}
	net.Init(1)
	m := joule.ModelOf(net)
	want := joule.Origin{
		Name: "name", Title: "A “title”", Source: "https://example.org/m.ckpt", SHA256: strings.Repeat("0a", 32),
		Authors: "A. Author", License: "mit", Notice: "Copyright (c) <A. Author>",
	}
	with := m.WithOrigin(want)
	if m.Origin() != nil || with.Hash() != m.Hash() {
		t.Error("the model itself has changed")
	}
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.safetensors")
	if err := m.Save(plain); err != nil {
		t.Fatal(err)
	}
	if again, err := joule.LoadModel(plain); err != nil || again.Origin() != nil {
		t.Errorf("origin %+v, error %v", again.Origin(), err)
	}
	for _, c := range []joule.Convention{joule.OutputEnergy, joule.OutputF} {
		f, err := with.File(c)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, string(c))
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		again, err := joule.LoadModel(path)
		if err != nil || again.Origin() == nil || *again.Origin() != want {
			t.Errorf("origin %+v, error %v", again.Origin(), err)
		}
		for _, bad := range []string{"{", `{"name": 1}`, `{"nam": ""}`, `{"name": "` + strings.Repeat("x", 16<<10) + `"}`} {
			f.Metadata[weights.MetaOrigin] = bad
			if err := checkpoint.Write(path, f); err != nil {
				t.Fatal(err)
			}
			if _, err := joule.LoadModel(path); err == nil || !strings.Contains(err.Error(), "origin of the model: ") {
				t.Errorf("%.20q: error %v", bad, err)
			}
		}
	}
}
