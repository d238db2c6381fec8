package joule_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/weights"
)

// generating returns a model with a generator, that was trained for some steps.
func generating(t *testing.T, c joule.Config) (*joule.Trainer, *joule.Model) {
	t.Helper()
	tr := joule.TinyTrainer(t, c)
	for range 3 {
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
	}
	return tr, tr.Model()
}

// TestGeneratorSamples: a model with a generator has it make the samples, the same
// ones also after it was saved and for any number of cores, unless chains are asked for.
func TestGeneratorSamples(t *testing.T) {
	for _, latent := range []string{objective.Uniform, objective.Gaussian} {
		c := joule.TinyAdversarial(objective.EBGAN)
		c.Objective.Latent, c.EMA.Decay = latent, 0.9
		tr, m := generating(t, c)
		sc := joule.SampleConfig{N: 10, Seed: 3, Sampler: c.Sampler}
		s, err := m.Sample(t.Context(), sc)
		if err != nil {
			t.Fatal(err)
		}
		z, x, energy := make([]float32, 10*6), make([]float32, 10*144), make([]float32, 10)
		objective.DrawLatent(z, 10, latent, random.Stream{Seed: 3, Purpose: random.SampleLatent}, 0)
		m.Generate(x, z)
		m.Energies(energy, x)
		if m.Latent() != 6 || m.By(sc) != joule.ByGenerator || !slices.Equal(x, s.Images) || !slices.Equal(energy, s.Energy) {
			t.Errorf("%s: the samples are not the generator's", latent)
		}
		if during, err := tr.Sample(t.Context(), sc); err != nil || !slices.Equal(during.Images, s.Images) {
			t.Errorf("%s: other samples during the training: %v", latent, err)
		}
		path := filepath.Join(t.TempDir(), "model")
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		loaded, err := joule.LoadModel(path)
		if err != nil || loaded.Hash() != m.Hash() {
			t.Fatalf("%s: the model comes back as another: %v", latent, err)
		}
		sc.N, sc.Threads = 3, 1
		if few, err := loaded.Sample(t.Context(), sc); err != nil || !slices.Equal(few.Images, s.Images[:3*144]) {
			t.Errorf("%s: other samples of the saved model: %v", latent, err)
		}
		sc.By = joule.ByChains
		chains, err := loaded.Sample(t.Context(), sc)
		if err != nil || slices.Equal(chains.Images, s.Images[:3*144]) {
			t.Errorf("%s: chains: %v", latent, err)
		}
	}
}

