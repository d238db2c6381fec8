package setting

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A config has a value of each type.
type config struct {
	Data   string
	Seed   uint64
	Epochs int
	Batch  int
	Noise  float32
	Clip   float32
	Steps  int
	Share  float64
	Rate   float64
	Beta1  float64
	Layers layers
}

// layers is a Texts that knows some words.
type layers struct{ items []string }

func (l *layers) Texts() []string { return l.items }

func (l *layers) SetTexts(items []string) error {
	for _, item := range items {
		word, _, _ := strings.Cut(item, " ")
		switch word {
		case "conv2d", "linear", "silu":
		case "odd":
			return errors.New("a plain error")
		default:
			return &Error{Problem: "no layer is called " + Quote(word), Hint: "write conv2d"}
		}
	}
	l.items = items
	return nil
}

func isPath(text string) bool { return strings.HasPrefix(text, ".") || strings.ContainsAny(text, `/\`) }

func (c *config) settings() List {
	inf := math.Inf(1)
	l := List{
		{Key: "data", Value: &c.Data, Names: []string{"mnist", "fashion-mnist"}, Path: isPath, About: "a set or a folder"},
		{Key: "seed", Value: &c.Seed, Hi: math.MaxUint64, About: "the seed"},
		{Key: "epochs", Value: &c.Epochs, Lo: 1, Hi: 1e6, About: "passes"},
		{Key: "batch_size", Value: &c.Batch, Lo: 1, Hi: 16384, About: "images a step"},
		{Key: "network.layers", Value: &c.Layers, About: "the network's layers"},
	}
	l = append(l, List{
		{Key: "noise", Value: &c.Noise, Hi: 1e3, About: "a standard deviation"},
		{Key: "grad_clip", Value: &c.Clip, Hi: inf, About: "a limit"},
		{Key: "steps", Value: &c.Steps, Hi: 1e6, About: "steps"},
	}.Under("sampler")...)
	return append(l,
		Setting{Key: "buffer.restart_probability", Value: &c.Share, Hi: 1, About: "a share"},
		Setting{Key: "optimizer.learning_rate", Value: &c.Rate, Hi: 1e3, About: "a rate"},
		Setting{Key: "optimizer.beta1", Value: &c.Beta1, Hi: 0.999999, About: "a decay"},
	)
}

func defaults() *config {
	return &config{Data: "mnist", Seed: 42, Epochs: 3, Batch: 64, Noise: 0.005, Clip: 0.03, Steps: 60, Share: 0.05, Rate: 1e-4}
}

func same(a, b *config) bool { return len(a.settings().Diff(b.settings())) == 0 }

// told returns an error with its hint, as a command would print both.
func told(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Remedy() != "" {
		return err.Error() + "; " + e.Remedy()
	}
	return err.Error()
}

func TestYAML(t *testing.T) {
	c := defaults()
	c.Rate = 1e-8
	want := `data: mnist                     # a set or a folder
seed: 42                        # the seed [a whole number from 0]
epochs: 3                       # passes [1 to 1000000]
batch_size: 64                  # images a step [1 to 16384]
network:
  layers: []                    # the network's layers
sampler:
  noise: 0.005                  # a standard deviation [0 to 1000]
  grad_clip: 0.03               # a limit [from 0]
  steps: 60                     # steps [0 to 1000000]
buffer:
  restart_probability: 0.05     # a share [0 to 1]
optimizer:
  learning_rate: 1.0e-08        # a rate [0 to 1000]
  beta1: 0                      # a decay [0 to 0.999999]
`
	if got := string(c.settings().YAML()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestYAMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, back := defaults(), &config{}
		for _, s := range c.settings() {
			switch p := s.Value.(type) {
			case *string:
				*p = rapid.SampledFrom(append(s.Names, "./a b", "C:\\é", "/it's: #1")).Draw(t, s.Key)
			case *int:
				*p = rapid.IntRange(int(s.Lo), int(s.Hi)).Draw(t, s.Key)
			case *uint64:
				*p = rapid.Uint64().Draw(t, s.Key)
			case *float32:
				*p = rapid.Float32Range(float32(s.Lo), float32(math.Min(s.Hi, math.MaxFloat32))).Draw(t, s.Key)
			case *float64:
				*p = rapid.Float64Range(s.Lo, math.Min(s.Hi, math.MaxFloat64)).Draw(t, s.Key)
			case *layers:
				p.items = rapid.SliceOf(rapid.StringMatching(`(conv2d|silu)( [a-z]{1,3}=[0-9.+/-]{1,3}){0,2}`)).Draw(t, s.Key)
			}
		}
		if err := back.settings().Parse("f.yaml", c.settings().YAML()); err != nil {
			t.Fatalf("%v\n%s", err, c.settings().YAML())
		}
		if !same(c, back) {
			t.Fatalf("got\n%+v\nwant\n%+v", back, c)
		}
	})
}

func TestSet(t *testing.T) {
	c := defaults()
	for _, a := range []string{"optimizer.learning_rate=1e-3", " epochs = 7 ", "sampler.grad_clip=.inf"} {
		if err := c.settings().Set(a); err != nil {
			t.Error(err)
		}
	}
	if c.Rate != 1e-3 || c.Epochs != 7 || !math.IsInf(float64(c.Clip), 1) {
		t.Errorf("got %+v", c)
	}
	before := *c
	for a, want := range map[string]string{
		"epochs":                        `"epochs" is not an assignment`,
		"=3":                            `"=3" is not an assignment`,
		"epcohs=3":                      `unknown key "epcohs"; did you mean "epochs"?`,
		"optimizer=3":                   "optimizer: is a group of keys, not a value",
		"sampler.step=3":                `did you mean "sampler.steps"?`,
		"epochs=0x10":                   `epochs: "0x10" is not a whole number`,
		"sampler.noise=0x1p-3":          `sampler.noise: "0x1p-3" is not a number`,
		"sampler.noise=":                `sampler.noise: "" is not a number`,
		"epochs=-3":                     "epochs: -3 is not within",
		"data=photos":                   `data: "photos" is not one of mnist, fashion-mnist; for a folder of images, write its path with a slash: ./photos`,
		strings.Repeat("a", 1e6):        "is not an assignment",
		strings.Repeat("a", 1e6) + "=1": `aaa…"; joule train --print-config`,
	} {
		err := c.settings().Set(a)
		if err == nil || !strings.Contains(told(err), want) || len(told(err)) > 200 {
			t.Errorf("%.40q: %v, want %q", a, err, want)
		}
	}
	if !same(c, &before) {
		t.Error("a failed Set changed the settings")
	}
}

