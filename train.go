package joule

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/setting"
)

// A Trainer trains an energy: an epoch is a pass over the training images and a
// validation. Start with [NewTrainer] and [Trainer.Fit]; package record keeps
// the results in a run's folder.
type Trainer struct {
	cfg       Config
	train     *dataset.Set
	val       *dataset.Set
	data      *dataPrint // once it was asked for
	otherBits string     // what OtherBits returns
	loader    *dataset.Loader
	objective objective.Objective
	place     place
	history   *history // nil without a guard
	// rollbacks are those that the run has had.
	rollbacks []Rollback
	// validation is the part of a Card that the last validation left.
	validation Card
	callbacks  []Callback // of the Fit under way
	stop       *StopError // that ended the last one

	// Memory that steps and validations reuse: a batch of images and of noise,
	// their energies, and what a step reports.
	images [2][]float32
	energy [2][]float32
	result objective.Result
	info   StepInfo
}

// NewTrainer returns a trainer at the start of a run: weights drawn from the
// seed, and one batch of uniform noise in the replay buffer. It trains on the
// images of train and validates on those of val. Where cfg.Holdout is not zero,
// it validates on that many images of train instead, which it does not train
// on; val may then be nil. Sets that are nil, empty or whose parts do not fit
// together are a [*dataset.Error].
//
// Two settings are made to fit the images, and [Trainer.Config] has what became of
// them: a Holdout of as many images as train has, or more, becomes a tenth of it,
// and guard.every_n_steps, if it is the default one, becomes less where the guard
// would take too much memory.
//
// What the model says of its data is the name of train, unless cfg.Data is the path
// of a folder. Images without a name are [UnknownData] where cfg.Data is that of a
// public data set, since they may be any, and cfg.Data otherwise.
func NewTrainer(cfg Config, train, val *dataset.Set) (*Trainer, error) {
	t, err := newTrainer(cfg, train, val)
	if err != nil {
		return nil, err
	}
	objective.Init(t.objective, cfg.Seed, cfg.BatchSize)
	return t, nil
}

// newTrainer returns a trainer without weights and with an empty buffer.
func newTrainer(cfg Config, train, val *dataset.Set) (*Trainer, error) {
	train, val, err := cfg.sets(train, val)
	if err != nil {
		return nil, err
	}
	cfg.Data = dataName(cfg.Data, train.Name)
	shape := lane.Shape{C: train.C, H: train.H, W: train.W}
	t := &Trainer{cfg: cfg, train: train, val: val, loader: dataset.NewLoader(train, cfg.BatchSize, cfg.Seed, true)}
	spec, err := arch.Energy(cfg.Network, shape)
	if err != nil {
		return nil, setting.Under("network", err)
	}
	setup := t.cfg.Setup(spec)
	if cfg.Objective.Generates() {
		if setup.Generator, err = arch.Generator(cfg.Generator, shape); err != nil {
			return nil, setting.Under("generator", err)
		}
	}
	if t.objective, err = objective.New(setup); err != nil {
		return nil, err
	}
	for p := range t.images {
		t.images[p], t.energy[p] = make([]float32, cfg.BatchSize*shape.Len()), make([]float32, cfg.BatchSize)
	}
	t.info.Figures = slices.Concat(metric.Named(metric.Loss, metric.GradNorm, metric.LearningRate), t.objective.Figures(), metric.Named(metric.Rollbacks, metric.Speed))
	t.info.Values = make([]float64, len(t.info.Figures))
	t.result.Values = make([]float64, len(t.objective.Figures()))
	if cfg.Guard.Retries > 0 {
		t.history = newHistory(cfg.Guard, t.info.Figures)
	}
	return t, nil
}

// Setup is what the objective is made of, but for a generator's network. It points to
// c's settings, which the guard may change.
func (c *Config) Setup(spec nn.Spec) objective.Setup {
	return objective.Setup{
		Network: spec, BatchSize: c.BatchSize,
		Objective: &c.Objective, Sampler: &c.Sampler, Buffer: &c.Buffer, Restart: &c.Restart,
		Optimizer: &c.Optimizer, Schedule: &c.Schedule, EMA: &c.EMA, Extra: c.olderImages(),
	}
}

// SetThreads sets the number of cores to use; 0 takes all. It changes no
// result.
func (t *Trainer) SetThreads(n int) {
	for _, p := range t.objective.Parts() {
		p.SetThreads(n)
	}
}

// Threads returns the number of cores in use.
func (t *Trainer) Threads() int { return t.part().Engine.Threads() }

// Config returns the run's settings.
func (t *Trainer) Config() Config { return t.cfg }

