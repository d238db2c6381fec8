package objective

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
)

// TestContrast: a step tells how far the energy of noise, other noise in every
// step, is above that of real images; without weights it is not.
func TestContrast(t *testing.T) {
	for _, kind := range []string{ContrastiveDivergence, ScoreMatching} {
		s := tiny(kind)
		s.Objective.Sigma = 0.3
		o := start(t, s)
		p := o.Parts()[0]
		at := func(name string) int { return slices.Index(o.Figures(), metric.Named(name)[0]) }
		r := step(t, o, 0)
		copy(p.Net.Params(), start(t, s).Parts()[0].Net.Params()) // as they were
		p.Net.Pack()
		x, energy := make([]float32, 8*toy.Shape.Len()), make([]float32, 8)
		for i := range energy {
			random.Stream{Seed: 1, Purpose: random.Contrast}.Uniform(x[i*toy.Shape.Len():(i+1)*toy.Shape.Len()], uint32(i), 0, -1, 1)
		}
		p.Engine.Energies(energy, x)
		want := mean(energy) - r.Values[at(metric.EnergyReal)]
		if kind == ScoreMatching {
			want = math.Abs(want)
		}
		if got := r.Values[at(metric.Contrast)]; got != want || got == 0 {
			t.Errorf("%s: contrast %v, want %v", kind, got, want)
		}

		clear(p.Net.Params())
		p.Net.Pack()
		if got := step(t, o, 1).Values[at(metric.Contrast)]; got != 0 {
			t.Errorf("%s: a flat energy has a contrast of %v", kind, got)
		}
	}
}

// TestContrastOverflow: noise whose energy is not finite ends a step before the
// weights change, although that of images is.
func TestContrastOverflow(t *testing.T) {
	for _, kind := range []string{ContrastiveDivergence, ScoreMatching} {
		s := tiny(kind)
		s.Objective.Sigma, s.Sampler.Steps, s.Sampler.Max = 0.3, 0, 1e30
		s.Buffer.RestartProbability = 0
		o := start(t, s)
		if b := o.Buffer(); b != nil {
			for i := range b.Len() {
				b.Set(i, make([]float32, toy.Shape.Len()))
			}
		}
		for i := range o.Parts()[0].Net.Params() {
			o.Parts()[0].Net.Params()[i] *= 1e5
		}
		o.Parts()[0].Net.Pack()
		before := slices.Clone(o.Parts()[0].Net.Params())
		err := o.Step(t.Context(), Batch{Real: make([]float32, batchSize*toy.Shape.Len()), N: batchSize}, &Result{Values: make([]float64, len(o.Figures()))})
		if e := (*engine.NonFiniteError)(nil); !errors.As(err, &e) || e.What != "the energy of noise" || !slices.Equal(before, o.Parts()[0].Net.Params()) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
