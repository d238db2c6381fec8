package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/ais"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/judge"
	"github.com/joule-ml/joule/lane"
)

// draw draws n samples, by chains of the given length where by says so.
func (e *evaluation) draw(n, steps, every int, by string) (*joule.Samples, error) {
	c := joule.SampleConfig{N: n, By: by, Seed: e.cfg.Seed, Sampler: e.cfg.Sampler, Patch: e.cfg.Patch, Threads: e.cfg.Threads, Every: every}
	c.Sampler.Steps = steps
	return e.model.Sample(e.ctx, c)
}

// samples draws and judges samples.
func (e *evaluation) samples() error {
	s, err := e.draw(e.cfg.Samples, e.cfg.Sampler.Steps, 0, e.cfg.By)
	if err != nil {
		return err
	}
	images := array{s.Images, s.C * s.H * s.W}
	features, probabilities := e.look(images, s.N)
	r := Samples{
		N: s.N, Seed: e.cfg.Seed, Sampler: samplerInfo(e.cfg.Sampler, e.model.By(joule.SampleConfig{By: e.cfg.By})), Patch: e.cfg.Patch, Reference: e.reference.N, Neighbour: neighbours,
	}
	if err := e.judgeFeatures(&r, features); err != nil {
		return err
	}
	if err := e.judgeClasses(&r, probabilities); err != nil {
		return err
	}
	if err := e.copying(&r, s); err != nil {
		return err
	}
	energy := make([]float64, s.N)
	for i, v := range s.Energy {
		energy[i] = float64(v)
	}
	r.EnergyMean, r.EnergySD = spread(energy)
	e.report.energies["samples"] = energy
	e.report.Samples = r
	e.report.Classifier = Classifier{Hash: e.classifier.Hash(), TestAccuracy: e.classifier.Card().TestAccuracy}
	e.report.shape = [3]int{s.C, s.H, s.W}
	e.report.images = s.Images[:min(64, s.N)*images.size]
	return nil
}

// judgeFeatures compares the samples with the data, and with each other, in
// the classifier's feature space.
func (e *evaluation) judgeFeatures(r *Samples, features judge.Features) (err error) {
	if r.Frechet, err = e.frechet(features); err != nil {
		return err
	}
	if r.FrechetTest, err = e.frechet(e.test); err != nil {
		return err
	}
	r.ManifoldN = min(manifold, features.N, e.reference.N)
	m, err := judge.NewManifold(e.ctx, e.pool, first(e.reference, r.ManifoldN), first(features, r.ManifoldN), neighbours)
	if err != nil {
		return err
	}
	r.Precision, r.Recall, r.Density, r.Coverage = m.Precision, m.Recall, m.Density, m.Coverage
	for _, d := range []struct {
		f   judge.Features
		out *float64
	}{{features, &r.Diversity}, {e.test, &r.DiversityTest}} {
		v, err := judge.NewDiversity(e.ctx, e.pool, first(d.f, manifold), nil, 0)
		if err != nil {
			return err
		}
		*d.out = v.Mean
	}
	return nil
}

// judgeClasses looks at the classes that the classifier sees in the samples.
func (e *evaluation) judgeClasses(r *Samples, probabilities judge.Features) error {
	score, err := judge.InceptionScore(probabilities, splits)
	if err != nil {
		return err
	}
	r.InceptionScore, r.InceptionMean, r.InceptionSD = score.Score, score.Mean, score.SD
	if score, err = judge.InceptionScore(e.certain, splits); err != nil {
		return err
	}
	r.InceptionScoreTest = score.Score
	labels, err := judge.NewLabels(probabilities)
	if err != nil {
		return err
	}
	r.LabelEntropy = labels.Entropy
	for _, n := range labels.Count {
		r.LabelHistogram = append(r.LabelHistogram, float64(n)/float64(probabilities.N))
	}
	return nil
}

func (e *evaluation) frechet(f judge.Features) (float64, error) {
	g, err := judge.Fit(f)
	if err != nil {
		return 0, err
	}
	return judge.Frechet(e.real, g)
}

