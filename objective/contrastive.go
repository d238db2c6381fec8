package objective

import (
	"context"
	"slices"

	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
)

// ContrastiveDivergence is the kind of [Contrastive].
const ContrastiveDivergence = "contrastive_divergence"

// Contrastive lowers the energy on real images x⁺ and raises it on samples x⁻,
// which chains draw from the model itself, going on from a replay buffer (Du
// and Mordatch 2019, arXiv:1903.08689, Algorithm 1).
type Contrastive struct {
	setup  Setup
	part   *Part
	parts  []*Part // that one
	buffer *replay.Buffer
	// figures are contrastiveFigures, and metric.Accepted where chains may
	// stay where they are.
	figures []metric.Figure

	// Memory that steps reuse: the samples, the images that have a part in the
	// loss, real ones and samples, with their energies, and what the chains
	// report.
	fake     []float32
	images   [2][]float32
	energy   [2][]float32
	loss     engine.Loss
	info     []sampler.Info
	stats    chainStats
	contrast contrast
}

// The places of the figures.
const (
	cdRegularization = iota
	cdDivergence
	cdReal
	cdFake
	cdChainGradNorm
	cdChainClamped
	cdRestarts
	cdAtBounds
	cdBlank
	cdDiversity
	cdContrast
	cdAccepted // not always there
)

var contrastiveFigures = metric.Named([]string{
	cdRegularization: metric.Regularization,
	cdDivergence:     metric.Divergence,
	cdReal:           metric.EnergyReal,
	cdFake:           metric.EnergyFake,
	cdChainGradNorm:  metric.ChainGradNorm,
	cdChainClamped:   metric.ChainClamped,
	cdRestarts:       metric.Restarts,
	cdAtBounds:       metric.AtBounds,
	cdBlank:          metric.Blank,
	cdDiversity:      metric.Diversity,
	cdContrast:       metric.Contrast,
}...)

func newContrastive(s Setup) (Objective, error) {
	part, err := NewPart(s)
	if err != nil {
		return nil, err
	}
	shape := part.Net.Input()
	o := &Contrastive{
		setup: s, part: part, parts: []*Part{part}, figures: contrastiveFigures,
		buffer: replay.New(shape, *s.Buffer, *s.Restart, s.Sampler.Min, s.Sampler.Max, s.Extra),
		fake:   make([]float32, s.BatchSize*shape.Len()),
		info:   make([]sampler.Info, s.BatchSize),
	}
	if s.Sampler.Other() != "" {
		o.figures = slices.Concat(contrastiveFigures, metric.Named(metric.Accepted))
	}
	for p := range o.energy {
		o.energy[p] = make([]float32, s.BatchSize)
	}
	o.loss = o.cotangent
	return o, nil
}

func (o *Contrastive) Parts() []*Part           { return o.parts }
func (o *Contrastive) Buffer() *replay.Buffer   { return o.buffer }
func (o *Contrastive) Figures() []metric.Figure { return o.figures }

