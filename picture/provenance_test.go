package picture

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/sampler"
)

func TestDifferences(t *testing.T) {
	v := Describe(tinyModel(t, 1), joule.SampleConfig{}, Layout{})
	v.Software, v.Go, v.Kernel = "joule v0.0.1", "", "mmx"
	want := []string{"version joule v0.0.1 made it, this is joule ", "it does not tell the build that made it", "instruction set mmx made it, this is "}
	got := v.Differences()
	for i := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("differences %q, want %q", got, want)
		}
	}
}

// TestProvenanceOfAllSettings: no setting of the sampler is left out of the
// text.
func TestProvenanceOfAllSettings(t *testing.T) {
	v := Describe(tinyModel(t, 1), joule.DefaultSampleConfig(), Layout{})
	c := reflect.ValueOf(&v.Sample.Sampler).Elem()
	for i := range c.NumField() {
		switch f := c.Field(i); f.Kind() {
		case reflect.Int:
			f.SetInt(f.Int() + 3)
		case reflect.Float32:
			f.SetFloat(f.Float() + 0.1)
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.String: // the method
			names := sampler.Methods()
			f.SetString(names[len(names)-1])
		default:
			t.Fatalf("a setting of kind %v", f.Kind())
		}
	}
	v.Epochs, v.Steps, v.Sample.Patch = 7, 8, 0.3
	v.Sample.N = 0 // the text of no picture of samples does not tell
	got, err := Parse(v.Text())
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("read %+v, %v; want %+v", got, err, v)
	}
	v.Sample.Sampler.GradClip = float32(math.Inf(1))
	if got, err := Parse(v.Text()); err != nil || got.Sample.Sampler != v.Sample.Sampler {
		t.Errorf("without clipping: %v", err)
	}
}

// change returns texts with the value of one key replaced, or the key left
// out.
func change(text []grid.Text, key, value string) []grid.Text {
	var out []grid.Text
	for _, t := range text {
		if t.Key != key {
			out = append(out, t)
		} else if value != "" {
			out = append(out, grid.Text{Key: key, Value: value})
		}
	}
	return out
}

func TestParseProvenanceRefuses(t *testing.T) {
	m := tinyModel(t, 1)
	p, err := DefaultLayout(Animation).Fit(joule.DefaultSampleConfig(), 1, 9, 7)
	if err != nil {
		t.Fatal(err)
	}
	text := Describe(m, joule.DefaultSampleConfig(), p).Text()
	if _, err := Parse(text); err != nil {
		t.Fatal(err)
	}
	const settings = "steps=1 step_size=1 noise=1 anneal=0 grad_clip=1 min=-1 max=1"
	for _, tt := range []struct{ want, key, value string }{
		{"does not tell how", textModel, ""},
		{"joule:path is of 5000 bytes", textPath, strings.Repeat("x", 5000)},
		{`joule:seed is ""`, textSeed, ""},
		{`joule:seed is "-1"`, textSeed, "-1"},
		{`joule:training has epochs="x"`, textTraining, "epochs=x"},
		{"joule:sampler has no steps", textSampler, ""},
		{"joule:sampler has no max", textSampler, strings.TrimSuffix(settings, " max=1")},
		{`joule:sampler has steps="1e9"`, textSampler, strings.Replace(settings, "steps=1", "steps=1e9", 1)},
		{"out of range: steps: 999999999", textSampler, strings.Replace(settings, "steps=1", "steps=999999999", 1)},
		{`has a word "steps=2"`, textSampler, settings + " steps=2"},
		{`has a word "fast"`, textSampler, settings + " fast"},
		{`setting that is not known: "heat"`, textSampler, settings + " heat=1"},
		{`method: "ising" is not one of`, textSampler, settings + " method=ising"},
		{"has method=", textSampler, settings + " method="},
		{"step_size: NaN", textSampler, strings.Replace(settings, "step_size=1", "step_size=nan", 1)},
		{`noise="1e99"`, textSampler, strings.Replace(settings, "noise=1", "noise=1e99", 1)},
		{"is of 5000 bytes", textSampler, strings.Repeat(" ", 5000)},
		{`called "poster"`, textPicture, "kind=poster images=1 scale=1 columns=1 padding=0"},
		{"joule:picture has no kind", textPicture, "images=1"},
		{"scale is 0", textPicture, "kind=grid images=1 scale=0 columns=1 padding=0"},
		{"columns is 2000000000", textPicture, "kind=grid images=1 scale=1 columns=2000000000 padding=0"},
		{"number of samples is 2000000000", textPicture, "kind=grid images=2000000000 scale=1 columns=1 padding=0"},
		{"images is 16385, want 1 to 16384", textPicture, "kind=grid images=16385 scale=1 columns=1 padding=0"},
		{"number of samples is 0", textPicture, "kind=grid images=0 scale=1 columns=1 padding=0"},
		{"image 1 of 1", textPicture, "kind=image images=1 scale=1 index=1"},
		{"want 0 to 1m0s", textPicture, "kind=animation images=1 scale=1 columns=1 padding=0 every=1 delay_ms=2000000000 hold_ms=1"},
	} {
		changed := change(text, tt.key, tt.value)
		if tt.key == textTraining || tt.key == textPath { // not there
			changed = append(changed, grid.Text{Key: tt.key, Value: tt.value})
		}
		v, err := Parse(changed)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%.100s: %+v, %v, want %s", tt.key, tt.value, v, err, tt.want)
		}
	}
	if _, err := Parse(append(text, text[1])); err == nil || !strings.Contains(err.Error(), "two texts") {
		t.Errorf("the model twice: %v", err)
	}
}