// copied bounds the images whose nearest training image is sought.
const copied = 1000

// copying looks for samples that are copies of training images.
func (e *evaluation) copying(r *Samples, s *joule.Samples) error {
	n := min(copied, s.N, e.data.Test.N)
	size := e.data.Test.Size()
	near, err := judge.NearestImages(e.ctx, e.pool, s.Images[:n*size], e.data.Train)
	if err != nil {
		return err
	}
	held := *e.data.Test
	held.N, held.Pixels, held.Labels = n, held.Pixels[:n*size], nil
	ours, err := judge.NearestOf(e.ctx, e.pool, &held, e.data.Train)
	if err != nil {
		return err
	}
	c, err := judge.NewCopying(near, ours)
	if err != nil {
		return err
	}
	r.Nearer, r.Copies = c.Nearer, c.Copies
	return nil
}

// falsePositiveRate is that of the threshold.
const falsePositiveRate = 0.05

// outliers scores every kind of outliers against the test images.
func (e *evaluation) outliers() error {
	test := e.data.Test
	n := test.N
	if e.cfg.Outliers > 0 {
		n = min(n, e.cfg.Outliers)
	}
	in := e.scores(test, n)
	e.report.energies["test"] = negated(in)
	e.report.Samples.EnergyMeanTest, e.report.Samples.EnergySDTest = spread(e.report.energies["test"])
	threshold, err := judge.Threshold(in, falsePositiveRate)
	if err != nil {
		return err
	}
	e.report.Threshold = Threshold{FalsePositiveRate: falsePositiveRate, Energy: -threshold, N: n}
	shape := lane.Shape{C: test.C, H: test.H, W: test.W}
	add := func(name string, images judge.Images, n int) error {
		out := e.scores(images, n)
		area, err := judge.AUROCInterval(in, out, 0.95)
		if err != nil {
			return err
		}
		passing, err := judge.FPR(in, out, 0.95)
		if err != nil {
			return err
		}
		energy := negated(out)
		e.report.energies[name] = energy
		o := Outlier{N: n, AUROC: area.Value, AUROCLow: area.Low, AUROCHigh: area.High, FPR95: passing, Seen: e.seen(name)}
		o.EnergyMean, o.EnergySD = spread(energy)
		e.report.Outliers[name] = o
		return e.ctx.Err()
	}
	for _, s := range judge.Outliers(test, shape, e.cfg.Seed) {
		if err := add(s.Name, s, n); err != nil {
			return err
		}
	}
	return add(e.data.Other.Name, e.data.Other, min(n, e.data.Other.N))
}

func negated(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = -x
	}
	return out
}

// seen tells whether a kind of images was among the starts of chains in
// training, from which negatives come.
func (e *evaluation) seen(name string) bool {
	card := e.model.Card()
	if card == nil {
		return name == "uniform" // every model here starts chains from it
	}
	if card.Config.Objective.Generates() {
		return false // negatives come from the generator alone
	}
	r, c := card.Config.Restart, card.Config
	switch name {
	case "uniform":
		return true // the buffer begins with it
	case "noise-0.3", "noise-0.1":
		return r.Data > 0 && c.Buffer.RestartProbability > 0
	case "gray":
		return (r.Gray > 0 || r.Blank > 0) && c.Buffer.RestartProbability > 0
	case "blank":
		return (r.Blank > 0 || r.Gray > 0) && c.Buffer.RestartProbability > 0
	}
	return false
}

// traced is the number of points of a chain's energy that R̂ is computed from.
const traced = 50

