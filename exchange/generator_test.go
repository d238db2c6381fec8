package exchange

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/objective"
)

// TestFolderGenerator: a card tells of a generator, whose weights the folder has.
func TestFolderGenerator(t *testing.T) {
	c := joule.DefaultConfig()
	c.Data, c.BatchSize, c.Network.HiddenFeatures, c.Generator.HiddenFeatures = "strokes", 10, 4, 4
	for _, kind := range []string{objective.EBGAN, objective.GAN} {
		if c.Objective.Kind = kind; kind == objective.EBGAN {
			c.Network.Kind = "autoencoder"
		} else {
			c.Network.Kind = "cnn"
		}
		tr, err := joule.NewTrainer(c, toy.Strokes(20), toy.Strokes(10))
		if err != nil {
			t.Fatal(err)
		}
		m, dir := tr.Model(), t.TempDir()
		if err := WriteFolder(dir, m, joule.OutputEnergy, DefaultFolderOptions()); err != nil {
			t.Fatal(err)
		}
		again, err := joule.LoadModel(filepath.Join(dir, "model.safetensors"))
		if err != nil || again.Hash() != m.Hash() {
			t.Errorf("%s: the model comes back as another: %v", kind, err)
		}
		card, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(card)
		for _, want := range []string{"Beside a generator, as `objective.kind: " + kind + "`", "the generator, makes new images"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the card lacks %q", kind, want)
			}
		}
		if strings.Contains(text, "replay buffer") || strings.Contains(text, "margin") != (kind == objective.EBGAN) || strings.Contains(text, "strict=False") != (kind == objective.GAN) {
			t.Errorf("%s: the card says\n%s", kind, text)
		}
	}
}
