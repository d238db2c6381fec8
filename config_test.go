package joule_test

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/setting"
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
	var e *setting.Error
	if errors.As(err, &e) && e.Hint != "" {
		return err.Error() + "; " + e.Hint
	}
	return err.Error()
}

func TestSettingsCoverConfig(t *testing.T) {
	var c joule.Config
	seen := map[uintptr]string{}
	for _, s := range c.Settings() {
		at := reflect.ValueOf(s.Value).Pointer()
		if other, ok := seen[at]; ok {
			t.Errorf("%s and %s share a field", s.Key, other)
		}
		seen[at] = s.Key
		if s.About == "" {
			t.Errorf("%s has no comment", s.Key)
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

// TestSettings: what a setting says of itself is what is read back.
func TestSettings(t *testing.T) {
	c := joule.DefaultConfig()
	for _, s := range c.Settings() {
		if _, list := s.Value.(setting.Texts); s.Allowed() == "" && !list {
			t.Errorf("%s does not say what is allowed", s.Key)
		}
		d := joule.DefaultConfig()
		if err := d.Set(s.Key + "=" + s.String()); err != nil || !reflect.DeepEqual(d, c) {
			t.Errorf("%s: %v", s.Key, err)
		}
		if err := d.SetEnv([]string{s.Env() + "=" + s.String()}); err != nil || !reflect.DeepEqual(d, c) {
			t.Errorf("%s: %v", s.Key, err)
		}
	}
}

// TestConfigKept: an error leaves the settings as they were, also those that
// come before the one at fault.
func TestConfigKept(t *testing.T) {
	c := joule.DefaultConfig()
	if err := c.Set("epochs=0"); err == nil || !reflect.DeepEqual(c, joule.DefaultConfig()) {
		t.Errorf("Set: %v", err)
	}
	if err := c.SetEnv([]string{"JOULE_SEED=1", "JOULE_EPOCHS=0"}); err == nil || !reflect.DeepEqual(c, joule.DefaultConfig()) {
		t.Errorf("SetEnv: %v", err)
	}
	got, err := joule.ParseConfig("f.yaml", []byte("seed: 1\nsampler: {noise: 0.5, steps: many}"), c)
	if err == nil || !reflect.DeepEqual(got, joule.DefaultConfig()) {
		t.Errorf("ParseConfig: %v", err)
	}
	if want := `f.yaml:2:30: sampler.steps: "many" is not a whole number`; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestDefaultConfig(t *testing.T) {
	c := joule.DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	back, err := joule.ParseConfig("config.yaml", c.YAML(), joule.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, c) {
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
		c := joule.DefaultConfig()
		for _, s := range c.Settings() {
			switch p := s.Value.(type) {
			case *string:
				*p = rapid.SampledFrom(s.Names).Draw(t, s.Key)
			case *int:
				*p = rapid.IntRange(int(s.Lo), int(s.Hi)).Draw(t, s.Key)
			case *uint64:
				*p = rapid.Uint64().Draw(t, s.Key)
			case *float32:
				*p = rapid.Float32Range(float32(s.Lo), float32(math.Min(s.Hi, math.MaxFloat32))).Draw(t, s.Key)
			case *float64:
				*p = rapid.Float64Range(s.Lo, math.Min(s.Hi, math.MaxFloat64)).Draw(t, s.Key)
			case setting.Texts:
				layer := rapid.SampledFrom([]string{"conv2d 16 kernel=5 stride=2 padding=4", "conv2d 8 kernel=3", "silu", "flatten", "linear 1"})
				if err := p.SetTexts(rapid.SliceOf(layer).Draw(t, s.Key)); err != nil {
					t.Fatal(err)
				}
			default:
				t.Fatalf("%s is a %T", s.Key, p)
			}
		}
		back, err := joule.ParseConfig("config.yaml", c.YAML(), joule.Config{})
		if err != nil {
			t.Fatalf("%v\n%s", err, c.YAML())
		}
		if !reflect.DeepEqual(back, c) {
			t.Fatalf("got\n%+v\nwant\n%+v", back, c)
		}
	})
}

func TestParseConfig(t *testing.T) {
	want := joule.DefaultConfig()
	want.Data = "fashion-mnist"
	want.Seed = math.MaxUint64
	want.Epochs = 60
	want.Sampler.StepSize = 2.5
	want.Sampler.GradClip = float32(math.Inf(1))
	want.Optimizer.LearningRate = 1e-3
	got, err := joule.ParseConfig("f", []byte(`# a comment
data: "fashion-mnist"
seed: 18446744073709551615
epochs: 60 # as published
sampler: {step_size: 2.5, grad_clip: .inf}
optimizer:
  learning_rate: 1e-3
schedule:
  # gamma: 0.5
`), joule.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	for _, empty := range []string{"", "\n", "# nothing\n", "---\n", "{}"} {
		if got, err := joule.ParseConfig("f", []byte(empty), want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", empty, got, err)
		}
	}
}

func TestValidate(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		change func(*joule.Config)
		want   string
	}{
		{func(c *joule.Config) { c.Network.HiddenFeatures = 7 }, "network.hidden_features: 7 is odd"},
		{func(c *joule.Config) { c.Network.HiddenFeatures = 0 }, "network.hidden_features: 0 is not within 2 to 1024"},
		{func(c *joule.Config) { c.Network.Kind = "cnm" }, `network.kind: "cnm" is not one of cnn, mlp, autoencoder, autoencoder_mlp; did you mean "cnn"?`},
		{func(c *joule.Config) { c.BatchSize = -64 }, "batch_size: -64 is not within 1 to 16384"},
		{func(c *joule.Config) { c.Sampler.Noise = float32(nan) }, "sampler.noise: NaN is not within"},
		{func(c *joule.Config) { c.Optimizer.Beta2 = 1 }, "optimizer.beta2: 1 is not within"},
		{func(c *joule.Config) { c.Optimizer.LearningRate = math.Inf(1) }, "optimizer.learning_rate: .inf is not within"},
		{func(c *joule.Config) { c.Sampler.Min = 1 }, "sampler.min: 1 is not below sampler.max = 1"},
		{func(c *joule.Config) { c.Data = "" }, `data: "" is not one of mnist, fashion-mnist`},
		{func(c *joule.Config) { *c = joule.Config{} }, "data:"},
		{func(c *joule.Config) { c.Data = "photos" }, `data: "photos" is not one of mnist, fashion-mnist; for a folder of images, write its path with a slash: ./photos`},
		{func(c *joule.Config) { c.Data = "mnits" }, `; did you mean "mnist"?`},
		{func(c *joule.Config) { c.Data = "./a\nb" }, `data: "./a\nb" cannot be written as a setting`},
		{func(c *joule.Config) { c.Data = "./a " }, `cannot be written`},
		{func(c *joule.Config) { c.Data = "./\xff" }, `cannot be written`},
		{func(c *joule.Config) { c.Data = strings.Repeat("/", 4097) }, `cannot be written`},
		{func(c *joule.Config) { c.Image.Channels = 2 }, "image.channels: 2 is neither 1 nor 3"},
		{func(c *joule.Config) { c.Image.Channels = 4 }, "image.channels: 4 is not within 0 to 3"},
		{func(c *joule.Config) { c.Image.Height = 5 }, "image.height: 5, and image.width is 0; give both"},
		{adversary(func(c *joule.Config) { c.BatchSize = 1 }), "batch_size: 1 image has no other"},
		{adversary(func(c *joule.Config) { c.Objective.Margin = 0 }), "objective.margin: 0 leaves objective.kind = ebgan nothing"},
		{adversary(func(c *joule.Config) { c.Objective.Margin = -1 }), "objective.margin: -1 is not within 0 to"},
		{adversary(func(c *joule.Config) { c.Generator.Code = 0 }), "generator.code: 0 is not within 1 to 4096"},
		{func(c *joule.Config) { c.Image.Width = 129 }, "image.width: 129 is not within 0 to 128"},
	} {
		c := joule.DefaultConfig()
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(told(err), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	// Zero is a value like any other where it has a meaning.
	c := joule.DefaultConfig()
	c.Sampler.Steps, c.Sampler.Noise, c.Objective.Alpha, c.Optimizer.LearningRate = 0, 0, 0, 0
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestDataPath makes sure that the paths of folders go through a file and the
// environment as they are.
func TestDataPath(t *testing.T) {
	for _, path := range []string{
		"./photos", ".", "..", "/", "/a b/c", `C:\Users\é`, "/it's: #1", "./- x", "-/x", "./[a]", "./{a}", "/%a", "./~", "~/x", ".inf", ".5", "1/2", "./a'", `./"`, "./&a", "./*a", "./!a", "./a: b", "./a #b", "./日本",
	} {
		c := joule.DefaultConfig()
		if err := c.SetEnv([]string{"JOULE_DATA=" + path, "JOULE_IMAGE_HEIGHT=20", "JOULE_IMAGE_WIDTH=10", "JOULE_IMAGE_CHANNELS=3"}); err != nil || c.Data != path {
			t.Errorf("%q: %q, %v", path, c.Data, err)
			continue
		}
		if c.Image != (joule.ImageConfig{20, 10, 3}) || c.Validate() != nil {
			t.Errorf("%+v: %v", c.Image, c.Validate())
		}
		back, err := joule.ParseConfig("f", c.YAML(), joule.Config{})
		if err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%q: %q, %v", path, back.Data, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	// The defaults in small pieces: what the fuzzer finds in a long file it
	// spends minutes on making shorter.
	groups := regexp.MustCompile(`(?m)^\S`).FindAllIndex(joule.DefaultConfig().YAML(), -1)
	for i, g := range groups[1:] {
		f.Add(joule.DefaultConfig().YAML()[groups[i][0]:g[0]])
	}
	for _, s := range []string{
		"", "epochs: 3", "sampler: {noise: .inf}", "a: &x [*x]", "? a\n: b", "- a\n- b", "seed: |\n  1",
		"optimizer:\n  beta1: 0\n beta2: 1", "\"seed\": 1", "seed: 1 # x\n# y\n---\n...\n", "%YAML 1.2\n---\n", "<<: {a: 1}",
		"network:\n  layers:\n  - conv2d 8 kernel=3 padding=1\n  - silu # c\n", "network: {layers: [flatten, linear 1]}", "network: {layers: [liner 1]}",
		"data: ./a b", "data: '/it''s: #1'", "data: \"C:\\\\x\"", "data: .inf", "data: ~/x", "data: \"./a\\n\"", "data: ./é\nimage: {height: 5, width: 6, channels: 3}",
		"seed: 0o17\nepochs: 1_000", "\xff\xfe", "sampler:\n\n\n  steps: 1\n\tnoise: 2", "{seed: 1, epochs: 2}", "seed:1", "- : {",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := joule.ParseConfig("f", data, joule.DefaultConfig())
		if err != nil {
			if !reflect.DeepEqual(c, joule.DefaultConfig()) {
				t.Fatal("an error changed the settings")
			}
			var e *setting.Error
			if !errors.As(err, &e) || strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("error %T %q", err, err)
			}
			return
		}
		back, err := joule.ParseConfig("f", c.YAML(), joule.Config{})
		if err != nil || !reflect.DeepEqual(back, c) {
			t.Fatalf("round trip: %v\n%s", err, c.YAML())
		}
	})
}

// TestConfigForOthers: what is handed on names a folder of images, and does not say
// where it is.
func TestConfigForOthers(t *testing.T) {
	for data, want := range map[string]string{
		"mnist": "mnist", "/home/bob/photos": "./photos", "../bob/photos/": "./photos", `C:\Users\bob\photos`: "./photos",
		"./photos": "./photos", ".": "./images", "../..": "./images", "/": "./images", ".hidden": "./.hidden",
	} {
		c := joule.DefaultConfig()
		c.Data = data
		once := c.ForOthers()
		if once.Data != want || once.ForOthers().Data != want {
			t.Errorf("%s becomes %s, want %s", data, once.Data, want)
		}
		if once.Data = data; !reflect.DeepEqual(once, c) {
			t.Errorf("%s: other settings changed", data)
		}
	}
}

// adversary changes settings of a training with a generator.
func adversary(change func(*joule.Config)) func(*joule.Config) {
	return func(c *joule.Config) {
		*c = joule.TinyAdversarial(objective.EBGAN)
		c.Data = "mnist"
		change(c)
	}
}