func TestSetEnv(t *testing.T) {
	c := defaults()
	err := c.settings().SetEnv([]string{"HOME=/root", "JOULE_EPOCHS=9", "JOULE_OPTIMIZER_LEARNING_RATE=2e-4", "JOULE_SEED=", "JOULE_RUN_DIR=x", "=odd", "JOULE"}, "JOULE_RUN_DIR")
	if err != nil {
		t.Fatal(err)
	}
	if c.Epochs != 9 || c.Rate != 2e-4 || c.Seed != 42 {
		t.Errorf("got %+v", c)
	}
	for line, want := range map[string]string{
		"JOULE_EPOCH=3":          `environment: unknown variable "JOULE_EPOCH"; did you mean "JOULE_EPOCHS"?`,
		"JOULE_RUNDIR=x":         `did you mean "JOULE_RUN_DIR"?`,
		"JOULE_SOMETHING=1":      "unset it",
		"JOULE_EPOCHS=x":         `JOULE_EPOCHS: epochs: "x" is not a whole number`,
		"JOULE_BATCH_SIZE=0":     "JOULE_BATCH_SIZE: batch_size: 0 is not within",
		"JOULE_LR=3":             `environment: unknown variable "JOULE_LR"; did you mean "JOULE_OPTIMIZER_LEARNING_RATE"?`,
		"JOULE_OPTIMIZER_LR=3":   `did you mean "JOULE_OPTIMIZER_LEARNING_RATE"?`,
		"JOULE_NETWORK=1":        "unknown variable",
		"JOULE_SAMPLER_NOISE=-x": "JOULE_SAMPLER_NOISE",
	} {
		err := defaults().settings().SetEnv([]string{line}, "JOULE_RUN_DIR")
		if err == nil || !strings.Contains(told(err), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}

// TestValues: the forms in which a value is handed on.
func TestValues(t *testing.T) {
	c := defaults()
	for _, a := range []string{"sampler.grad_clip=.inf", "data=./my \"photos\"", "optimizer.learning_rate=1e-8", "network.layers=silu, linear 3"} {
		if err := c.settings().Set(a); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]struct {
		json  string
		plain any
	}{
		"data":                    {`"./my \"photos\""`, `./my "photos"`},
		"seed":                    {"42", uint64(42)},
		"epochs":                  {"3", 3},
		"sampler.noise":           {"0.005", 0.005}, // not 0.004999999888241291
		"sampler.grad_clip":       {`".inf"`, math.Inf(1)},
		"optimizer.learning_rate": {"1.0e-08", 1e-8},
		"network.layers":          {`["silu","linear 3"]`, "silu, linear 3"},
	} {
		s, ok := c.settings().Find(key)
		if !ok {
			t.Errorf("%s is not found", key)
			continue
		}
		if got, err := json.Marshal(s); err != nil || string(got) != strings.ReplaceAll(want.json, " ", "") && string(got) != want.json {
			t.Errorf("%s: %s, %v", key, got, err)
		}
		if got := s.Plain(); !reflect.DeepEqual(got, want.plain) {
			t.Errorf("%s: %#v, want %#v", key, got, want.plain)
		}
	}
	if _, ok := c.settings().Find("nothing"); ok {
		t.Error("a key that is none is found")
	}
}

func TestDiff(t *testing.T) {
	a, b := defaults(), defaults()
	b.Seed, b.Noise, b.Layers.items = 7, 1, []string{"silu"}
	var got []string
	for _, d := range a.settings().Diff(b.settings()) {
		got = append(got, d.Key+": "+d.A.String()+", "+d.B.String())
	}
	if want := []string{"seed: 42, 7", "network.layers: [], [silu]", "sampler.noise: 0.005, 1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnder(t *testing.T) {
	err := Under("sampler", &Error{Key: "steps", Problem: "p", Hint: "h"})
	if got := told(err); got != "sampler.steps: p; h" {
		t.Error(got)
	}
	if Under("sampler", nil) != nil {
		t.Error("an error of nothing")
	}
}

// TestAuto: a number that may be left open.
func TestAuto(t *testing.T) {
	n := 5
	list := List{{Key: "a.n", Value: &n, Hi: 9, Auto: true, About: "number"}}
	if err := list.Parse("f", []byte("a: {n: auto}\n")); err != nil || n != Auto {
		t.Errorf("%d, %v", n, err)
	}
	if text := string(list.YAML()); !strings.Contains(text, "n: auto ") || !strings.Contains(text, "[0 to 9, or auto]") {
		t.Error(text)
	}
	if text := string(list.Schema("x")); !strings.Contains(text, `"default": "auto"`) || !strings.Contains(text, `"enum": [`) {
		t.Error(text)
	}
	if b, err := list[0].MarshalJSON(); err != nil || string(b) != `"auto"` {
		t.Errorf("%s, %v", b, err)
	}
	for _, bad := range []string{"-1", "-2", "10", "Auto", "x"} {
		if err := list.Set("a.n=" + bad); err == nil || n != Auto {
			t.Errorf("%s became %d, %v", bad, n, err)
		}
	}
	if err := list.Set("a.n=3"); err != nil || n != 3 || list.Check() != nil {
		t.Errorf("%d, %v", n, err)
	}
	list[0].Auto, n = false, Auto
	if list.Check() == nil || list.Set("a.n=auto") == nil {
		t.Error("auto where it is not allowed")
	}
}
