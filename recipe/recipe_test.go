package recipe

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/setting"
)

func TestRecipes(t *testing.T) {
	var names []string
	for _, r := range All() {
		names = append(names, r.Name)
		c, err := r.Config(joule.DefaultConfig())
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		if found, err := Find(r.Name); err != nil || string(found.YAML) != string(r.YAML) {
			t.Errorf("%s is not found: %v", r.Name, err)
		}
		// Its first comment is the line that is listed, and each key that
		// differs says why.
		if !strings.HasSuffix(r.About, ".") || len(r.About) > 70 || !strings.HasPrefix(string(r.YAML), "# "+r.About+"\n#\n# ") {
			t.Errorf("%s: about %q", r.Name, r.About)
		}
		for _, d := range c.Diff(joule.DefaultConfig()) {
			key := d.Key[strings.LastIndexByte(d.Key, '.')+1:]
			found := d.Key == "data" // says it itself
			for line := range strings.Lines(string(r.YAML)) {
				if strings.HasPrefix(strings.TrimSpace(line), key+":") && strings.Contains(line, " # ") {
					found = true
				}
			}
			if !found {
				t.Errorf("%s: %s has no comment", r.Name, d.Key)
			}
		}
		for line := range strings.Lines(string(r.YAML)) {
			if len(line) > 100 || strings.Contains(line, "\t") || strings.HasSuffix(line, " \n") {
				t.Errorf("%s: line %q", r.Name, line)
			}
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "quick") {
		t.Errorf("recipes %v", names)
	}
}

// TestMNISTRecipe: the recipe and the defaults say the same.
func TestMNISTRecipe(t *testing.T) {
	r, err := Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	// Over other values than the defaults, so that what the file states
	// counts.
	base := joule.DefaultConfig()
	for _, a := range []string{"seed=1", "epochs=9", "batch_size=8", "network.hidden_features=2", "sampler.steps=1", "objective.alpha=9", "optimizer.learning_rate=1", "data=fashion-mnist"} {
		if err := base.Set(a); err != nil {
			t.Fatal(err)
		}
	}
	c, err := r.Config(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Diff(joule.DefaultConfig()) {
		t.Errorf("%s is %s, by default %s", d.Key, d.A, d.B)
	}
	if !reflect.DeepEqual(c, joule.DefaultConfig()) {
		t.Error("the settings differ from the defaults")
	}
}

func TestFindRecipeErrors(t *testing.T) {
	for name, want := range map[string]string{
		"mnist60": `did you mean "mnist-60"?`, "qick": `did you mean "quick"?`, "": "joule recipes describes them",
		"../mnist": "", "MNIST.yaml": "", strings.Repeat("x", 1e6): "joule recipes",
	} {
		_, err := Find(name)
		var e *setting.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, want) || e.Hint == "" || len(err.Error()) > 250 {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestConfigDiff(t *testing.T) {
	a, b := joule.DefaultConfig(), joule.DefaultConfig()
	if d := a.Diff(b); d != nil {
		t.Errorf("equal: %v", d)
	}
	b.Seed, b.Sampler.Noise = 7, 1
	d := a.Diff(b)
	if len(d) != 2 || d[0].Key != "seed" || d[0].A.String() != "42" || d[0].B.String() != "7" || d[1].Key != "sampler.noise" || d[1].A.String() != "0.005" {
		t.Errorf("got %+v", d)
	}
}
