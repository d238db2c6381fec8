package objective

import (
	"context"
	"math"

	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/setting"
)

// The kinds of [Adversarial].
const (
	EBGAN = "ebgan"
	GAN   = "gan"
)

// Adversarial trains an energy E beside a generator G, whose images x⁻ = G(z) of
// random vectors z are its samples. With a margin m and N images it is the
// energy-based GAN of Zhao, Mathieu and LeCun 2016 (arXiv:1609.03126), whose energy is
// an autoencoder's error:
//
//	L_E = mean E(x⁺) + mean max(0, m − E(x⁻))
//	L_G = mean E(x⁻) + λ·f_PT
//
// f_PT keeps the generator's images apart, see pullingAway. The usual GAN differs in
// its losses alone, see ganReal and ganFake.
type Adversarial struct {
	setup             Setup
	energy, generator *Part
	parts             []*Part // these two
	figures           []metric.Figure
	// onReal is what an image that should look real adds to a loss, and onFake a
	// sample to that of the energy, each with its derivative by E.
	onReal, onFake func(e, margin float64) (loss, slope float64)
	margin         float64 // of the step under way

	// Memory that steps reuse: z, the generator's images, real images and
	// those with their energies, the codes, and gradients by E, by the codes
	// and by the images.
	z, fake   []float32
	made      [1][]float32
	images    [2][]float32
	energies  [2][]float32
	codes     [][]float32 // of each output, nil where it is not asked for
	cotangent [][]float32 // of each output
	gradient  []float32   // by the generator's images
	code      int         // the output with the code, −1 where nobody needs it
	pulling   pullingAway
	stats     chainStats
	latent    [1][]float32

	judge, improve engine.Loss
}

// The places of the figures.
const (
	advReal = iota
	advFake
	advGenerator
	advGeneratorNorm
	advAtBounds
	advBlank
	advDiversity
	advMargin // from here on of an EBGAN alone
	advPullingAway
)

var adversarialFigures = metric.Named([]string{
	advReal:          metric.EnergyReal,
	advFake:          metric.EnergyFake,
	advGenerator:     metric.GeneratorLoss,
	advGeneratorNorm: metric.GeneratorGradNorm,
	advAtBounds:      metric.AtBounds,
	advBlank:         metric.Blank,
	advDiversity:     metric.Diversity,
	advMargin:        metric.Margin,
	advPullingAway:   metric.PullingAway,
}...)

func newEBGAN(s Setup) (Objective, error) {
	if layers := s.Network.Layers; layers[len(layers)-1].Type != nn.DistanceType {
		return nil, &setting.Error{Key: "network.kind", Problem: "an energy without a least value has no margin: objective.kind = " + EBGAN + " needs the distance of an autoencoder",
			Hint: "set network.kind=autoencoder, or end network.layers in distance 1"}
	}
	o, err := newAdversarial(s)
	if err != nil {
		return nil, err
	}
	o.onReal, o.onFake, o.figures = ebganReal, ebganFake, adversarialFigures
	net := o.energy.Net
	if o.code = net.Output(nn.CodeOutput); s.Objective.PullingAway > 0 {
		switch hint := "set objective.pulling_away=0, or "; {
		case o.code < 0:
			return nil, &setting.Error{Key: "objective.pulling_away", Problem: "the network has no code to keep apart", Hint: hint + "say by network.code which of network.layers gives it"}
		case net.OutputShape(o.code).Len() == 1:
			return nil, &setting.Error{Key: "objective.pulling_away", Problem: "codes of one value all point one way", Hint: hint + "take a network with longer codes"}
		}
	}
	return o, nil
}

func newGAN(s Setup) (Objective, error) {
	o, err := newAdversarial(s)
	if err != nil {
		return nil, err
	}
	o.onReal, o.onFake, o.figures, o.code = ganReal, ganFake, adversarialFigures[:advMargin], -1
	return o, nil
}

func newAdversarial(s Setup) (*Adversarial, error) {
	energy, err := NewPart(s)
	if err != nil {
		return nil, err
	}
	generator, err := newPart(s.Generator, s, random.Generator)
	if err != nil {
		return nil, err
	}
	net, n := energy.Net, s.BatchSize
	if out := generator.Net.OutputShape(0); out != net.Input() {
		panic("objective: a generator of images that the energy does not take")
	}
	o := &Adversarial{
		setup: s, energy: energy, generator: generator, parts: []*Part{energy, generator},
		z: make([]float32, n*generator.Net.Input().Len()), gradient: make([]float32, n*net.Input().Len()),
		codes: make([][]float32, net.Outputs()), cotangent: make([][]float32, net.Outputs()),
	}
	o.fake = make([]float32, n*net.Input().Len())
	for p := range o.energies {
		o.energies[p] = make([]float32, n)
	}
	o.cotangent[0] = make([]float32, n)
	o.judge, o.improve = o.judgeImage, o.improveImage
	return o, nil
}

func (o *Adversarial) Parts() []*Part           { return o.parts }
func (o *Adversarial) Buffer() *replay.Buffer   { return nil }
func (o *Adversarial) Figures() []metric.Figure { return o.figures }

// Step takes a step with both networks. Each step's gradient comes from the other
// network as it was before, on the same x⁻: so both are known before any weight
// changes.
func (o *Adversarial) Step(ctx context.Context, b Batch, r *Result) error {
	z := o.z[:b.N*o.generator.Net.Input().Len()]
	DrawLatent(z, b.N, o.setup.Objective.Latent, b.Stream.For(random.Latent), b.Step)
	return o.play(ctx, b, r)
}

