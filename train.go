package joule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/setting"
)

// A Trainer trains an energy by contrastive divergence, the document's
// Algorithm 2. Start with [NewTrainer] and [Trainer.Fit], or [Run.Fit] to
// leave a folder behind.
type Trainer struct {
	cfg    Config
	train  *dataset.Set
	val    *dataset.Set
	data   *dataPrint // once it was asked for
	loader *dataset.Loader
	net    *nn.Network
	engine *engine.Engine
	pass   *engine.Pass
	adam   *optim.Adam
	// average is the model where that is not the weights but their moving
	// average; otherwise it is nil.
	average *average
	replay  *replay
	place   place
	guard   *guard // nil for none
	// rollbacks are those that the run has had.
	rollbacks []Rollback
	// validation is the part of a Card that the last validation left.
	validation Card
	loggers    []Logger
	// modelPath is where pictures in a run's folder say the model is.
	modelPath string

	// Memory that steps reuse: a batch of real images and of samples, their
	// energies and cotangents, the gradient, what the chains report.
	images    [2][]float32
	energy    [2][]float32
	cotangent [2][]float32
	grad      []float32
	info      []sampler.Info
	stats     chainStats
}

// place is how far a run has come: all that resuming needs besides vectors.
type place struct {
	Epoch    int    `json:"epoch"`    // epochs done
	Batch    int    `json:"batch"`    // batches done in this epoch
	Step     int    `json:"step"`     // optimizer steps done
	Langevin uint32 `json:"langevin"` // Langevin steps done by each chain slot
	Retry    uint16 `json:"retry"`    // times the run was rolled back
	Stopped  bool   `json:"stopped"`  // a callback ended the run before its last epoch
}

// StepInfo describes a training step under the document's names and signs:
// the averages are of f = −E.
type StepInfo struct {
	Epoch, Batch, Batches int // Batch counts from 0 within the epoch
	Step                  int // optimizer steps done, this one included

	Loss, Regularization, ContrastiveDivergence float64
	AvgReal, AvgFake                            float64 // mean f = −mean E
	LearningRate                                float64
	GradNorm                                    float64 // of the parameters, before clipping

	ChainGradNorm float64 // mean norm of ∂E/∂x at the chains' last step, unclipped
	ChainClamped  float64 // share of its elements that were clipped
	Restarts      int     // chains that started from noise

	AtBounds  float64 // share of the samples' pixels at Sampler.Min or Max
	Blank     float64 // share of the samples that are of one colour
	Diversity float64 // root mean square distance between samples, divided by that between real images

	ImageGradients int // chains × Langevin steps
	Duration       time.Duration
}

// EpochInfo describes a validation: held-out images against uniform noise, in
// the document's signs.
type EpochInfo struct {
	Epoch int // epochs done, this one included
	Step  int

	ValContrastiveDivergence float64 // mean f of noise − mean f of held-out images
	ValReal, ValFake         float64 // mean f = −mean E
}

// NewTrainer returns a trainer at the start of a run: weights drawn from the
// seed, and one batch of uniform noise in the replay buffer. It trains on the
// images of train and validates on those of val, or where cfg.Holdout is not
// zero on so many of train, which are kept out of training.
func NewTrainer(cfg Config, train, val *dataset.Set) (*Trainer, error) {
	t, err := newTrainer(cfg, train, val)
	if err != nil {
		return nil, err
	}
	t.net.Init(cfg.Seed)
	if t.average != nil {
		copy(t.average.params, t.net.Params())
	}
	t.replay.fill(cfg.BatchSize, random.Stream{Seed: cfg.Seed, Purpose: random.InitialNoise})
	return t, nil
}

