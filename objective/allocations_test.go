package objective

import (
	"testing"

	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// TestStepAllocations: after the first, a step takes no memory.
func TestStepAllocations(t *testing.T) {
	for name, change := range map[string]func(*Setup){
		ContrastiveDivergence: func(*Setup) {},
		"ages":                func(s *Setup) { s.Buffer.OldAfter, s.Buffer.RestartProbability = 2, 0.5 },
		"average":             func(s *Setup) { s.EMA.Decay = 0.9 },
		sampler.MALA:          func(s *Setup) { s.Sampler.Method = sampler.MALA },
		ScoreMatching:         func(s *Setup) { s.Objective.Kind, s.Objective.Sigma = ScoreMatching, 0.3 },
		EBGAN:                 func(s *Setup) { adversarial(s, EBGAN) },
		GAN:                   func(s *Setup) { adversarial(s, GAN); s.Objective.Latent = Gaussian },
	} {
		for _, threads := range []int{1, 2} {
			s := tiny(ContrastiveDivergence)
			change(&s)
			o := start(t, s)
			for _, p := range o.Parts() {
				p.SetThreads(threads)
			}
			x, n := toy.Images(batchSize, toy.Shape.Len(), 1), uint32(0)
			r := Result{Values: make([]float64, len(o.Figures()))}
			allocs := testing.AllocsPerRun(10, func() {
				if err := o.Step(t.Context(), Batch{Real: x, N: batchSize, Step: n, Chain: 3 * n, Stream: random.Stream{Seed: 1}}, &r); err != nil {
					t.Fatal(err)
				}
				n++
			})
			if allocs != 0 {
				t.Errorf("%s on %d cores: a step allocates %v times", name, threads, allocs)
			}
		}
	}
}
