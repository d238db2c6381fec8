package joule

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

func TestOriginTravels(t *testing.T) {
	net, err := nn.New(arch.CNN(2, lane.Shape{C: 1, H: 8, W: 8}))
	if err != nil {
		t.Fatal(err)
	}
	net.Init(1)
	m := newModel(net)
	want := Origin{
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
	if again, err := LoadModel(plain); err != nil || again.Origin() != nil {
		t.Errorf("origin %+v, error %v", again.Origin(), err)
	}
	for _, c := range []Convention{OutputEnergy, OutputF} {
		f, err := with.File(c)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, string(c))
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		again, err := LoadModel(path)
		if err != nil || again.Origin() == nil || *again.Origin() != want {
			t.Errorf("origin %+v, error %v", again.Origin(), err)
		}
		for _, bad := range []string{"{", `{"name": 1}`, `{"nam": ""}`, "\xff", `{"name": "` + strings.Repeat("x", maxOrigin) + `"}`} {
			f.Metadata[weights.MetaOrigin] = bad
			if _, err := originOf(f.Metadata); err == nil || !strings.Contains(err.Error(), "origin of the model: ") {
				t.Errorf("%.20q: error %v", bad, err)
			}
		}
	}
}