// newTrainer returns a trainer without weights and with an empty buffer.
func newTrainer(cfg Config, train, val *dataset.Set) (*Trainer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Holdout > 0 {
		if cfg.Holdout >= train.N {
			return nil, &setting.Error{Key: "holdout", Problem: fmt.Sprintf("%d images are not less than the %d to train on", cfg.Holdout, train.N),
				Hint: "hold out a tenth of them or less"}
		}
		train, val = train.Split(cfg.Holdout)
	}
	shape := lane.Shape{C: train.C, H: train.H, W: train.W}
	if train.N == 0 || val.N == 0 {
		return nil, errors.New("joule: a data set without images")
	}
	if (lane.Shape{C: val.C, H: val.H, W: val.W}) != shape {
		return nil, fmt.Errorf("joule: training images are %d×%d×%d, validation images %d×%d×%d", train.C, train.H, train.W, val.C, val.H, val.W)
	}
	if n := int64(cfg.Buffer.Size) * int64(shape.Len()); n > maxValues {
		return nil, &setting.Error{Key: "buffer.size", Problem: fmt.Sprintf("%d images of %d×%d×%d are more than %d values", cfg.Buffer.Size, shape.C, shape.H, shape.W, maxValues),
			Hint: fmt.Sprintf("set it to %d or less, or take smaller images", maxValues/shape.Len())}
	}
	if n := int64(cfg.guardImages()) * int64(shape.Len()); n > maxValues {
		return nil, &setting.Error{Key: "guard.every_n_steps", Problem: fmt.Sprintf("the samples of twice %d steps are more than %d values", cfg.Guard.EveryNSteps, maxValues),
			Hint: "set it to less"}
	}
	net, err := nn.New(Network(cfg.Network.HiddenFeatures, shape))
	if err != nil {
		return nil, err
	}
	e := engine.New(net, 0)
	t := &Trainer{
		cfg: cfg, train: train, val: val, net: net, engine: e, pass: e.NewPass(),
		loader: dataset.NewLoader(train, cfg.BatchSize, cfg.Seed, true),
		adam:   optim.NewAdam(len(net.Params()), cfg.Optimizer.Beta1, cfg.Optimizer.Beta2, cfg.Optimizer.Epsilon),
		replay: newReplay(shape, cfg),
		grad:   make([]float32, len(net.Params())),
		info:   make([]sampler.Info, lane.Blocks(cfg.BatchSize)),
		guard:  newGuard(cfg.Guard),
	}
	for p := range t.images {
		t.images[p] = make([]float32, cfg.BatchSize*shape.Len())
		t.energy[p] = make([]float32, cfg.BatchSize)
		t.cotangent[p] = make([]float32, cfg.BatchSize)
	}
	if cfg.EMA.Decay > 0 {
		if t.average, err = newAverage(net); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// SetThreads sets the number of cores to use; 0 takes all. It changes no
// result.
func (t *Trainer) SetThreads(n int) {
	t.engine = t.engine.WithThreads(n)
	t.pass.SetThreads(n)
	if t.average != nil {
		t.average.engine = t.average.engine.WithThreads(n)
	}
}

// Config returns the run's settings.
func (t *Trainer) Config() Config { return t.cfg }

// Steps returns the number of optimizer steps done.
func (t *Trainer) Steps() int { return t.place.Step }

// Epochs returns the number of epochs done.
func (t *Trainer) Epochs() int { return t.place.Epoch }

// Batches returns the number of batches of an epoch.
func (t *Trainer) Batches() int { return limit(t.loader.Batches(), t.cfg.LimitTrainBatches) }

// Model returns a copy of the model as it is now.
func (t *Trainer) Model() *Model {
	net, err := nn.New(t.net.Spec())
	if err != nil {
		panic("joule: " + err.Error()) // the spec was built before
	}
	copy(net.Params(), t.weights())
	net.Pack()
	m := newModel(net)
	m.card = t.card()
	return m
}

// card describes the model as it is now.
func (t *Trainer) card() *Card {
	return &Card{Config: t.cfg, Epochs: t.place.Epoch, Steps: t.place.Step, N: t.validation.N, Validation: t.validation.Validation}
}

func limit(n, limit int) int {
	if limit > 0 {
		return min(n, limit)
	}
	return n
}

// Fit trains until the configured number of epochs is done, with a validation
// after each, and calls the callbacks. When ctx is done it ends after the batch
// under way, with ctx's error; Fit may be called again, or the trainer saved
// and resumed, without a trace in the result. A callback that wants to stop
// makes it end with a [*StopError].
func (t *Trainer) Fit(ctx context.Context, list ...Callback) error {
	cb := sortCallbacks(list)
	return cb.onEnd(t, t.fit(ctx, cb))
}

func (t *Trainer) fit(ctx context.Context, cb *callbacks) error {
	t.guard.begin(t)
	for t.place.Epoch < t.cfg.Epochs {
		if t.place.Batch < t.Batches() {
			if err := ctx.Err(); err != nil {
				return err
			}
			info, err := t.Step()
			if err == nil {
				err = t.guard.step(t, info)
			}
			if err == nil {
				err = cb.onStep(t, info)
			} else {
				err = t.rollBack(err, cb)
			}
			if err != nil {
				return err
			}
			continue
		}
		info, err := t.Validate()
		if err == nil {
			err = t.guard.epoch(t, info)
		}
		if err != nil {
			if err := t.rollBack(err, cb); err != nil {
				return err
			}
			continue
		}
		t.place.Epoch, t.place.Batch = t.place.Epoch+1, 0
		t.guard.endEpoch(t)
		info.Epoch = t.place.Epoch
		if err := cb.onEpoch(t, info); err != nil {
			var stop *StopError
			if errors.As(err, &stop) && t.place.Epoch >= t.cfg.Epochs {
				return nil // there is nothing left to stop
			}
			return err
		}
	}
	return nil
}

// Step trains on the next batch of the epoch.
func (t *Trainer) Step() (StepInfo, error) {
	start, c := time.Now(), &t.cfg
	info := StepInfo{Epoch: t.place.Epoch, Batch: t.place.Batch, Batches: t.Batches(), Step: t.place.Step + 1}

	// x⁺: real images, moved and mirrored if wanted, with a little noise.
	t.loader.Seek(t.place.Epoch, t.place.Batch)
	n := t.loader.Next(t.images[0])
	if n == 0 {
		panic("joule: Step beyond the end of the epoch")
	}
	size := t.net.Input().Len()
	parts := [][]float32{t.images[0][:n*size], t.images[1][:n*size]}
	c.Augment.Apply(parts[0], parts[1], t.net.Input(), t.stream(random.Augment), uint32(t.place.Step)) // x⁻ comes later
	t.engine.Perturb(parts[0], t.stream(random.DataNoise), uint32(t.place.Step), c.Objective.DataNoise, c.Sampler.Min, c.Sampler.Max)

	// x⁻: as many samples, from chains that go on from the buffer.
	t.replay.restart = optim.StepLR(c.Buffer.RestartProbability, c.Schedule.RestartGamma, c.Schedule.EveryNEpochs, t.place.Epoch)
	info.Restarts = t.replay.draw(parts[1], parts[0], c.Seed, t.place.Retry, uint32(t.place.Step))
	blocks := t.info[:lane.Blocks(n)]
	langevin := c.Sampler
	langevin.BurnIn = 0 // chains go on, and those from noise learn to without it
	if err := t.engine.Advance(context.Background(), langevin, engine.Chains{
		X: parts[1], Stream: t.stream(random.Langevin), Step: t.place.Langevin, Info: blocks,
	}); err != nil {
		return info, err
	}
	info.ImageGradients = n * c.Sampler.Steps
	if err := t.summarise(&info, blocks, n); err != nil {
		return info, err
	}
	t.stats.measure(&info, parts[0], parts[1], n, t.net.Input().C, c.Sampler.Min, c.Sampler.Max)

	// The loss and its gradient.
	energy := [][]float32{t.energy[0][:n], t.energy[1][:n]}
	t.pass.Forward([][][]float32{energy[:1], energy[1:]}, parts)
	cotangent := [][]float32{t.cotangent[0][:n], t.cotangent[1][:n]}
	info.ContrastiveDivergence, info.Regularization = contrastiveDivergence(cotangent[0], cotangent[1], energy[0], energy[1], c.Objective.Alpha)
	info.Loss = info.ContrastiveDivergence + info.Regularization
	info.AvgReal, info.AvgFake = -mean(energy[0]), -mean(energy[1])
	if !finite(info.Loss) {
		return info, t.diverged("the energy of a batch")
	}
	t.pass.Backward(t.grad, [][][]float32{cotangent[:1], cotangent[1:]})
	info.GradNorm = optim.ClipNorm(t.grad, c.Optimizer.GradClipNorm)
	if !finite(info.GradNorm) {
		return info, t.diverged("the gradient of the weights")
	}

	// The update.
	info.LearningRate = optim.StepLR(c.Optimizer.LearningRate, c.Schedule.Gamma, c.Schedule.EveryNEpochs, t.place.Epoch)
	t.adam.Step(t.net.Params(), t.grad, info.LearningRate)
	t.limit()
	t.net.Pack()
	if t.average != nil {
		optim.Average(t.average.params, t.net.Params(), c.EMA.Decay, t.place.Step)
		t.average.stale = true
	}
	t.replay.add(parts[1], t.stream(random.Reservoir), uint32(t.place.Step))
	t.place.Batch++
	t.place.Step++
	t.place.Langevin += uint32(c.Sampler.Steps)
	info.Duration = time.Since(start)
	return info, nil
}

// summarise averages what the chains report and looks for trouble: clamps
// would hide a gradient that is not finite from the samples.
func (t *Trainer) summarise(info *StepInfo, blocks []sampler.Info, n int) error {
	for b := range blocks {
		live := min(lane.Width, n-b*lane.Width)
		if t.cfg.Sampler.Steps > 0 && !blocks[b].Finite(live) {
			return t.diverged("the energy or gradient of a sample")
		}
		for l := range live {
			info.ChainGradNorm += float64(blocks[b].GradNorm[l]) / float64(n)
			info.ChainClamped += float64(blocks[b].Clamped[l]) / float64(n)
		}
	}
	return nil
}

// Validate compares the held-out images with uniform noise, which depends on the
// seed and the epoch.
func (t *Trainer) Validate() (EpochInfo, error) {
	info := EpochInfo{Epoch: t.place.Epoch, Step: t.place.Step}
	size := t.net.Input().Len()
	images := min(t.val.N, limit((t.val.N+t.cfg.BatchSize-1)/t.cfg.BatchSize, t.cfg.LimitValBatches)*t.cfg.BatchSize)
	noise, judge := t.stream(random.Validation), t.judge()
	energies := make([]float32, 0, images) // of real images
	var sum [2]float64                     // of E
	for first := 0; first < images; first += t.cfg.BatchSize {
		n := min(t.cfg.BatchSize, images-first)
		for i := range n {
			t.val.Image(t.images[0][i*size:(i+1)*size], first+i)
			noise.Uniform(t.images[1][i*size:(i+1)*size], uint32(first+i), uint32(t.place.Epoch), t.cfg.Sampler.Min, t.cfg.Sampler.Max)
		}
		for p := range sum {
			judge.Energies(t.energy[p][:n], t.images[p][:n*size])
			sum[p] += mean(t.energy[p][:n]) * float64(n)
		}
		energies = append(energies, t.energy[0][:n]...)
	}
	info.ValReal, info.ValFake = -sum[0]/float64(images), -sum[1]/float64(images)
	info.ValContrastiveDivergence = info.ValFake - info.ValReal
	if !finite(info.ValContrastiveDivergence) {
		return info, t.diverged("the energy of a validation image")
	}
	t.validation.setValidation(energies)
	return info, nil
}

func (t *Trainer) stream(p random.Purpose) random.Stream {
	return random.Stream{Seed: t.cfg.Seed, Purpose: p, Retry: t.place.Retry}
}

func (t *Trainer) diverged(what string) error {
	return &DivergedError{What: what, Epoch: t.place.Epoch, Step: t.place.Step}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
