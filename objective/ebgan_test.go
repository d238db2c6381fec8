package objective

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

// adversarial makes s train a generator beside an autoencoder.
func adversarial(s *Setup, kind string) {
	var err error
	if s.Network, err = arch.Energy(arch.Config{Kind: "autoencoder", HiddenFeatures: 4}, toy.Shape); err == nil {
		s.Generator, err = arch.Generator(arch.GeneratorConfig{Kind: arch.ConvGenerator, HiddenFeatures: 4, Code: 6}, toy.Shape)
	}
	if err != nil {
		panic(err)
	}
	s.Objective.Kind, s.Objective.Margin, s.Objective.PullingAway, s.Objective.Latent = kind, 12, 0.1, Uniform
	s.Schedule.MarginGamma, s.Optimizer.GradClipNorm = 1, math.Inf(1)
}

func tinyAdversarial(kind string) Setup {
	s := tiny(kind)
	adversarial(&s, kind)
	return s
}

// figures returns what a step measured, by name.
func figures(o Objective, r Result) map[string]float64 {
	v := map[string]float64{}
	for i, f := range o.Figures() {
		v[f.Name] = r.Values[i]
	}
	return v
}

// TestAdversarial: the losses are those of the formulas, and the gradient of each
// network is that of its loss.
func TestAdversarial(t *testing.T) {
	for _, kind := range []string{EBGAN, GAN} {
		for _, latent := range []string{Uniform, Gaussian} {
			s := tinyAdversarial(kind)
			s.Objective.Latent, s.Optimizer.LearningRate = latent, 0
			o := start(t, s).(*Adversarial)
			r := step(t, o, 0)
			real := realImages(0)
			z := make([]float32, batchSize*6)
			for i := range batchSize {
				if stream := (random.Stream{Seed: 1, Purpose: random.Latent}); latent == Gaussian {
					stream.Normal(z[i*6:i*6+6], uint32(i), 0, 1)
				} else {
					stream.Uniform(z[i*6:i*6+6], uint32(i), 0, -1, 1)
				}
			}
			energy, generator := slowLosses(o, real, z)
			if e, g := energy(), generator(); math.Abs(r.Loss/e-1) > 1e-5 || math.Abs(figures(o, r)[metric.GeneratorLoss]/g-1) > 1e-5 {
				t.Errorf("%s: losses %v and %v, want %v and %v", kind, r.Loss, figures(o, r)[metric.GeneratorLoss], e, g)
			}
			checkSlope(t, kind+"'s energy", o.energy, r.GradNorm, energy)
			checkSlope(t, kind+"'s generator", o.generator, figures(o, r)[metric.GeneratorGradNorm], generator)
		}
	}
}

func realImages(n int) []float32 {
	set, size := toy.Strokes(batchSize*(n+1)), toy.Shape.Len()
	x := make([]float32, batchSize*size)
	for i := range batchSize {
		set.Image(x[i*size:(i+1)*size], batchSize*n+i)
	}
	return x
}

// slowLosses are L_E and L_G of the networks as they are.
func slowLosses(o *Adversarial, real, z []float32) (energy, generator func() float64) {
	c := o.setup.Objective
	both := func() (e [2][]float32, codes []float32) {
		fake := make([]float32, len(real))
		o.generator.Engine.Outputs([][]float32{fake}, z)
		codes = make([]float32, batchSize*o.energy.Net.OutputShape(1).Len())
		for p, x := range [][]float32{real, fake} {
			e[p] = make([]float32, batchSize)
			o.energy.Engine.Outputs([][]float32{e[p], codes}, x)
		}
		return e, codes
	}
	log := func(x float64) float64 { return math.Log(1 / (1 + math.Exp(-x))) }
	energy = func() (sum float64) {
		e, _ := both()
		for i := range batchSize {
			r, f := float64(e[0][i]), float64(e[1][i])
			if c.Kind == GAN {
				sum += -log(-r) - log(f)
			} else {
				sum += r + max(0, c.Margin-f)
			}
		}
		return sum / batchSize
	}
	generator = func() (sum float64) {
		e, codes := both()
		for _, f := range e[1] {
			if c.Kind == GAN {
				sum -= log(-float64(f)) / batchSize
			} else {
				sum += float64(f) / batchSize
			}
		}
		if c.Kind == EBGAN {
			sum += c.PullingAway * slowPullingAway(codes, batchSize)
		}
		return sum
	}
	return energy, generator
}

// checkSlope compares the loss's rise along the gradient with its norm.
func checkSlope(t *testing.T, name string, p *Part, norm float64, loss func() float64) {
	t.Helper()
	const h = 2e-3
	weights := slices.Clone(p.Net.Params())
	along := func(h float64) float64 {
		for i, w := range weights {
			p.Net.Params()[i] = w + float32(h*float64(p.Grad[i])/norm)
		}
		p.Net.Pack()
		return loss()
	}
	if slope := (along(h) - along(-h)) / (2 * h); math.Abs(slope/norm-1) > 2e-2 {
		t.Errorf("%s: the loss rises by %v along its gradient, which has the norm %v", name, slope, norm)
	}
	along(0)
}