// Steps returns the number of optimizer steps done.
func (t *Trainer) Steps() int { return t.place.Step }

// Epochs returns the number of epochs done.
func (t *Trainer) Epochs() int { return t.place.Epoch }

// Batches returns the number of batches of an epoch.
func (t *Trainer) Batches() int { return limit(t.loader.Batches(), t.cfg.LimitTrainBatches) }

// Batch returns the number of batches done in the epoch under way: up to Batches,
// where its validation is next, and 0 after that.
func (t *Trainer) Batch() int { return t.place.Batch }

// Rollbacks returns the rollbacks of the run so far.
func (t *Trainer) Rollbacks() []Rollback { return slices.Clone(t.rollbacks) }

// Figures lists what steps and validations measure.
func (t *Trainer) Figures() []metric.Figure {
	return slices.Concat(t.info.Figures, metric.Named(metric.ValDivergence, metric.ValReal, metric.ValNoise))
}

// Buffer returns the replay buffer, which is not to be changed, or nil where
// the objective has none.
func (t *Trainer) Buffer() *replay.Buffer { return t.objective.Buffer() }

// Stream returns random numbers of the run for a purpose. After a rollback they
// differ.
func (t *Trainer) Stream(p random.Purpose) random.Stream {
	return random.Stream{Seed: t.cfg.Seed, Purpose: p, Retry: t.place.Retry}
}

// part is the energy.
func (t *Trainer) part() *objective.Part { return t.objective.Parts()[0] }

// Shape returns the channels, height and width of the images.
func (t *Trainer) Shape() (c, h, w int) {
	s := t.part().Net.Input()
	return s.C, s.H, s.W
}

// Engine returns what runs the model as it is now. It is valid until the next
// step.
func (t *Trainer) Engine() *engine.Engine { return t.part().Model() }

// Model returns a copy of the model as it is now.
func (t *Trainer) Model() *Model {
	m := emptyModel(t.part().Net.Spec())
	copy(m.net.Params(), t.part().Weights())
	m.net.Pack()
	m.card = t.card()
	if g := t.generator(); g != nil {
		m.generator = g.copyOf(t.objective.Parts()[1].Weights())
	}
	return m
}

// card describes the model as it is now.
func (t *Trainer) card() *Card {
	return &Card{Config: t.cfg.ForOthers(), data: t.dataPrint().json(), Epochs: t.place.Epoch, Steps: t.place.Step, N: t.validation.N, Validation: t.validation.Validation}
}

func limit(n, limit int) int {
	if limit > 0 {
		return min(n, limit)
	}
	return n
}

// Fit trains until the configured number of epochs is done, with a validation
// after each, and calls the callbacks. When ctx is done it ends with ctx's error,
// in the state before the batch or validation under way; Fit may be called again,
// or the trainer saved and resumed, and the result is the same. A callback that
// stops the training with a [*StopError] is no fault: Fit then returns nil, and
// [Trainer.Stopped] tells it from a training that has done all epochs.
func (t *Trainer) Fit(ctx context.Context, list ...Callback) error {
	before := t.callbacks
	t.callbacks, t.place.Stopped, t.stop = list, false, nil
	defer func() { t.callbacks = before }()
	err := t.fit(ctx)
	t.place.Stopped = errors.As(err, &t.stop) && t.stop.Done
	if err = end(list, err); isStop(err) {
		return nil
	}
	return err
}

// Stopped returns what ended the last Fit before its last epoch, where a callback
// did so cleanly, and nil otherwise.
func (t *Trainer) Stopped() *StopError { return t.stop }

