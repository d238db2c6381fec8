package joule

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// leaves returns the addresses of the fields of a struct, nested ones too.
func leaves(v reflect.Value) []uintptr {
	if v.Kind() != reflect.Struct {
		return []uintptr{v.Addr().Pointer()}
	}
	var all []uintptr
	for i := range v.NumField() {
		all = append(all, leaves(v.Field(i))...)
	}
	return all
}

// told returns an error with its hint, as a command would print both.
func told(err error) string {
	var e *ConfigError
	if errors.As(err, &e) && e.Hint != "" {
		return err.Error() + "; " + e.Hint
	}
	return err.Error()
}

func TestSettingsCoverConfig(t *testing.T) {
	var c Config
	seen := map[uintptr]string{}
	for _, s := range c.settings() {
		at := reflect.ValueOf(s.value).Pointer()
		if other, ok := seen[at]; ok {
			t.Errorf("%s and %s share a field", s.key, other)
		}
		seen[at] = s.key
		if s.about == "" {
			t.Errorf("%s has no comment", s.key)
		}
	}
	fields := leaves(reflect.ValueOf(&c).Elem())
	for _, at := range fields {
		if _, ok := seen[at]; !ok {
			t.Errorf("a field at offset %d of Config has no key", at-reflect.ValueOf(&c).Pointer())
		}
	}
	if len(fields) != len(seen) {
		t.Errorf("%d fields, %d keys", len(fields), len(seen))
	}
}

func TestDefaultConfig(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	back, err := ParseConfig("config.yaml", c.YAML(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if back != c {
		t.Fatalf("YAML gave back\n%+v\nof\n%+v", back, c)
	}
	for _, line := range strings.Split(string(c.YAML()), "\n") {
		if len(line) > 120 {
			t.Errorf("long line %q", line)
		}
	}
}

func TestConfigYAMLRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := DefaultConfig()
		for _, s := range c.settings() {
			switch p := s.value.(type) {
			case *string:
				*p = rapid.SampledFrom(s.names).Draw(t, s.key)
			case *int:
				*p = rapid.IntRange(int(s.lo), int(s.hi)).Draw(t, s.key)
			case *uint64:
				*p = rapid.Uint64().Draw(t, s.key)
			case *float32:
				*p = rapid.Float32Range(float32(s.lo), float32(math.Min(s.hi, math.MaxFloat32))).Draw(t, s.key)
			case *float64:
				*p = rapid.Float64Range(s.lo, math.Min(s.hi, math.MaxFloat64)).Draw(t, s.key)
			}
		}
		back, err := ParseConfig("config.yaml", c.YAML(), Config{})
		if err != nil {
			t.Fatalf("%v\n%s", err, c.YAML())
		}
		if back != c {
			t.Fatalf("got\n%+v\nwant\n%+v", back, c)
		}
	})
}

func TestParseConfig(t *testing.T) {
	want := DefaultConfig()
	want.Data = "fashion-mnist"
	want.Seed = math.MaxUint64
	want.Epochs = 60
	want.Sampler.StepSize = 2.5
	want.Sampler.GradClip = float32(math.Inf(1))
	want.Optimizer.LearningRate = 1e-3
	got, err := ParseConfig("f", []byte(`# a comment
data: "fashion-mnist"
seed: 18446744073709551615
epochs: 60 # as published
sampler: {step_size: 2.5, grad_clip: .inf}
optimizer:
  learning_rate: 1e-3
schedule:
  # gamma: 0.5
`), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("got %+v", got)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n", "{}"} {
		if got, err := ParseConfig("f", []byte(empty), want); err != nil || got != want {
			t.Errorf("%q: %+v, %v", empty, got, err)
		}
	}
}

func TestParseConfigErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"epoch: 3", `f.yaml:1:1: unknown key "epoch"; did you mean "epochs"?`},
		{"seed: 1\noptimizer:\n  lerning_rate: 1", `f.yaml:3:3: unknown key "optimizer.lerning_rate"; did you mean "optimizer.learning_rate"?`},
		{"learning_rate: 1", `f.yaml:1:1: unknown key "learning_rate"; did you mean "optimizer.learning_rate"?`},
		{"optimiser:\n  beta1: 0", `f.yaml:1:1: unknown key "optimiser"; did you mean "optimizer"?`},
		{"zebra: 1", `f.yaml:1:1: unknown key "zebra"; joule train --print-config lists all keys`},
		{"optimizer.beta1: 0.5", `f.yaml:1:1: unknown key "optimizer.beta1"`},
		{"optimizer: 3", `f.yaml:1:12: optimizer: is not a group of keys`},
		{"epochs: many", `f.yaml:1:9: epochs: "many" is not a whole number`},
		{"epochs: 2.5", `f.yaml:1:9: epochs: "2.5" is not a whole number`},
		{"epochs: '3'", `f.yaml:1:9: epochs: wants a number, not a text in quotes; write "3" without quotes`},
		{"epochs: {a: 1}", `f.yaml:1:`},
		{"epochs: [1]", `f.yaml:1:9: a list is not part of a configuration`},
		{"epochs:\nseed: 1", `epochs: has no value`},
		{"epochs: 0", `f.yaml:1:9: epochs: 0 is not within 1 to 1000000`},
		{"epochs: 99999999999999999999999", `f.yaml:1:9: epochs: "99999999999999999999999" is not within 1 to 1000000`},
		{"seed: -1", `f.yaml:1:7: seed: "-1" is not a whole number from 0`},
		{"seed: 18446744073709551616", `is not within 0 to 18446744073709551615`},
		{"sampler: {noise: .nan}", `sampler.noise: ".nan" is not a number`},
		{"sampler: {noise: 1e99}", `sampler.noise: "1e99" is not within`},
		{"sampler: {noise: true}", `sampler.noise: "true" is not a number`},
		{"buffer: {restart_probability: 1.5}", `f.yaml:1:31: buffer.restart_probability: 1.5 is not within 0 to 1`},
		{"data: cifar", `f.yaml:1:7: data: "cifar" is not one of mnist, fashion-mnist`},
		{"seed: 1\nseed: 2", `f.yaml:2:1: mapping key "seed" already defined`},
		{"seed: 1\n\tepochs: 2", `f.yaml:2:`},
		{"a: &x 1", `f.yaml:1:4: anchors and aliases are not part of a configuration`},
		{"<<: *x", `f.yaml:1:`},
		{"seed: !!int 1", `a tag is not part`},
		{"seed: 1\n---\nseed: 2", `a second YAML document`},
		{"hello", `is not a group of keys`},
		{"{", `f.yaml:1:`},
		{"seed: \"", `f.yaml:1:`},
		{strings.Repeat("# a long file\n", maxConfigBytes/10), `too many for a configuration`},
		{strings.Repeat("[", maxConfigBytes), `f.yaml:1:1: a list`},
		{strings.Repeat("{", maxConfigBytes), `too deeply`},
		{strings.Repeat("a: ", maxConfigBytes/3), `too long for a configuration`},
	} {
		began := time.Now()
		got, err := ParseConfig("f.yaml", []byte(test.text), DefaultConfig())
		if err == nil {
			t.Errorf("%.60q: no error", test.text)
			continue
		}
		if !strings.Contains(told(err), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %q, want %q", test.text, err, test.want)
		}
		var e *ConfigError
		if !errors.As(err, &e) {
			t.Errorf("%.60q: error of type %T", test.text, err)
		}
		if got != DefaultConfig() {
			t.Errorf("%.60q: changed the settings in spite of an error", test.text)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%.60q: took %v", test.text, d)
		}
	}
}

