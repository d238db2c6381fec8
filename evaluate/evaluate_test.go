package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/classify"
	"github.com/joule-ml/joule/dataset"
)

// made returns n images of MNIST's size: bars whose place and slant tell the
// class.
func made(name string, n int) *dataset.Set {
	s := &dataset.Set{Name: name, N: n, C: 1, H: 28, W: 28, Pixels: make([]byte, n*784), Labels: make([]byte, n)}
	for i := range n {
		class := (i*7 + len(name)) % 10
		s.Labels[i] = byte(class)
		for y := 4; y < 24; y++ {
			x := 4 + class*2 + (y*(i%5))/24 + len(name)%3
			s.Pixels[i*784+y*28+x] = byte(160 + i*13%96)
		}
	}
	return s
}

func tinyModel(t *testing.T, change func(*joule.Config)) *joule.Model {
	t.Helper()
	c := joule.DefaultConfig()
	c.Network.HiddenFeatures, c.BatchSize, c.Sampler.Steps, c.LimitTrainBatches, c.Epochs = 4, 16, 3, 3, 1
	if change != nil {
		change(&c)
	}
	tr, err := joule.NewTrainer(c, made("mnist", 64), made("mnist", 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tr.Model()
}

func tinyConfig(m *joule.Model) Config {
	c := DefaultConfig("mnist", m)
	c.Samples, c.Sampler.Steps, c.LongRun, c.Chains = 120, 5, []int{4, 110}, 16
	c.Betas = 20
	return c
}

func TestRun(t *testing.T) {
	m := tinyModel(t, nil)
	data := Data{Train: made("mnist", 400), Test: made("mnist", 150), Other: made("fashion-mnist", 150)}
	cfg := tinyConfig(m)
	var reports []*Report
	for _, threads := range []int{1, 3} {
		cfg.Threads = threads
		r, err := Run(t.Context(), m, data, cfg)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	r := reports[0]
	if a, b := *r, *reports[1]; !reflect.DeepEqual(a.Samples, b.Samples) || !reflect.DeepEqual(a.Outliers, b.Outliers) || !reflect.DeepEqual(a.Chains, b.Chains) || !reflect.DeepEqual(a.AIS, b.AIS) {
		t.Errorf("one thread finds\n%+v\nthree\n%+v", a, b)
	}

	checkKeys(t, r)
	checkFigures(t, r)

	// The samples are those that joule sample draws.
	c := joule.SampleConfig{N: 120, Seed: 42, Sampler: cfg.Sampler}
	s, err := m.Sample(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.images, s.Images[:64*784]) {
		t.Error("the report shows other samples")
	}
	checkPage(t, r)
}

// checkKeys makes sure that every key that programs rely on is there, with a
// number.
func checkKeys(t *testing.T, r *Report) {
	t.Helper()
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var j struct {
		Samples  map[string]any
		Outliers map[string]map[string]any
		Chains   map[string]map[string]any
	}
	if err := json.Unmarshal(text, &j); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"n", "seed", "frechet", "inception_score", "label_histogram", "precision", "coverage"} {
		if j.Samples[key] == nil {
			t.Errorf("no samples.%s", key)
		}
	}
	for _, set := range strings.Fields("uniform inverted shuffled fashion-mnist gray noise-0.3 half-size noise-0.1 rotated-180 blank hflip vflip erased checkerboard") {
		o := j.Outliers[set]
		a, ok := o["auroc"].(float64)
		if f, _ := o["fpr95"].(float64); !ok || a < 0 || a > 1 || f < 0 || f > 1 || o["n"].(float64) != 150 {
			t.Errorf("outliers.%s is %v", set, o)
		}
	}
	for _, steps := range []string{"4", "110"} {
		if c := j.Chains[steps]; c["frechet"] == nil || c["n"].(float64) != 16 {
			t.Errorf("chains.%s is %v", steps, c)
		}
	}
}

// checkFigures looks at numbers that no model may have otherwise.
func checkFigures(t *testing.T, r *Report) {
	t.Helper()
	if r.Chains["4"].RHat != 0 || r.Chains["110"].RHat == 0 {
		t.Errorf("R̂ of 4 and 110 steps: %v, %v", r.Chains["4"].RHat, r.Chains["110"].RHat)
	}
	if a := r.AIS; a == nil || a.Betas != 20 || !(a.LogZLow <= a.LogZ && a.LogZ <= a.LogZHigh) || math.Abs(a.Nats+a.BitsPerDim*784*math.Ln2) > 1e-6 {
		t.Errorf("likelihood: %+v", a)
	}
	if len(r.Outliers) != 14 || r.Samples.EnergySDTest <= 0 {
		t.Errorf("%d kinds of outliers, energies of test images spread by %v", len(r.Outliers), r.Samples.EnergySDTest)
	}
	sum := 0.0
	for _, v := range r.Samples.LabelHistogram {
		sum += v
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares of labels add up to %v", sum)
	}
	if T := r.Samples.Sampler.Temperature; math.Abs(T-1.25e-6) > 1e-12 {
		t.Errorf("temperature %v", T)
	}
}

// checkPage reads the report as a page, alone and beside another.
func checkPage(t *testing.T, r *Report) {
	t.Helper()
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "Beside others") {
		t.Error("the page compares the model with none")
	}
	page.Reset()
	if err := r.WriteHTML(&page, Column{"<b>", reported("fashion-mnist", 321)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<th>this model</th><th>&lt;b&gt;</th>", "<td>321</td>", r.Model.Hash, "<td>half-size</td>", "uniform (seen)", "data:image/png;base64,", "1.25e-06"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	text := regexp.MustCompile(`base64,[^"]*`).ReplaceAll(page.Bytes(), nil)
	for _, bad := range []string{"<no value>", "NaN", "ZgotmplZ", "http"} {
		if bytes.Contains(text, []byte(bad)) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// Chains that stand still are judged like others.
func TestRunStill(t *testing.T) {
	m := tinyModel(t, nil)
	c := tinyConfig(m)
	c.Sampler.StepSize, c.Sampler.Noise, c.LongRun, c.Betas = 0, 0, []int{110}, 0
	r, err := Run(t.Context(), m, Data{Train: made("mnist", 400), Test: made("mnist", 150), Other: made("fashion-mnist", 150)}, c)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Chains["110"]; v.RHat != 0 || v.EffectiveSize != 0 || r.AIS != nil {
		t.Errorf("chains that stand still: %+v", v)
	}
	if _, err := r.JSON(); err != nil {
		t.Error(err)
	}
}

// What is not asked for is not done, nor said to be.
func TestRunParts(t *testing.T) {
	m := tinyModel(t, nil)
	cfg := tinyConfig(m)
	cfg.LongRun, cfg.Betas = nil, 0
	var said []string
	cfg.Progress = func(what string) { said = append(said, what) }
	r, err := Run(t.Context(), m, Data{Train: made("mnist", 400), Test: made("mnist", 150), Other: made("fashion-mnist", 150)}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"reading the data's features", "drawing 120 samples", "scoring outliers"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if len(r.Chains) > 0 || r.AIS != nil {
		t.Errorf("found chains %v and bounds %v", r.Chains, r.AIS)
	}
}

func TestSeen(t *testing.T) {
	for _, v := range []struct {
		change func(*joule.Config)
		seen   []string
	}{
		{nil, []string{"uniform"}},
		{func(c *joule.Config) { c.Restart.Data = 1 }, []string{"uniform", "noise-0.3", "noise-0.1"}},
		{func(c *joule.Config) { c.Restart.Blank = 1 }, []string{"uniform", "gray", "blank"}},
		{func(c *joule.Config) { c.Restart.Gray, c.Buffer.RestartProbability = 1, 0 }, []string{"uniform"}},
	} {
		e := &evaluation{model: tinyModel(t, v.change)}
		for _, name := range []string{"uniform", "noise-0.3", "noise-0.1", "gray", "blank", "hflip", "fashion-mnist"} {
			if e.seen(name) != slices.Contains(v.seen, name) {
				t.Errorf("seen %v, but %s is %v", v.seen, name, e.seen(name))
			}
		}
	}
}

func TestConfig(t *testing.T) {
	m := tinyModel(t, nil)
	data := Data{Train: made("mnist", 400), Test: made("mnist", 150), Other: made("fashion-mnist", 150)}
	for _, change := range []func(*Config){
		func(c *Config) { c.Samples = 3 },
		func(c *Config) { c.Chains = 1 },
		func(c *Config) { c.LongRun = []int{0} },
		func(c *Config) { c.Suite = "cifar" },
		func(c *Config) { c.Sampler.Noise = -1 },
	} {
		c := tinyConfig(m)
		change(&c)
		if _, err := Run(t.Context(), m, data, c); err == nil {
			t.Errorf("%+v is run", c)
		}
	}
	if Other("mnist") != "fashion-mnist" || Other("fashion-mnist") != "mnist" {
		t.Error("the suites are not each other's foreign images")
	}
}

// counted images count how many were asked for, and stop the work at the first.
type counted struct {
	n    int
	stop func()
}

func (c *counted) Image([]float32, int) { c.n++; c.stop() }

// TestRunStops: work on many images ends within a chunk of them.
func TestRunStops(t *testing.T) {
	classifier, err := classify.BuiltIn("mnist")
	if err != nil {
		t.Fatal(err)
	}
	m := tinyModel(t, nil)
	for name, work := range map[string]func(e *evaluation, images *counted){
		"look":   func(e *evaluation, images *counted) { e.look(images, 10*chunk) },
		"scores": func(e *evaluation, images *counted) { e.scores(images, 10*chunk) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		images := &counted{stop: cancel}
		work(&evaluation{ctx: ctx, model: m.WithContext(ctx), classifier: classifier}, images)
		if images.n > chunk {
			t.Errorf("%s: %d images after it was stopped", name, images.n)
		}
	}
}
