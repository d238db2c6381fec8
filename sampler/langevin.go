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

// langevin takes steps of noise and descent; see Config. Every step counts as
// accepted.
func langevin(ctx context.Context, c Config, e Energy, s *State, info *Info, each func(step int)) error {
	noise, eta := spread(c.Noise), spread(c.StepSize)
	elements := float32(len(s.X) / lane.Width)
	if c.BurnIn > 0 {
		eta = spread(c.StepSize * c.BurnInScale)
	}
	info.Accepted = spread(1)
	for k := range c.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if k == c.BurnIn {
			eta = spread(c.StepSize)
		}
		if c.Anneal > 0 {
			noise = spread(c.noise(k))
		}
		kernel.Noise(s.X, &s.counter, noise[:], c.Min, c.Max)
		g := e.EnergyGrad(s.X, &info.Energy)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		info.GradNorm, info.Clamped = [lane.Width]float32{}, [lane.Width]float32{}
		kernel.Descend(s.X, g, eta[:], c.GradClip, c.Min, c.Max, info.GradNorm[:], info.Clamped[:])
		for l := range lane.Width {
			info.GradNorm[l] = float32(math.Sqrt(float64(info.GradNorm[l])))
			info.Clamped[l] /= elements
			s.counter.Step[l]++
		}
		if each != nil {
			each(k + 1)
		}
	}
	return nil
}
