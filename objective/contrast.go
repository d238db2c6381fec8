package objective

import (
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// contrast has memory for the energy of a block of noise, which every step
// compares with that of real images: in training an energy may be the same for
// all images, and then samples look as likely as real ones.
type contrast struct {
	noise, energies []float32
	stream          random.Stream
	step            uint32
	lo, hi          float32
	crew            lane.Crew
	draw            func(worker, image int) // drawImage, bound once
}

// energy returns the mean energy of images of uniform noise, other ones in
// every step.
func (c *contrast) energy(b Batch, e *engine.Engine, s *sampler.Config) float64 {
	if c.noise == nil {
		c.noise, c.energies = make([]float32, lane.Width*e.Network().Input().Len()), make([]float32, lane.Width)
		c.draw = c.drawImage
	}
	c.stream, c.step, c.lo, c.hi = b.Stream.For(random.Contrast), b.Step, s.Min, s.Max
	c.crew.Each(e.Threads(), lane.Width, c.draw)
	e.Energies(c.energies, c.noise)
	return mean(c.energies)
}

func (c *contrast) drawImage(_, i int) {
	size := len(c.noise) / lane.Width
	c.stream.Uniform(c.noise[i*size:(i+1)*size], uint32(i), c.step, c.lo, c.hi)
}
