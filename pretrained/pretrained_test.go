package pretrained

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/recipe"
)

// update writes the cards for those who read the repository.
var update = flag.Bool("update", false, "write the cards")

// notices are what the licences of the training images want kept.
var notices = map[string]string{"mnist": "Attribution-Share Alike 3.0", "fashion-mnist": "Zalando"}

// TestModels: each model is small, calibrated, and made by its recipe, and its
// report and its card are of the same weights.
func TestModels(t *testing.T) {
	if !slices.Equal(Names(), dataset.Names()) {
		t.Errorf("models of %v, data sets %v", Names(), dataset.Names())
	}
	for _, p := range Models() {
		if n := len(read(p.Name + ".safetensors")); n > 2<<20 {
			t.Errorf("%s takes %d bytes, more than two megabytes", p.Name, n)
		}
		m := p.Load()
		if again, err := Load(p.Recipe); err != nil || again != m {
			t.Errorf("%s: by its recipe it is another model: %v", p.Name, err)
		}
		if c, h, w := m.Shape(); c != 1 || h != 28 || w != 28 {
			t.Errorf("%s is of images of %d×%d×%d", p.Name, c, h, w)
		}
		recipe, err := recipe.Find(p.Recipe)
		if err != nil {
			t.Error(err)
			continue
		}
		cfg, err := recipe.Config(joule.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		card := m.Card()
		if card == nil {
			t.Fatalf("%s has no card", p.Name)
		}
		// What is drawn and saved, and how often, changes no weight.
		made := card.Config
		cfg.Generate.EveryNEpochs, cfg.Filmstrip.EveryNEpochs, cfg.Snapshot.EveryNEpochs = made.Generate.EveryNEpochs, made.Filmstrip.EveryNEpochs, made.Snapshot.EveryNEpochs
		cfg.Checkpoint = made.Checkpoint
		if !reflect.DeepEqual(made, cfg) || card.Epochs != cfg.Epochs || card.Config.Data != p.Name {
			t.Errorf("%s was not made by the recipe %s as it is now", p.Name, p.Recipe)
		}
		if threshold, ok := card.Threshold(0.05); !ok || float64(card.N) != cfg.Holdout || threshold <= card.Validation[0] {
			t.Errorf("%s is calibrated on %d images, not on %d held out of training", p.Name, card.N, int(cfg.Holdout))
		}
		r := p.Report()
		if r.Model.Hash != m.Hash() || r.Suite != p.Name || r.Samples.N < 10000 {
			t.Errorf("%s has the hash %s; its report is of %s, %s, %d samples", p.Name, m.Hash(), r.Suite, r.Model.Hash, r.Samples.N)
		}
		if *update {
			if err := os.WriteFile(p.Name+".md", p.Card(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if kept, err := os.ReadFile(p.Name + ".md"); err != nil || string(kept) != string(p.Card()) {
			t.Errorf("%s.md is not the card; go test ./pretrained -update writes it (%v)", p.Name, err)
		}
		for _, want := range []string{m.Hash(), p.Recipe, notices[p.Name], "## Limits", "## Licence"} {
			if !strings.Contains(string(p.Card()), want) {
				t.Errorf("%s: the card lacks %q", p.Name, want)
			}
		}
	}
	if _, err := Load("cifar"); err == nil || !strings.Contains(err.Error(), "there are mnist, fashion-mnist") {
		t.Errorf("a model that is not there: %v", err)
	}
}