// TestMargin: samples whose energy is above the margin are let be, and the margin
// falls.
func TestMargin(t *testing.T) {
	for _, c := range []struct{ e, margin, loss, slope float64 }{{3, 10, 7, -1}, {10, 10, 0, 0}, {11, 10, 0, 0}, {0, 10, 10, -1}} {
		if l, s := ebganFake(c.e, c.margin); l != c.loss || s != c.slope {
			t.Errorf("%+v: %v, %v", c, l, s)
		}
	}
	if l, _ := ebganFake(math.NaN(), 10); !math.IsNaN(l) {
		t.Error("an energy that is not finite is hidden by the margin")
	}
	s := tinyAdversarial(EBGAN)
	s.Schedule.MarginGamma = 0.5
	o := start(t, s)
	r := Result{Values: make([]float64, len(o.Figures()))}
	for epoch, want := range []float64{12, 6, 3} {
		if err := o.Step(t.Context(), Batch{Real: realImages(0), N: batchSize, Epoch: epoch}, &r); err != nil || figures(o, r)[metric.Margin] != want {
			t.Errorf("epoch %d: margin %v, %v", epoch, figures(o, r)[metric.Margin], err)
		}
	}
}

// TestAdversarialThreads: both networks have the same bits for any number of cores,
// also after a batch that is not full and one of a single image.
func TestAdversarialThreads(t *testing.T) {
	var want [2][]float32
	for _, threads := range []int{1, 2, 7} {
		o := start(t, tinyAdversarial(EBGAN))
		for _, p := range o.Parts() {
			p.SetThreads(threads)
		}
		r := Result{Values: make([]float64, len(o.Figures()))}
		for n, images := range []int{batchSize, 3, 1, batchSize} {
			if err := o.Step(t.Context(), Batch{Real: realImages(n)[:images*toy.Shape.Len()], N: images, Step: uint32(n)}, &r); err != nil {
				t.Fatal(err)
			}
			if images == 1 && figures(o, r)[metric.PullingAway] != 0 {
				t.Error("one image is pulled away")
			}
		}
		for i, p := range o.Parts() {
			if want[i] == nil {
				want[i] = slices.Clone(p.Net.Params())
			} else if !slices.Equal(p.Net.Params(), want[i]) {
				t.Errorf("part %d has other weights on %d cores", i, threads)
			}
		}
	}
}

// TestAdversarialLearns: within some steps the energy tells real images from the
// generator's first ones.
func TestAdversarialLearns(t *testing.T) {
	o := start(t, tinyAdversarial(EBGAN))
	first, last := step(t, o, 0), Result{}
	for n := range 60 {
		last = step(t, o, n)
	}
	if a, b := figures(o, first)[metric.EnergyReal], figures(o, last)[metric.EnergyReal]; !(b < 0.8*a) {
		t.Errorf("the energy of real images was %v and is %v", a, b)
	}
	if w := o.Parts()[1]; slices.Equal(w.Net.Params(), start(t, tinyAdversarial(EBGAN)).Parts()[1].Net.Params()) {
		t.Error("the generator has not learnt")
	}
}

// TestAdversarialFinite: what is not finite ends a step before any weight changes.
func TestAdversarialFinite(t *testing.T) {
	for part := range 2 {
		o := start(t, tinyAdversarial(EBGAN))
		o.Parts()[part].Net.Params()[0] = float32(math.NaN())
		o.Parts()[part].Net.Pack()
		before := [2][]float32{slices.Clone(o.Parts()[0].Net.Params()[1:]), slices.Clone(o.Parts()[1].Net.Params()[1:])}
		r := Result{Values: make([]float64, len(o.Figures()))}
		err := o.Step(t.Context(), Batch{Real: realImages(0), N: batchSize}, &r)
		if bad := (*engine.NonFiniteError)(nil); !errors.As(err, &bad) {
			t.Errorf("part %d: %v", part, err)
		}
		for i, p := range o.Parts() {
			if !slices.Equal(p.Net.Params()[1:], before[i]) {
				t.Errorf("part %d: the weights of part %d changed", part, i)
			}
		}
	}
}

func TestAdversarialErrors(t *testing.T) {
	flat := []nn.LayerSpec{nn.Flatten(), nn.Linear(1), nn.Linear(144), nn.Reshape(1, 12, 12), nn.Distance(1)}
	for _, c := range []struct {
		change func(*Setup)
		key    string
	}{
		{func(s *Setup) { s.Objective.Margin = 0 }, "objective.margin"},
		{func(s *Setup) { s.Objective.Margin = -1 }, "objective.margin"},
		{func(s *Setup) { s.Network = toy.Network().Spec() }, "network.kind"},
		{func(s *Setup) { s.Network.Outputs = nil }, "objective.pulling_away"},
		{func(s *Setup) {
			s.Network.Layers, s.Network.Outputs = flat, []nn.Output{{Name: nn.EnergyOutput, Layer: 4}, {Name: nn.CodeOutput, Layer: 1}}
		}, "objective.pulling_away"},
	} {
		s := tinyAdversarial(EBGAN)
		c.change(&s)
		_, err := New(s)
		if e := (*setting.Error)(nil); !errors.As(err, &e) || e.Key != c.key || e.Hint == "" && !strings.Contains(e.Problem, "within") {
			t.Errorf("%s: %v", c.key, err)
		}
	}
	s := tinyAdversarial(EBGAN)
	s.Network.Outputs, s.Objective.PullingAway = nil, 0
	if _, err := New(s); err != nil {
		t.Errorf("without the term no code is needed: %v", err)
	}
}