func (t *Trainer) fit(ctx context.Context) error {
	t.history.begin(t)
	for t.place.Epoch < t.cfg.Epochs {
		var err error
		if t.place.Batch < t.Batches() {
			if err := ctx.Err(); err != nil {
				return err
			}
			err = t.batch(ctx)
		} else {
			err = t.endEpoch(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batch takes a step, or goes back where the step shows trouble.
func (t *Trainer) batch(ctx context.Context) error {
	epoch, step := t.place.Epoch, t.place.Step
	info, err := t.step(ctx)
	trouble, err := t.history.judge(err, func(g *guard.Guard) *guard.Trouble {
		return g.Step(info.Values, t.place.Step-t.place.Drawn, info.LearningRate)
	})
	switch {
	case err != nil:
		return err
	case trouble != nil:
		return t.rollBack(trouble, epoch, step)
	}
	t.history.step(t)
	return notify(t.callbacks, onStep, info)
}

// endEpoch validates, or goes back where that shows trouble.
func (t *Trainer) endEpoch(ctx context.Context) error {
	info, err := t.validate(ctx)
	trouble, err := t.history.judge(err, func(g *guard.Guard) *guard.Trouble { return g.Epoch(info.Divergence) })
	switch {
	case err != nil:
		return err
	case trouble != nil:
		return t.rollBack(trouble, t.place.Epoch, t.place.Step)
	}
	t.place.Epoch, t.place.Batch = t.place.Epoch+1, 0
	t.history.endEpoch(t)
	info.Epoch = t.place.Epoch
	err = notify(t.callbacks, onEpoch, info)
	if isStop(err) && t.place.Epoch >= t.cfg.Epochs {
		return nil // there is nothing left to stop
	}
	return err
}

// Step trains on the next batch of the epoch. Where a number is not finite it
// returns an [*engine.NonFiniteError], and the weights stay.
func (t *Trainer) Step() (StepInfo, error) { return t.step(context.Background()) }

// step is Step, which ends early when ctx is done, and nothing has changed.
func (t *Trainer) step(ctx context.Context) (StepInfo, error) {
	start, info, r := time.Now(), &t.info, &t.result
	info.Epoch, info.Batch, info.Batches, info.Step = t.place.Epoch, t.place.Batch, t.Batches(), t.place.Step+1

	t.loader.Seek(t.place.Epoch, t.place.Batch)
	n := t.loader.Next(t.images[0])
	if n == 0 {
		panic("joule: Step beyond the end of the epoch")
	}
	shape := t.part().Net.Input()
	real := t.images[0][:n*shape.Len()]
	t.cfg.Augment.Apply(real, t.images[1], shape, t.Stream(random.Augment), uint32(t.place.Step))

	err := t.objective.Step(ctx, objective.Batch{
		Real: real, N: n, Epoch: t.place.Epoch, Step: uint32(t.place.Step), Chain: t.place.Langevin, Stream: t.Stream(0),
	}, r)
	if err != nil {
		return *info, err
	}
	t.place.Batch++
	t.place.Step++
	t.place.Langevin += uint32(r.ChainSteps)

	info.Loss, info.GradNorm, info.LearningRate, info.ImageGradients = r.Loss, r.GradNorm, r.LearningRate, r.ImageGradients
	info.Duration = time.Since(start)
	speed := math.NaN() // unknown
	if info.Duration > 0 {
		speed = float64(info.ImageGradients) / info.Duration.Seconds()
	}
	v := append(info.Values[:0], r.Loss, r.GradNorm, r.LearningRate)
	v = append(v, r.Values...)
	info.Values = append(v, float64(t.place.Retry), speed)
	return *info, nil
}

// Validate compares the held-out images with uniform noise. The noise depends
// on the seed and the epoch.
func (t *Trainer) Validate() (EpochInfo, error) { return t.validate(context.Background()) }

// validate is Validate, which ends early when ctx is done.
func (t *Trainer) validate(ctx context.Context) (EpochInfo, error) {
	info := EpochInfo{Epoch: t.place.Epoch, Step: t.place.Step}
	size := t.part().Net.Input().Len()
	images := min(t.val.N, limit((t.val.N+t.cfg.BatchSize-1)/t.cfg.BatchSize, t.cfg.LimitValBatches)*t.cfg.BatchSize)
	noise, model := t.Stream(random.Validation), t.Engine().WithContext(ctx)
	energies := make([]float32, 0, images) // of real images
	var sum [2]float64
	for first := 0; first < images; first += t.cfg.BatchSize {
		n := min(t.cfg.BatchSize, images-first)
		for i := range n {
			t.val.Image(t.images[0][i*size:(i+1)*size], first+i)
			noise.Uniform(t.images[1][i*size:(i+1)*size], uint32(first+i), uint32(t.place.Epoch), t.cfg.Sampler.Min, t.cfg.Sampler.Max)
		}
		for p := range sum {
			model.Energies(t.energy[p][:n], t.images[p][:n*size])
			sum[p] += float64(mean(t.energy[p][:n]) * float64(n))
		}
		if ctx.Err() != nil {
			return info, context.Cause(ctx)
		}
		energies = append(energies, t.energy[0][:n]...)
	}
	info.Real, info.Noise = sum[0]/float64(images), sum[1]/float64(images)
	info.Divergence = info.Real - info.Noise
	if d := info.Divergence; d-d != 0 {
		return info, &engine.NonFiniteError{What: "the energy of a validation image"}
	}
	t.validation.setValidation(energies)
	return info, nil
}

func mean(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x)
	}
	return sum / float64(len(v))
}
