package joule_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

func TestNetworkSize(t *testing.T) {
	net, err := nn.New(arch.CNN(32, lane.Shape{C: 1, H: 28, W: 28}))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(net.Params()); n != 76993 {
		t.Errorf("%d parameters, want 76,993", n)
	}
	var names []string
	for _, v := range net.Views() {
		names = append(names, v.Name)
	}
	want := "cnn_layers.0.weight cnn_layers.0.bias cnn_layers.2.weight cnn_layers.2.bias cnn_layers.4.weight cnn_layers.4.bias cnn_layers.6.weight cnn_layers.6.bias cnn_layers.9.weight cnn_layers.9.bias cnn_layers.11.weight cnn_layers.11.bias"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("parameters %s, want %s", got, want)
	}
	for _, c := range []struct {
		hidden int
		in     lane.Shape
	}{{2, lane.Shape{C: 1, H: 28, W: 28}}, {6, lane.Shape{C: 3, H: 32, W: 32}}, {10, lane.Shape{C: 3, H: 17, W: 64}}, {4, lane.Shape{C: 1, H: 1, W: 1}}} {
		if err := arch.CNN(c.hidden, c.in).Validate(); err != nil {
			t.Errorf("%d features on %v: %v", c.hidden, c.in, err)
		}
	}
}

func TestModelRoundTrip(t *testing.T) {
	m := joule.ModelOf(toy.Network())
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := joule.LoadModel(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Hash() != back.Hash() || m.Parameters() != back.Parameters() {
		t.Errorf("model %s became %s", m.Hash(), back.Hash())
	}
	x := toy.Images(3, 144, 1)
	a, b := make([]float32, 3), make([]float32, 3)
	m.Energies(a, x)
	back.Energies(b, x)
	if !slices.Equal(a, b) {
		t.Errorf("energies %v became %v", a, b)
	}
	back.Engine().Network().Params()[0] += 1
	if m.Hash() == back.Hash() {
		t.Error("another weight, the same hash")
	}

	// A checkpoint is a model too.
	tr := joule.TinyTrainer(t, joule.TinyConfig())
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	if back, err = joule.LoadModel(path); err != nil || back.Hash() != tr.Model().Hash() {
		t.Errorf("the model of a checkpoint: %v", err)
	}
}

// TestLoadModelErrors changes one thing at a time in a good file. A spec that
// asks for much must fail before it is built.
func TestLoadModelErrors(t *testing.T) {
	m := joule.ModelOf(toy.Network())
	dir := t.TempDir()
	spec := func(f func(*nn.Spec)) string {
		s := m.Engine().Network().Spec()
		s.Layers = slices.Clone(s.Layers)
		f(&s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct{ meta, value, want string }{
		{weights.MetaSpec, "", "no network spec"},
		{weights.MetaOutput, "logits", `output is "logits", want "energy" or "f"`},
		{weights.MetaSpec, "{", "network spec"},
		{weights.MetaSpec, `{"Bogus":1}`, "Bogus"},
		{weights.MetaSpec, strings.Repeat("[", 100000), "network spec"},
		{weights.MetaSpec, spec(func(s *nn.Spec) { s.Layers = nil }), "0 layers"},
		{weights.MetaSpec, spec(func(s *nn.Spec) { s.Layers[0].Out = 3 }), "cnn_layers.0.weight"},
		{weights.MetaSpec, spec(func(s *nn.Spec) { s.Input.H = 1 << 40 }), "input shape"},
		{weights.MetaSpec, spec(func(s *nn.Spec) { s.Input.C = 1024 }), "cnn_layers.0.weight"},
		{weights.MetaSpec, spec(func(s *nn.Spec) { s.Prefix = "other" }), "other.0.weight"},
	} {
		f, err := m.File(joule.OutputEnergy)
		if err != nil {
			t.Fatal(err)
		}
		f.Metadata[c.meta] = c.value
		path := filepath.Join(dir, "model")
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
		_, err = joule.LoadModel(path)
		var ce *checkpoint.Error
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s=%.40s: error %v, want one of the file with %q", c.meta, c.value, err, c.want)
		}
	}
	if _, err := joule.LoadModel(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestSample(t *testing.T) {
	m := joule.ModelOf(toy.Network())
	c := joule.DefaultSampleConfig()
	c.N, c.Sampler.Steps, c.Every = 10, 6, 2
	s, err := m.Sample(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Images) != 10*144 || len(s.Energy) != 10 || len(s.Frames) != 3 || s.C != 1 || s.H != 12 || s.W != 12 {
		t.Fatalf("%d values, %d energies, %d frames", len(s.Images), len(s.Energy), len(s.Frames))
	}
	if !slices.Equal(s.Frames[2], s.Images) || slices.Equal(s.Frames[1], s.Images) {
		t.Error("the last frame is not the result, or the one before is")
	}
	want := make([]float32, 10)
	m.Energies(want, s.Images)
	if !slices.Equal(want, s.Energy) {
		t.Errorf("energies %v, want %v", s.Energy, want)
	}

	// The first chains of a smaller number, on another number of cores.
	c.N, c.Threads, c.Every = 3, 1, 0
	few, err := m.Sample(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(few.Images, s.Images[:3*144]) {
		t.Error("a sample depends on how many are drawn")
	}
	c.Seed++
	other, err := m.Sample(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(other.Images, few.Images) {
		t.Error("another seed drew the same samples")
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Sample(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.N = 0
	if _, err := m.Sample(context.Background(), c); err == nil {
		t.Error("no samples were drawn without complaint")
	}
	c.N, c.Every, c.Sampler.Steps = joule.MaxSamples, 1, 1e6
	if _, err := m.Sample(context.Background(), c); err == nil || !strings.Contains(err.Error(), "too many to hold") {
		t.Errorf("more pictures than fit: %v", err)
	}
	c.N, c.Every, c.Sampler.Steps = 1, 0, 6
	m.Engine().Network().Params()[0] = float32(math.NaN())
	m.Engine().Network().Pack()
	var diverged *engine.NonFiniteError
	if _, err := m.Sample(context.Background(), c); !errors.As(err, &diverged) {
		t.Errorf("NaN weight: %v", err)
	}
}

// Samples start from the noise that chains start from in training.
func TestSampleStart(t *testing.T) {
	c := joule.DefaultConfig()
	if g := c.Generation(); g.Patch != 0 || g.Sampler.Steps != 256 || g.N != 64 || g.Seed != 42 {
		t.Errorf("the default generation is %+v", g)
	}
	c.Restart.Patch, c.Generate.Anneal, c.Sampler.Anneal = 0.25, 0.5, 0.75
	g := c.Generation()
	if g.Patch != 0.2 || g.Sampler.Anneal != 0.75 {
		t.Errorf("a fifth starts from patches, not %+v", g)
	}
	shape := lane.Shape{C: 1, H: 8, W: 8}
	g.N = 2000
	x := make([]float32, g.N*shape.Len())
	g.Start(x, shape)
	patches := 0
	for i := range g.N {
		if slices.Contains(x[i*64:(i+1)*64], -1) { // which uniform noise hardly ever is
			patches++
		}
	}
	if patches < 300 || patches > 480 { // a few patches fill the image
		t.Errorf("%d of %d chains start from patches", patches, g.N)
	}
	g.Patch = 2
	if g.Validate() == nil {
		t.Error("a share of 2 is valid")
	}
}
