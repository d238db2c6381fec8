package sampler

import (
	"context"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// Langevin is the name of the unadjusted Langevin algorithm (Welling and Teh
// 2011), the method that every other is compared with.
const Langevin = "langevin"

// steps is what Langevin's steps of a block work with. It is a part of the state,
// since an energy could let what it is given escape.
type steps struct {
	noise, eta, energy, sumsq, clipped [lane.Max]float32
}

// langevin takes steps of noise and descent; see Config. Every step counts as
// accepted.
func langevin(ctx context.Context, c Config, e Energy, s *State, info []Info, each func(step int)) error {
	w, b := s.width, &s.steps
	b.noise, b.eta = spread(c.Noise), spread(c.StepSize)
	if c.BurnIn > 0 {
		b.eta = spread(c.StepSize * c.BurnInScale)
	}
	for k := range c.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if k == c.BurnIn {
			b.eta = spread(c.StepSize)
		}
		if c.Anneal > 0 {
			b.noise = spread(c.noise(k))
		}
		kernel.Noise(s.X, &s.counter, b.noise[:w], c.Min, c.Max)
		g := e.EnergyGrad(s.X, b.energy[:w])
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.sumsq, b.clipped = [lane.Max]float32{}, [lane.Max]float32{}
		kernel.Descend(s.X, g, b.eta[:w], c.GradClip, c.Min, c.Max, b.sumsq[:w], b.clipped[:w])
		for l := range w {
			s.counter.Step[l]++
		}
		if each != nil {
			each(k + 1)
		}
	}
	elements := float32(len(s.X) / w)
	for l := range info {
		info[l].Accepted = 1
		if c.Steps > 0 {
			info[l].Energy = b.energy[l]
			info[l].GradNorm = float32(math.Sqrt(float64(b.sumsq[l])))
			info[l].Clamped = b.clipped[l] / elements
		}
	}
	return nil
}