// play takes the step with the vectors that o.z holds.
func (o *Adversarial) play(ctx context.Context, b Batch, r *Result) error {
	c, e, g, n := &o.setup, o.energy, o.generator, b.N
	e.Pass.SetContext(ctx)
	g.Pass.SetContext(ctx)
	o.margin = optim.StepLR(c.Objective.Margin, c.Schedule.MarginGamma, c.Schedule.EveryNEpochs, b.Epoch)

	// x⁻: what the generator makes of z.
	o.latent[0] = o.z[:n*g.Net.Input().Len()]
	o.made[0] = o.fake[:n*e.Net.Input().Len()]
	g.Engine.WithContext(ctx).Outputs(o.made[:], o.latent[0])

	// L_E and its gradient.
	o.images = [2][]float32{b.Real, o.made[0]}
	for p := range o.energies {
		o.energies[p] = o.energies[p][:n]
	}
	e.Pass.Drop(b.Stream.For(random.Dropout), b.Step)
	e.Pass.Gradient(e.Grad, o.images[:], o.judge)

	// L_G and its gradient.
	loss, pulling := o.improvement(ctx, n)
	g.Pass.Gradient(g.Grad, o.latent[:], o.improve)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	r.ChainSteps, r.ImageGradients = 0, n
	r.Loss = o.energyLoss()
	r.Values[advReal], r.Values[advFake], r.Values[advGenerator] = mean(o.energies[0]), mean(o.energies[1]), loss
	s := o.stats.measure(e.Engine.Threads(), b.Real, o.made[0], n, e.Net.Input().C, c.Sampler.Min, c.Sampler.Max)
	r.Values[advAtBounds], r.Values[advBlank], r.Values[advDiversity] = s.atBounds, s.blank, s.diversity
	if len(o.figures) > advMargin {
		r.Values[advMargin], r.Values[advPullingAway] = o.margin, pulling
	}
	return o.update(b, r)
}

// update takes the optimizers' steps where all numbers are finite.
func (o *Adversarial) update(b Batch, r *Result) error {
	if !finite(r.Loss) || !finite(r.Values[advGenerator]) {
		return &engine.NonFiniteError{What: "the energy of a batch"}
	}
	var norms [2]float64
	for i, p := range o.parts {
		var err error
		if norms[i], err = p.clip(); err != nil {
			return err
		}
	}
	for _, p := range o.parts {
		r.LearningRate = p.apply(b)
	}
	r.GradNorm, r.Values[advGeneratorNorm] = norms[0], norms[1]
	return nil
}

// improvement sets the gradient of L_G by x⁻, and returns L_G and f_PT.
func (o *Adversarial) improvement(ctx context.Context, n int) (loss, pulling float64) {
	e := o.energy.Engine.WithContext(ctx)
	x, by := o.made[0], o.cotangent[0][:n]
	for i, energy := range o.energies[1] {
		l, slope := o.onReal(float64(energy), o.margin)
		loss += l / float64(n)
		by[i] = float32(slope / float64(n))
	}
	o.cotangent[0] = by
	if weight := o.setup.Objective.PullingAway; o.code >= 0 && weight > 0 {
		size := o.energy.Net.OutputShape(o.code).Len()
		o.codes[o.code] = o.pulling.codes(n, size)
		e.Outputs(o.codes, x)
		pulling, o.cotangent[o.code] = o.pulling.measure(e.Threads(), weight)
		loss += float64(weight * pulling)
	}
	e.InputGrad(o.gradient[:len(x)], nil, x, o.cotangent)
	return loss, pulling
}

// judgeImage is the [engine.Loss] of the energy: it sets ∂L_E/∂E of a real image,
// part 0, or of a sample, and keeps E.
func (o *Adversarial) judgeImage(part, i int, energy, d []float32) {
	o.energies[part][i] = energy[0]
	_, slope := o.term(part, energy[0])
	d[0] = float32(slope / float64(len(o.energies[part])))
}

// improveImage is the [engine.Loss] of the generator: ∂L_G/∂x⁻.
func (o *Adversarial) improveImage(_, i int, _, d []float32) {
	copy(d, o.gradient[i*len(d):(i+1)*len(d)])
}

// term is what an image of a part adds to L_E, times N.
func (o *Adversarial) term(part int, energy float32) (loss, slope float64) {
	if part == 0 {
		return o.onReal(float64(energy), o.margin)
	}
	return o.onFake(float64(energy), o.margin)
}

// energyLoss is L_E.
func (o *Adversarial) energyLoss() (loss float64) {
	for p, energies := range o.energies {
		for _, e := range energies {
			l, _ := o.term(p, e)
			loss += l / float64(len(energies))
		}
	}
	return loss
}

// ebganReal is E, whatever the margin.
func ebganReal(e, _ float64) (loss, slope float64) { return e, 1 }

// ebganFake is max(0, m − E): samples whose energy is above the margin are let be.
func ebganFake(e, margin float64) (loss, slope float64) {
	if e < margin {
		return margin - e, -1
	}
	return 0 * e, 0 // NaN stays NaN
}

// ganReal is −log σ(−E): −E is what a GAN's discriminator gives before its sigmoid,
// the logit of an image being real (Goodfellow et al. 2014, arXiv:1406.2661). As the
// generator's loss it is the one that does not saturate.
func ganReal(e, _ float64) (loss, slope float64) { return softplus(e), logistic(e) }

// ganFake is −log(1 − σ(−E)).
func ganFake(e, _ float64) (loss, slope float64) { return softplus(-e), -logistic(-e) }

// softplus is log(1 + exp(x)).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// logistic is σ(x) = 1/(1 + exp(−x)).
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