// Step draws as many samples as the batch has real images and takes a step
// against the difference of their energies.
func (o *Contrastive) Step(ctx context.Context, b Batch, r *Result) error {
	c, p := &o.setup, o.part
	p.Pass.SetContext(ctx)
	n, shape := b.N, p.Net.Input()

	// x⁺: real images with a little noise.
	real, fake := b.Real, o.fake[:n*shape.Len()]
	p.Engine.Perturb(real, b.Stream.For(random.DataNoise), b.Step, c.Objective.DataNoise, c.Sampler.Min, c.Sampler.Max)

	// x⁻: samples, from chains that go on from the buffer.
	restart := optim.StepLR(c.Buffer.RestartProbability, c.Schedule.RestartGamma, c.Schedule.EveryNEpochs, b.Epoch)
	r.Values[cdRestarts] = float64(o.buffer.Draw(fake, real, restart, b.Stream, b.Step))
	langevin := *c.Sampler
	langevin.BurnIn = 0 // chains go on, and those from noise learn to without it
	info := o.info[:n]
	if err := p.Engine.Advance(ctx, langevin, engine.Chains{
		X: fake, Stream: b.Stream.For(random.Langevin), Step: b.Chain, Info: info,
	}); err != nil {
		return err
	}
	r.ChainSteps, r.ImageGradients = c.Sampler.Steps, n*c.Sampler.Steps
	if err := o.summarise(r, info, n); err != nil {
		return err
	}
	s := o.stats.measure(p.Engine.Threads(), real, fake, n, shape.C, c.Sampler.Min, c.Sampler.Max)
	r.Values[cdAtBounds], r.Values[cdBlank], r.Values[cdDiversity] = s.atBounds, s.blank, s.diversity

	// The gradient of the loss, and the loss.
	o.images = [2][]float32{real, fake}
	for i := range o.energy {
		o.energy[i] = o.energy[i][:n]
	}
	p.Pass.Drop(b.Stream.For(random.Dropout), b.Step)
	p.Pass.Gradient(p.Grad, o.images[:], o.loss)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	divergence, regularization := contrastiveDivergence(o.energy[0], o.energy[1], c.Objective.Alpha)
	r.Loss = divergence + regularization
	r.Values[cdDivergence], r.Values[cdRegularization] = divergence, regularization
	r.Values[cdReal], r.Values[cdFake] = mean(o.energy[0]), mean(o.energy[1])
	if !finite(r.Loss) {
		return &engine.NonFiniteError{What: "the energy of a batch"}
	}
	noise := o.contrast.energy(b, p.Engine.WithContext(ctx), c.Sampler)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !finite(noise) {
		return &engine.NonFiniteError{What: "the energy of noise"}
	}
	r.Values[cdContrast] = noise - r.Values[cdReal]

	if err := p.Update(b, r); err != nil {
		return err
	}
	o.buffer.Add(fake, b.Stream.For(random.Reservoir), b.Step)
	return nil
}

// summarise averages what the chains report and looks for trouble: clamps
// would hide a gradient that is not finite from the samples.
func (o *Contrastive) summarise(r *Result, info []sampler.Info, n int) error {
	norm, clamped, accepted := 0.0, 0.0, 0.0
	for i := range info {
		if o.setup.Sampler.Steps > 0 && !info[i].Finite() {
			return &engine.NonFiniteError{What: "the energy or gradient of a sample"}
		}
		norm += float64(info[i].GradNorm) / float64(n)
		clamped += float64(info[i].Clamped) / float64(n)
		accepted += float64(info[i].Accepted) / float64(n)
	}
	r.Values[cdChainGradNorm], r.Values[cdChainClamped] = norm, clamped
	if len(o.figures) > cdAccepted {
		r.Values[cdAccepted] = accepted
	}
	return nil
}

// cotangent is the [engine.Loss]: it sets ∂L/∂E of a real image, part 0, or of a
// sample, and keeps E.
func (o *Contrastive) cotangent(part, i int, energy, d []float32) {
	o.energy[part][i] = energy[0]
	d[0] = contrastiveCotangent(part == 1, energy[0], o.setup.Objective.Alpha, len(o.energy[part]))
}

// contrastiveDivergence is the loss over N real images x⁺ and N samples x⁻:
//
//	L = mean E(x⁺) − mean E(x⁻) + α·mean(E(x⁺)² + E(x⁻)²)
//
// It returns the two terms.
func contrastiveDivergence(real, fake []float32, alpha float64) (divergence, regularization float64) {
	n := float64(len(real))
	for i := range real {
		r, f := float64(real[i]), float64(fake[i])
		divergence += (r - f) / n
		regularization += alpha * (float64(r*r) + float64(f*f)) / n
	}
	return divergence, regularization
}

// contrastiveCotangent is ∂L/∂E of one of n samples, or of n real images.
func contrastiveCotangent(sample bool, energy float32, alpha float64, n int) float32 {
	sign := 1.0
	if sample {
		sign = -1
	}
	return float32((sign + float64(2*alpha*float64(energy))) / float64(n))
}