// chains follows chains for longer than they were in training.
func (e *evaluation) chains() error {
	lengths := slices.Clone(e.cfg.LongRun)
	slices.Sort(lengths)
	for _, steps := range lengths {
		every := max(1, steps/(2*traced))
		// Few chains are traced, since every picture on the way is kept.
		few, err := e.draw(min(64, e.cfg.Chains), steps, every, joule.ByChains)
		if err != nil {
			return err
		}
		c := Chain{N: e.cfg.Chains, Seed: e.cfg.Seed}
		if len(few.Frames) >= traced {
			if err := e.mixing(&c, few); err != nil {
				return err
			}
		}
		few.Frames = nil
		s, err := e.draw(e.cfg.Chains, steps, 0, joule.ByChains)
		if err != nil {
			return err
		}
		features, probabilities := e.look(array{s.Images, s.C * s.H * s.W}, s.N)
		if c.Frechet, err = e.frechet(features); err != nil {
			return err
		}
		score, err := judge.InceptionScore(probabilities, 1)
		if err != nil {
			return err
		}
		c.InceptionScore = score.Score
		m, err := judge.NewManifold(e.ctx, e.pool, first(e.reference, s.N), features, neighbours)
		if err != nil {
			return err
		}
		c.Coverage = m.Coverage
		labels, err := judge.NewLabels(probabilities)
		if err != nil {
			return err
		}
		c.LargestShare = float64(slices.Max(labels.Count)) / float64(s.N)
		energy := make([]float64, s.N)
		for i, v := range s.Energy {
			energy[i] = float64(v)
		}
		c.EnergyMean, c.EnergySD = spread(energy)
		e.report.Chains[strconv.Itoa(steps)] = c
		e.report.last = s.Images[:min(64, s.N)*s.C*s.H*s.W]
		if e.cfg.Progress != nil {
			e.cfg.Progress(fmt.Sprintf("followed chains for %d steps", steps))
		}
	}
	return nil
}

// mixing computes R̂ and the effective size of the energies over the last half
// of the frames. Chains that stand still have neither.
func (e *evaluation) mixing(c *Chain, s *joule.Samples) error {
	half := s.Frames[len(s.Frames)/2:]
	trace := make([][]float64, s.N)
	energy := make([]float32, s.N)
	for _, f := range half {
		e.model.Energies(energy, f)
		for i, v := range energy {
			if v-v != 0 {
				return &engine.NonFiniteError{What: fmt.Sprintf("the energy of chain %d on its way", i)}
			}
			trace[i] = append(trace[i], float64(v))
		}
	}
	still := true
	for _, t := range trace {
		still = still && slices.Min(t) == slices.Max(t)
	}
	if still {
		return nil
	}
	var err error
	if c.RHat, err = judge.SplitRHat(trace); err != nil {
		return err
	}
	if math.IsInf(c.RHat, 0) { // each half stands still
		c.RHat = 0
		return nil
	}
	c.EffectiveSize, err = judge.EffectiveSize(trace)
	return err
}

// likelihood bounds log Z at T = 1.
func (e *evaluation) likelihood() error {
	c := ais.DefaultConfig()
	c.Betas, c.Chains, c.Burn, c.Seed, c.Threads = e.cfg.Betas, 32, min(c.Burn, e.cfg.Betas), e.cfg.Seed, e.cfg.Threads
	est, err := LogPartition(e.ctx, e.model, c, nil)
	if err != nil {
		return err
	}
	n, size := min(chunk, e.data.Test.N), e.data.Test.Size()
	if est.Forward.LogZ-est.Forward.LogZ != 0 || est.Reverse.LogZ-est.Reverse.LogZ != 0 {
		return fmt.Errorf("evaluate: log Z lies between %v and %v", est.Forward.LogZ, est.Reverse.LogZ)
	}
	images := make([]float32, n*size)
	for i := range n {
		e.data.Test.Image(images[i*size:(i+1)*size], i)
	}
	l, err := LogLikelihood(e.model, est, images)
	if err != nil {
		return err
	}
	e.report.AIS = &AIS{
		Chains: c.Chains, Betas: c.Betas, Temperature: c.Temperature, Seed: c.Seed,
		LogZ: est.Forward.LogZ, LogZLow: est.Forward.Low, LogZHigh: est.Forward.High, LogZReverse: est.Reverse.LogZ, EffectiveSize: est.Forward.ESS,
		N: n, Nats: l.Nats, BitsPerDim: l.BitsPerDim, Warnings: est.Warnings,
	}
	return nil
}
