package joule

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/weights"
)

// A generator makes images of random vectors z. A model that was trained beside one
// has it.
type generator struct {
	engine *engine.Engine
	latent string // what z is drawn from, see objective.DrawLatent
}

// generatorJSON is what a model's file says of its generator.
type generatorJSON struct {
	Spec   nn.Spec `json:"spec"`
	Latent string  `json:"latent"`
}

func (g *generator) json() string {
	b, err := json.Marshal(generatorJSON{g.net().Spec(), g.latent})
	if err != nil {
		panic("joule: " + err.Error()) // a Spec is plain data
	}
	return string(b)
}

func (g *generator) net() *nn.Network { return g.engine.Network() }

// copyOf returns a generator with the same weights in memory of its own.
func (g *generator) copyOf(params []float32) *generator {
	net, err := nn.New(g.net().Spec())
	if err != nil {
		panic("joule: " + err.Error()) // it was built before
	}
	copy(net.Params(), params)
	net.Pack()
	return &generator{engine.New(net, 0), g.latent}
}

// generatorOf reads the generator of a model of images of a shape from a file, nil
// where it has none.
func generatorOf(f *checkpoint.File, image lane.Shape) (*generator, error) {
	text := f.Metadata[weights.MetaGenerator]
	if text == "" {
		return nil, nil
	}
	fault := func(format string, a ...any) error {
		return &checkpoint.Error{Fault: "generator: " + fmt.Sprintf(format, a...), Hint: weights.NotOurs}
	}
	var j generatorJSON
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, fault("%v", err)
	}
	if !slices.Contains([]string{objective.Uniform, objective.Gaussian}, j.Latent) {
		return nil, fault("its vectors are drawn from %.40q", j.Latent)
	}
	shapes, err := j.Spec.OutputShapes()
	switch {
	case err != nil:
		return nil, fault("%v", err)
	case j.Spec.IsEnergy() || len(shapes) != 1:
		return nil, fault("its network has other outputs than an image")
	case shapes[0] != image:
		return nil, fault("it makes images of %v, and the energy takes %v", shapes[0], image)
	case j.Spec.Input.H != 1 || j.Spec.Input.W != 1:
		return nil, fault("it takes images of %v, not a vector", j.Spec.Input)
	}
	net, err := weights.Build(j.Spec, f)
	if err != nil {
		return nil, err
	}
	return &generator{engine.New(net, 0), j.Latent}, nil
}

// draw sets the images of samples. Sample i depends on the seed and i alone.
func (g *generator) draw(ctx context.Context, c SampleConfig, images []float32) {
	z := make([]float32, c.N*g.net().Input().Len())
	objective.DrawLatent(z, c.N, g.latent, random.Stream{Seed: c.Seed, Purpose: random.SampleLatent}, 0)
	g.engine.WithThreads(c.Threads).WithContext(ctx).Outputs([][]float32{images}, z)
}

// generatorMetadata adds what a file says of a generator, where there is one.
func generatorMetadata(f *checkpoint.File, g *generator) {
	if g != nil {
		f.Metadata[weights.MetaGenerator] = g.json()
	}
}

// Latent returns the length of the vectors z that the model's generator makes images
// of, 0 where it has none.
func (m *Model) Latent() int {
	if m.generator == nil {
		return 0
	}
	return m.generator.net().Input().Len()
}

// Generate sets image i to what the generator makes of row i of z, N rows of
// [Model.Latent] values: to draw z is for [Model.Sample].
func (m *Model) Generate(images, z []float32) {
	if m.generator == nil {
		panic("joule: Generate of a model without a generator")
	}
	if size := m.net.Input().Len(); len(z)%m.Latent() != 0 || len(images) != len(z)/m.Latent()*size {
		panic("joule: Generate of another number of images")
	}
	m.generator.engine.Outputs([][]float32{images}, z)
}

// generator returns that of t's model as it is now, nil where the objective has none.
// It is valid until the next step.
func (t *Trainer) generator() *generator {
	parts := t.objective.Parts()
	if len(parts) == 1 {
		return nil
	}
	return &generator{parts[1].Model(), t.cfg.Objective.Latent}
}
