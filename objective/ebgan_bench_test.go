package objective

import (
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// BenchmarkAdversarial takes steps of the recipes' networks on one core, and beside them
// what is not a network's work: the pulling-away term of as many codes, and z.
func BenchmarkAdversarial(b *testing.B) {
	const n = 64
	shape := lane.Shape{C: 1, H: 28, W: 28}
	for _, c := range []struct {
		kind, generator string
		width, made     int
	}{{"autoencoder", arch.ConvGenerator, 32, 32}, {"autoencoder_mlp", arch.MLPGenerator, 128, 100}} {
		s := tinyAdversarial(EBGAN)
		s.BatchSize = n
		var err error
		if s.Network, err = arch.Energy(arch.Config{Kind: c.kind, HiddenFeatures: c.width}, shape); err == nil {
			s.Generator, err = arch.Generator(arch.GeneratorConfig{Kind: c.generator, HiddenFeatures: c.made, Code: 100}, shape)
		}
		if err != nil {
			b.Fatal(err)
		}
		made, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		Init(made, 1, n)
		o := made.(*Adversarial)
		for _, p := range o.Parts() {
			p.SetThreads(1)
		}
		real, r := toy.Images(n, shape.Len(), 1), Result{Values: make([]float64, len(o.Figures()))}
		b.Run(c.kind+"/step", func(b *testing.B) {
			for b.Loop() {
				if err := o.Step(b.Context(), Batch{Real: real, N: n, Stream: random.Stream{Seed: 1}}, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.kind+"/pulling", func(b *testing.B) {
			for b.Loop() {
				o.pulling.measure(1, 0.1)
			}
		})
		b.Run(c.kind+"/latent", func(b *testing.B) {
			for b.Loop() {
				DrawLatent(o.z, n, Gaussian, random.Stream{Seed: 1}, 0)
			}
		})
		b.Run(c.kind+"/sample", func(b *testing.B) { // n images
			for b.Loop() {
				o.generator.Engine.Outputs(o.made[:], o.latent[0])
			}
		})
	}
}
