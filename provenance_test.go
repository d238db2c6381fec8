package joule_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestDataName: a model says what it was trained on by the name of the set that it
// was given, through files, resumes and exports, and never MNIST because that is
// the default.
func TestDataName(t *testing.T) {
	for _, tt := range []struct{ asked, set, want, title string }{
		{"mnist", "mnist", "mnist", "MNIST handwritten digits"},
		{"mnist", "strokes", "strokes", "strokes"},
		{"mnist", "", joule.UnknownData, "unknown data"},
		{"mnist", "fashion-mnist", "fashion-mnist", "Fashion-MNIST"},
		{"my digits", "", "my digits", "my digits"},
		{"mnist", "/home/me/my *own*\n\x1b[1m set", "my *own*  [1m set", "my -own-  -1m set"},
		{"./photos", "pictures", "./photos", "images"},
		{"mnist", strings.Repeat("é", 300), strings.Repeat("é", 100), strings.Repeat("é", 100)},
	} {
		c := joule.TinyConfig()
		c.Data, c.Epochs = tt.asked, 1
		train, val := toy.Strokes(20), toy.Strokes(10)
		train.Name, val.Name = tt.set, tt.set
		tr, err := joule.NewTrainer(c, train, val)
		if err != nil {
			t.Errorf("%q of %q: %v", tt.set, tt.asked, err)
			continue
		}
		path := filepath.Join(t.TempDir(), "last.safetensors")
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		again, err := joule.ResumeTrainer(path, train, val, nil)
		if err != nil {
			t.Errorf("%q of %q, resumed: %v", tt.set, tt.asked, err)
			continue
		}
		m, err := joule.LoadModel(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []joule.Config{tr.Config(), tr.Asked(), again.Config(), m.Card().Config} {
			if c.Data != tt.want {
				t.Errorf("%q of %q is called %q, want %q", tt.set, tt.asked, c.Data, tt.want)
			}
		}
		dir := filepath.Join(t.TempDir(), "hub")
		if err := exchange.WriteFolder(dir, m, joule.OutputEnergy, exchange.DefaultFolderOptions()); err != nil {
			t.Fatal(err)
		}
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		card := string(readme)
		if !strings.Contains(card, "\n# An energy-based model of "+tt.title+"\n") || strings.Contains(card, "ylecun/mnist") != (tt.want == "mnist") {
			t.Errorf("the card of %q:\n%.600s", tt.want, card)
		}
	}
}

// TestDataNameOfRun: the folder of a run on images of one's own can be read.
func TestDataNameOfRun(t *testing.T) {
	c := joule.TinyRun()
	c.Data = "mnist"
	r, err := run.Create(t.TempDir(), "own")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := record.Fit(t.Context(), r, tr); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Settings(); err != nil || got.Data != "stripes" {
		t.Errorf("config.yaml has %q, %v", got.Data, err)
	}
	if i := r.Info(); len(i.Faults) > 0 || i.Config == nil || i.Config.Data != "stripes" {
		t.Errorf("the run: %+v", i)
	}
}