func TestValidate(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Network.HiddenFeatures = 7 }, "network.hidden_features: 7 is odd"},
		{func(c *Config) { c.Network.HiddenFeatures = 0 }, "network.hidden_features: 0 is not within 2 to 1024"},
		{func(c *Config) { c.BatchSize = -64 }, "batch_size: -64 is not within 1 to 16384"},
		{func(c *Config) { c.Sampler.Noise = float32(nan) }, "sampler.noise: NaN is not within"},
		{func(c *Config) { c.Optimizer.Beta2 = 1 }, "optimizer.beta2: 1 is not within"},
		{func(c *Config) { c.Optimizer.LearningRate = math.Inf(1) }, "optimizer.learning_rate: .inf is not within"},
		{func(c *Config) { c.Sampler.Min = 1 }, "sampler.min: 1 is not below sampler.max = 1"},
		{func(c *Config) { c.Data = "" }, `data: "" is not one of mnist, fashion-mnist`},
		{func(c *Config) { *c = Config{} }, "data:"},
		{func(c *Config) { c.Data = "photos" }, `data: "photos" is not one of mnist, fashion-mnist; for a folder of images, write its path with a slash: ./photos`},
		{func(c *Config) { c.Data = "mnits" }, `; did you mean "mnist"?`},
		{func(c *Config) { c.Data = "./a\nb" }, `data: "./a\nb" cannot be written as a setting`},
		{func(c *Config) { c.Data = "./a " }, `cannot be written`},
		{func(c *Config) { c.Data = "./\xff" }, `cannot be written`},
		{func(c *Config) { c.Data = strings.Repeat("/", maxPath+1) }, `cannot be written`},
		{func(c *Config) { c.Image.Channels = 2 }, "image.channels: 2 is neither 1 nor 3"},
		{func(c *Config) { c.Image.Channels = 4 }, "image.channels: 4 is not within 0 to 3"},
		{func(c *Config) { c.Image.Height = 5 }, "image.height: 5, and image.width is 0; give both"},
		{func(c *Config) { c.Image.Width = 129 }, "image.width: 129 is not within 0 to 128"},
	} {
		c := DefaultConfig()
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(told(err), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	// Zero is a value like any other where it has a meaning.
	c := DefaultConfig()
	c.Sampler.Steps, c.Sampler.Noise, c.Objective.Alpha, c.Optimizer.LearningRate = 0, 0, 0, 0
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	c := DefaultConfig()
	for _, a := range []string{"optimizer.learning_rate=1e-3", " epochs = 7 ", "optimizer.grad_clip_norm=.inf"} {
		if err := c.Set(a); err != nil {
			t.Error(err)
		}
	}
	if c.Optimizer.LearningRate != 1e-3 || c.Epochs != 7 || !math.IsInf(c.Optimizer.GradClipNorm, 1) {
		t.Errorf("got %+v", c)
	}
	before := c
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
		strings.Repeat("a", 1e6):        "is not an assignment",
		strings.Repeat("a", 1e6) + "=1": `aaa…"; joule train --print-config`,
	} {
		err := c.Set(a)
		if err == nil || !strings.Contains(told(err), want) || len(told(err)) > 200 {
			t.Errorf("%.40q: %v, want %q", a, err, want)
		}
	}
	if c != before {
		t.Error("a failed Set changed the settings")
	}
}