// FuzzParseProvenance: what is accepted is in range and reads back the same.
func FuzzParseProvenance(f *testing.F) {
	m := tinyModel(f, 1)
	for _, p := range pictures {
		c := joule.DefaultSampleConfig()
		c.Every = 4
		p, err := p.Fit(c, 1, 9, 7)
		if err != nil {
			f.Fatal(err)
		}
		add := map[string]string{}
		for _, t := range Describe(m, c, p).Text() {
			add[t.Key] = t.Value
		}
		f.Add(add[textModel], add[textPath], add[textSeed], "epochs=1 steps=2", add[textSampler], add[textPicture])
	}
	f.Fuzz(func(t *testing.T, model, path, seed, training, sampler, picture string) {
		v, err := Parse([]grid.Text{
			{Key: textModel, Value: model}, {Key: textPath, Value: path}, {Key: textSeed, Value: seed}, {Key: textTraining, Value: training},
			{Key: textSampler, Value: sampler}, {Key: textPicture, Value: picture},
		})
		if err != nil {
			return
		}
		if err := v.Sample.Sampler.Validate(); err != nil {
			t.Fatal(err)
		}
		if v.Layout.Kind != "" {
			if err := errors.Join(v.Sample.Validate(), v.Layout.Validate()); err != nil {
				t.Fatal(err)
			}
			// It draws or says why not, and asks for no more than is allowed.
			if p, err := v.Layout.Fit(v.Config(), 1, 9, 7); err == nil && p != v.Layout {
				t.Fatalf("%+v became %+v", v.Layout, p)
			}
		}
		again, err := Parse(v.Text())
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%+v became %+v, %v", v, again, err)
		}
	})
}

// TestForOthers: a picture tells of its model's path what is below the working
// folder, or the run, and nothing else.
func TestForOthers(t *testing.T) {
	work := t.TempDir()
	t.Chdir(work)
	for path, want := range map[string]string{
		"": "", "m.safetensors": "m.safetensors", "./runs/a/version_0/model.safetensors": "runs/a/version_0/model.safetensors",
		filepath.Join(work, "sub", "m.safetensors"):                      "sub/m.safetensors",
		filepath.Join(filepath.Dir(work), "m.safetensors"):               "m.safetensors",
		"../bob/m.safetensors":                                           "m.safetensors",
		"../bob/runs/a/version_12/checkpoints/last.safetensors":          "a/version_12/checkpoints/last.safetensors",
		filepath.Join(filepath.Dir(work), "x/a/version_0/m.safetensors"): "a/version_0/m.safetensors",
	} {
		if got := forOthers(path); got != want {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
}