func TestGeneratorSampleErrors(t *testing.T) {
	c := joule.TinyAdversarial(objective.EBGAN)
	_, m := generating(t, c)
	for want, sc := range map[string]joule.SampleConfig{
		"no pictures on the way":  {N: 2, Sampler: c.Sampler, Every: 1},
		"want generator or chain": {N: 2, Sampler: c.Sampler, By: "hand"},
	} {
		if _, err := m.Sample(t.Context(), sc); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := joule.ModelOf(toy.Network()).Sample(t.Context(), joule.SampleConfig{N: 2, Sampler: c.Sampler, By: joule.ByGenerator}); err == nil || !strings.Contains(err.Error(), "no generator") {
		t.Errorf("without a generator: %v", err)
	}
}

// TestGeneratorFiles: a file whose generator is missing, of another shape or nonsense is
// an error.
func TestGeneratorFiles(t *testing.T) {
	_, m := generating(t, joule.TinyAdversarial(objective.EBGAN))
	var good bytes.Buffer
	f, err := m.File(joule.OutputEnergy)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Encode(&good, f); err != nil {
		t.Fatal(err)
	}
	var text struct {
		Spec   nn.Spec `json:"spec"`
		Latent string  `json:"latent"`
	}
	change := func(do func()) string {
		if err := json.Unmarshal([]byte(f.Metadata[weights.MetaGenerator]), &text); err != nil {
			t.Fatal(err)
		}
		do()
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, value := range map[string]string{
		"no json":        "{",
		"unknown":        `{"bogus":1}`,
		"no spec":        `{"latent":"uniform"}`,
		"no latent":      change(func() { text.Latent = "" }),
		"an energy":      change(func() { text.Spec.Outputs = nil }),
		"another image":  change(func() { text.Spec.Outputs[0].Layer--; text.Spec.Layers = text.Spec.Layers[:len(text.Spec.Layers)-2] }),
		"another code":   change(func() { text.Spec.Input.C++ }),
		"no vector":      change(func() { text.Spec.Input = toy.Shape }),
		"another tensor": change(func() { text.Spec.Prefix = "other" }),
		"too large":      change(func() { text.Spec.Input.C = 1 << 40 }),
	} {
		bad, err := checkpoint.Decode(bytes.NewReader(good.Bytes()), int64(good.Len()))
		if err != nil {
			t.Fatal(err)
		}
		bad.Metadata[weights.MetaGenerator] = value
		var b bytes.Buffer
		if err := checkpoint.Encode(&b, bad); err != nil {
			t.Fatal(err)
		}
		_, err = joule.DecodeModel(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if e := (*checkpoint.Error)(nil); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGeneratorConvention: a file whose network outputs −E has the same model.
func TestGeneratorConvention(t *testing.T) {
	c := joule.TinyAdversarial(objective.GAN)
	c.Network.Kind = "cnn"
	_, m := generating(t, c)
	f, err := m.File(joule.OutputF)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := checkpoint.Write(path, f); err != nil {
		t.Fatal(err)
	}
	if again, err := joule.LoadModel(path); err != nil || again.Hash() != m.Hash() {
		t.Errorf("the model comes back as another: %v", err)
	}
}

// TestAdversarialResumes: a training of two networks that was saved goes on with the
// same bits, with an average of the weights, too.
func TestAdversarialResumes(t *testing.T) {
	c := joule.TinyAdversarial(objective.EBGAN)
	c.EMA.Decay, c.Epochs, c.LimitTrainBatches = 0.9, 2, 3
	c.Guard.Retries, c.Guard.EveryNSteps, c.Guard.Window = 2, 2, 2
	joule.CheckResumes(t, c)
}

// TestAdversarialCures: there is no replay buffer to renew, and the training goes back
// all the same.
func TestAdversarialCures(t *testing.T) {
	c := joule.TinyAdversarial(objective.EBGAN)
	c.Guard.Retries, c.Guard.EveryNSteps, c.Guard.Window, c.Guard.MinDiversity = 3, 2, 2, 1
	c.Optimizer.LearningRate = 0.25 // so that there was time to learn at once
	tr := joule.TinyTrainer(t, c)
	var did []string
	err := tr.Fit(t.Context(), joule.Callback{Rollback: func(r joule.Rollback) error {
		did = append(did, r.Rule+": "+r.Did)
		return nil
	}})
	if err != nil || len(did) < 2 || did[0] != "diversity: only the noise is another" ||
		!strings.Contains(did[1], "optimizer.learning_rate is now 0.0625") || strings.Contains(strings.Join(did, ""), "sampler.") {
		t.Errorf("%q, %v", did, err)
	}
}

// TestGeneratorMemory: what a training takes has the generator's part, and no replay
// buffer.
func TestGeneratorMemory(t *testing.T) {
	of := func(c joule.Config, what string) (bytes int64) {
		uses, err := c.MemoryUse(toy.Strokes(47), nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uses {
			if u.What == what {
				bytes += u.Bytes
			}
		}
		return bytes
	}
	c := joule.TinyAdversarial(objective.GAN)
	alone := c
	alone.Objective.Kind = objective.ContrastiveDivergence
	if a, b := of(c, joule.UseNetwork), of(alone, joule.UseNetwork); a <= b {
		t.Errorf("networks take %d bytes, the energy alone %d", a, b)
	}
	if n := of(c, joule.UseBuffer); n != 0 {
		t.Errorf("a buffer that is not there takes %d bytes", n)
	}
	c.Generator.Layers = arch.Layers{nn.Linear(1)}
	if _, err := c.MemoryUse(toy.Strokes(47), nil, 1); err == nil || !strings.Contains(err.Error(), "generator.layers") {
		t.Errorf("a generator of other images: %v", err)
	}
}

// TestAdversarialErrors: what does not suit the images is told by its setting.
func TestAdversarialErrors(t *testing.T) {
	for key, change := range map[string]func(*joule.Config){
		"generator.layers":       func(c *joule.Config) { c.Generator.Layers = arch.Layers{nn.Linear(100)} },
		"network.kind":           func(c *joule.Config) { c.Network.Kind = "cnn" },
		"network.code":           func(c *joule.Config) { c.Network.Layers, c.Network.Code = arch.Layers{nn.Flatten(), nn.Linear(1)}, 5 },
		"objective.pulling_away": func(c *joule.Config) { c.Network.Layers = arch.Layers{nn.Conv2D(1, 3, 1, 1), nn.Distance(1)} },
	} {
		c := joule.TinyAdversarial(objective.EBGAN)
		change(&c)
		_, err := joule.NewTrainer(c, toy.Strokes(47), toy.Strokes(23))
		if e := (*setting.Error)(nil); !errors.As(err, &e) || e.Key != key || e.Hint == "" {
			t.Errorf("%s: %v", key, err)
		}
	}
	tr, _ := generating(t, joule.TinyAdversarial(objective.EBGAN))
	path := filepath.Join(t.TempDir(), "last")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	_, err := joule.ResumeTrainer(path, toy.Strokes(47), toy.Strokes(23), func(c *joule.Config) error { return c.Set("generator.code=7") })
	if err == nil || !strings.Contains(err.Error(), "generator.code: cannot become 7") {
		t.Errorf("resumed with another code: %v", err)
	}
}

// FuzzGenerator reads hostile descriptions of a generator.
func FuzzGenerator(f *testing.F) {
	tr, err := joule.NewTrainer(joule.TinyAdversarial(objective.EBGAN), toy.Strokes(47), toy.Strokes(23))
	if err != nil {
		f.Fatal(err)
	}
	file, err := tr.Model().File(joule.OutputEnergy)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file.Metadata[weights.MetaGenerator])
	f.Add(`{"spec":{"Input":{"C":6,"H":1,"W":1},"Prefix":"generator","Layers":[{"Type":"linear","Out":144},{"Type":"reshape","Out":1,"Height":12,"Width":12}],"Outputs":[{"Name":"image","Layer":1}]},"latent":"uniform"}`)
	f.Add(`{"spec":{"Input":{"C":4096,"H":4096,"W":4096}},"latent":"gaussian"}`)
	f.Add(`{"spec":{"Input":{"C":144,"H":1,"W":1},"Layers":[{"Type":"reshape","Out":1,"Height":12,"Width":12}],"Outputs":[{"Name":"image"}]},"latent":"gaussian"}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		var b bytes.Buffer
		bad := *file
		bad.Metadata = maps.Clone(file.Metadata)
		bad.Metadata[weights.MetaGenerator] = text
		if checkpoint.Encode(&b, &bad) != nil {
			return
		}
		m, err := joule.DecodeModel(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			return
		}
		c := joule.DefaultSampleConfig()
		c.N, c.Sampler.Steps = 2, 1
		_, _ = m.Sample(t.Context(), c)
	})
}
