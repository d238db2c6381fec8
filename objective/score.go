package objective

import (
	"context"
	"math"

	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
)

// ScoreMatching is the kind of [Score].
const ScoreMatching = "score_matching"

// Score teaches the energy to tell the noise that was added to real images, by
// denoising score matching (Vincent 2011): it needs neither samples nor a
// buffer. With x̃ = x + σε of N images with D values,
//
//	r = σ∇E(x̃) − ε,    L = ‖r‖²/(2ND)
//
// A flat energy has a loss of 1/2.
type Score struct {
	setup Setup
	part  *Part
	parts []*Part // that one

	// Memory that steps reuse: ε, r, the energies of x̃, and the images x̃ ± hr on
	// both sides with the cotangents of their energies.
	noise, residual []float32
	energy, ones    []float32
	side, weight    [2][]float32
	one, seed       [1][]float32 // the energies of a batch, and ones as long
	both            [2][]float32 // the sides' images of a batch
	losses          []float64    // of each image
	noisy           []float32    // x̃ of the n images of a batch
	n               int
	crew            lane.Crew
	work            func(worker, image int) // probeImage, bound once
	loss            engine.Loss
	contrast        contrast
}

var scoreFigures = metric.Named(metric.EnergyReal, metric.Contrast)

// probe is the root mean square of the step hr over the pixels of an image.
// Less and rounding counts, more and the energy bends within it: docs/energy.md
// has the errors.
const probe = 0.01

func newScore(s Setup) (Objective, error) {
	part, err := NewPart(s)
	if err != nil {
		return nil, err
	}
	n := s.BatchSize
	values := n * part.Net.Input().Len()
	o := &Score{
		setup: s, part: part, parts: []*Part{part},
		noise: make([]float32, values), residual: make([]float32, values), energy: make([]float32, n), ones: make([]float32, n),
	}
	for i := range o.ones {
		o.ones[i] = 1
	}
	for p := range o.side {
		o.side[p], o.weight[p] = make([]float32, values), make([]float32, n)
	}
	o.losses, o.work, o.loss = make([]float64, n), o.probeImage, o.cotangent
	return o, nil
}

func (o *Score) Parts() []*Part           { return o.parts }
func (o *Score) Buffer() *replay.Buffer   { return nil }
func (o *Score) Figures() []metric.Figure { return scoreFigures }

// Step adds noise to real images and takes a step towards an energy whose
// gradient tells it.
func (o *Score) Step(ctx context.Context, b Batch, r *Result) error {
	noise, inf := o.noise[:len(b.Real)], float32(math.Inf(1))
	clear(noise)
	o.part.Engine.Perturb(noise, b.Stream.For(random.DataNoise), b.Step, 1, -inf, inf)
	energy := o.contrast.energy(b, o.part.Engine.WithContext(ctx), o.setup.Sampler)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !finite(energy) {
		return &engine.NonFiniteError{What: "the energy of noise"}
	}
	if err := o.match(ctx, b, r); err != nil {
		return err
	}
	// Noise that fills the range of pixels can be as likely as what the energy
	// learns from, so either sign is as good.
	r.Values[1] = math.Abs(energy - r.Values[0])
	return nil
}

// match takes the step with the noise that o.noise holds.
func (o *Score) match(ctx context.Context, b Batch, r *Result) error {
	p, sigma := o.part, o.setup.Objective.Sigma
	n, values := b.N, len(b.Real)

	// x̃. It is not clamped: ε has to be what was added.
	noisy, noise, residual := b.Real, o.noise[:values], o.residual[:values]
	for i, e := range noise {
		noisy[i] += float32(sigma * e)
	}

	// r and the loss.
	o.one[0], o.seed[0] = o.energy[:n], o.ones[:n]
	p.Engine.WithContext(ctx).InputGrad(residual, o.one[:], noisy, o.seed[:])
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.ImageGradients, r.Values[0] = n, mean(o.one[0])
	r.Loss = o.probes(noisy, n)
	if !finite(r.Loss) || !finite(r.Values[0]) {
		return &engine.NonFiniteError{What: "the energy of a batch, or its gradient,"}
	}

	// The loss's gradient.
	p.Pass.SetContext(ctx)
	o.both = [2][]float32{o.side[0][:values], o.side[1][:values]}
	p.Pass.Gradient(p.Grad, o.both[:], o.loss)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.Update(b, r)
}

// probes turns the gradients that residual holds into r, sets the images x̃ ± hr
// and their cotangents, and returns the loss. By the chain rule with r held fixed,
// and by a central difference along r,
//
//	∂L/∂θ = σ/(ND) Σ ∂/∂θ rᵀ∇E(x̃) ≈ Σ σ/(2hND) ∂/∂θ (E(x̃ + hr) − E(x̃ − hr))
//
// where h makes the step as long for every image. An r of zero needs none, and
// weighs nothing.
func (o *Score) probes(noisy []float32, n int) (loss float64) {
	o.noisy, o.n = noisy, n
	o.crew.Each(o.part.Engine.Threads(), n, o.work)
	for _, l := range o.losses[:n] {
		loss += l
	}
	return loss
}

func (o *Score) probeImage(_, i int) {
	size, sigma := len(o.noisy)/o.n, o.setup.Objective.Sigma
	of := func(x []float32) []float32 { return x[i*size : (i+1)*size] }
	x, noise, r, up, down := of(o.noisy), of(o.noise), of(o.residual), of(o.side[0]), of(o.side[1])
	var squares float64
	for j, e := range noise {
		r[j] = float32(sigma*r[j]) - e
		squares += float64(float64(r[j]) * float64(r[j]))
	}
	o.losses[i] = squares / (2 * float64(len(o.noisy)))
	rms, h := math.Sqrt(squares/float64(size)), 0.0
	if rms > 0 {
		h = probe / rms
	}
	for j, v := range r {
		step := float32(h * float64(v))
		up[j], down[j] = x[j]+step, x[j]-step
	}
	c := float32(float64(sigma) * rms / (2 * probe * float64(len(o.noisy)))) // σ/(2hND)
	o.weight[0][i], o.weight[1][i] = c, -c
}

// cotangent is the [engine.Loss]: the cotangents that probes has set.
func (o *Score) cotangent(side, i int, _, d []float32) { d[0] = o.weight[side][i] }
