package main

import (
	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/picture"
)

// A plan says which pictures on the way are kept, and which of them are shown.
// All counts are of Langevin steps.
type plan struct {
	every int // from one kept picture to the next; 0 keeps none
	strip int // the same in a filmstrip, a multiple of every
	film  int // and in an animation
}

const (
	stripFrames = 8  // pictures along a chain, as filmstrip.pictures in training
	filmFrames  = 64 // pictures of an animation at most, beside the first and the last
	// maxKept bounds the values of all kept pictures: a quarter of a gigabyte.
	maxKept = 1 << 26
)

// plan chooses the pictures on the way, so that what is asked for fits in
// memory, and checks that all pictures can be made, before the work.
func (f *sampleFlags) plan(cfg joule.SampleConfig, m *joule.Model) (plan, error) {
	c, h, w := m.Shape()
	var p plan
	fits := func(kind string, every int) error {
		cfg.Every = every
		_, err := f.layout(kind).Fit(cfg, c, h, w)
		return err
	}
	if f.format == formatPNG {
		if err := fits(picture.Grid, 0); err != nil {
			return p, err
		}
	}
	if f.filmstrip != "" {
		p.strip = max(f.steps/stripFrames, 1)
		if err := fits(picture.Filmstrip, p.strip); err != nil {
			return p, err
		}
	}
	if f.gif != "" || f.apng != "" {
		p.film = max((f.steps+filmFrames-1)/filmFrames, 1)
		for err := fits(picture.Animation, p.film); err != nil; err = fits(picture.Animation, p.film) {
			if p.film > f.steps {
				return p, err
			}
			p.film *= 2
		}
	}
	p.share(f.steps, float64(f.n)*float64(c*h*w))
	return p, nil
}

// share finds the steps between kept pictures that serve both the filmstrip
// and the animation, which keeps its steps or takes somewhat larger ones. size
// is the number of values of a picture.
func (p *plan) share(steps int, size float64) {
	kept := func(every int) float64 { return float64(steps/every) * size }
	if p.film > 0 {
		for p.film < steps && kept(p.film) > maxKept {
			p.film *= 2
		}
	}
	if p.strip == 0 || p.film == 0 {
		p.every = p.strip + p.film
		return
	}
	// The largest divisor of the filmstrip's steps that is no more than the
	// animation's; where that keeps too much, the next larger one.
	p.every = p.strip
	for d := p.strip - 1; d > 0 && p.every > p.film; d-- {
		if p.strip%d == 0 && kept(d) <= maxKept {
			p.every = d
		}
	}
	p.film = (p.film + p.every - 1) / p.every * p.every
}

// thin returns the samples with the pictures after every so many steps only,
// a multiple of those of cfg.
func thin(cfg joule.SampleConfig, s *joule.Samples, every int) (joule.SampleConfig, *joule.Samples) {
	step := every / cfg.Every
	fewer := *s
	fewer.Frames = nil
	for k := step - 1; k < len(s.Frames); k += step {
		fewer.Frames = append(fewer.Frames, s.Frames[k])
	}
	cfg.Every = every
	return cfg, &fewer
}
