package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule/classify"
	"github.com/joule-ml/joule/dataset"
)

// The classifiers of package classify are those of the recipes here.
func TestRecipes(t *testing.T) {
	for _, name := range classify.Names() {
		c, err := classify.BuiltIn(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.Card().Recipe, recipe(name); got != want {
			t.Errorf("%s was made by %+v, the recipe is %+v", name, got, want)
		}
	}
}

// TestReproduces trains the classifiers again, which takes minutes.
func TestReproduces(t *testing.T) {
	if os.Getenv("JOULE_RETRAIN") == "" {
		t.Skip("set JOULE_RETRAIN to train the classifiers again")
	}
	for _, name := range classify.Names() {
		path := filepath.Join(t.TempDir(), name)
		if err := run([]string{"-out", path, name}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("..", "..", "classify", name+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s comes out otherwise", name)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, args := range [][]string{nil, {"mnist", "fashion-mnist"}, {"pictures"}, {"-held-out", "x", "mnist"}} {
		if err := run(args); err == nil {
			t.Errorf("%v is let through", args)
		}
	}
}

func TestPart(t *testing.T) {
	s := &dataset.Set{N: 4, C: 1, H: 1, W: 2, Pixels: []byte("aabbccdd"), Labels: []byte("abcd")}
	p := part(s, 1, 3)
	if p.N != 2 || string(p.Pixels) != "bbcc" || string(p.Labels) != "bc" || p.W != 2 || s.N != 4 {
		t.Errorf("images 1 and 2 are %+v", p)
	}
}