func TestSetEnv(t *testing.T) {
	c := DefaultConfig()
	err := c.SetEnv([]string{"HOME=/root", "JOULE_EPOCHS=9", "JOULE_OPTIMIZER_LEARNING_RATE=2e-4", "JOULE_SEED=", "JOULE_RUN_DIR=x", "=odd", "JOULE"}, "JOULE_RUN_DIR")
	if err != nil {
		t.Fatal(err)
	}
	if c.Epochs != 9 || c.Optimizer.LearningRate != 2e-4 || c.Seed != 42 {
		t.Errorf("got %+v", c)
	}
	for line, want := range map[string]string{
		"JOULE_EPOCH=3":        `environment: unknown variable "JOULE_EPOCH"; did you mean "JOULE_EPOCHS"?`,
		"JOULE_RUNDIR=x":       `did you mean "JOULE_RUN_DIR"?`,
		"JOULE_SOMETHING=1":    "unset it",
		"JOULE_EPOCHS=x":       `JOULE_EPOCHS: epochs: "x" is not a whole number`,
		"JOULE_BATCH_SIZE=0":   "JOULE_BATCH_SIZE: batch_size: 0 is not within",
		"JOULE_NETWORK=1":      "unknown variable",
		"JOULE_SAMPLER_MIN=-x": "JOULE_SAMPLER_MIN",
	} {
		c := DefaultConfig()
		err := c.SetEnv([]string{"JOULE_SEED=1", line}, "JOULE_RUN_DIR")
		if err == nil || !strings.Contains(told(err), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
		if c != DefaultConfig() {
			t.Errorf("%s: changed the settings in spite of an error", line)
		}
	}
}

// editDistanceSlow follows the definition without a table.
func editDistanceSlow(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	change := 1
	if a[len(a)-1] == b[len(b)-1] {
		change = 0
	}
	a1, b1 := a[:len(a)-1], b[:len(b)-1]
	d := min(editDistanceSlow(a1, b)+1, editDistanceSlow(a, b1)+1, editDistanceSlow(a1, b1)+change)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, editDistanceSlow(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestEditDistance(t *testing.T) {
	word := rapid.StringMatching(`[abc]{0,5}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := editDistance(a, b), editDistanceSlow(a, b); got != want {
			t.Fatalf("%q %q: %d, want %d", a, b, got, want)
		}
	})
}

// TestDataPath makes sure that the paths of folders go through a file and the
// environment as they are.
func TestDataPath(t *testing.T) {
	for _, path := range []string{
		"./photos", ".", "..", "/", "/a b/c", `C:\Users\é`, "/it's: #1", "./- x", "-/x", "./[a]", "./{a}", "/%a", "./~", "~/x", ".inf", ".5", "1/2", "./a'", `./"`, "./&a", "./*a", "./!a", "./a: b", "./a #b", "./日本",
	} {
		c := DefaultConfig()
		if err := c.SetEnv([]string{"JOULE_DATA=" + path, "JOULE_IMAGE_HEIGHT=20", "JOULE_IMAGE_WIDTH=10", "JOULE_IMAGE_CHANNELS=3"}); err != nil || c.Data != path {
			t.Errorf("%q: %q, %v", path, c.Data, err)
			continue
		}
		if c.Image != (ImageConfig{20, 10, 3}) || c.Validate() != nil {
			t.Errorf("%+v: %v", c.Image, c.Validate())
		}
		back, err := ParseConfig("f", c.YAML(), Config{})
		if err != nil || back != c {
			t.Errorf("%q: %q, %v", path, back.Data, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(DefaultConfig().YAML())
	for _, s := range []string{
		"", "epochs: 3", "sampler: {noise: .inf}", "a: &x [*x]", "? a\n: b", "- a\n- b", "seed: |\n  1",
		"optimizer:\n  beta1: 0\n beta2: 1", "\"seed\": 1", "seed: 1 # x\n# y\n---\n...\n", "%YAML 1.2\n---\n", "<<: {a: 1}",
		"data: ./a b", "data: '/it''s: #1'", "data: \"C:\\\\x\"", "data: .inf", "data: ~/x", "data: \"./a\\n\"", "data: ./é\nimage: {height: 5, width: 6, channels: 3}",
		"seed: 0o17\nepochs: 1_000", "\xff\xfe", "sampler:\n\n\n  steps: 1\n\tnoise: 2", "{seed: 1, epochs: 2}", "seed:1", "- : {",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig("f", data, DefaultConfig())
		if err != nil {
			if c != DefaultConfig() {
				t.Fatal("an error changed the settings")
			}
			var e *ConfigError
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("error %T %q", err, err)
			}
			return
		}
		back, err := ParseConfig("f", c.YAML(), Config{})
		if err != nil || back != c {
			t.Fatalf("round trip: %v\n%s", err, c.YAML())
		}
	})
}
