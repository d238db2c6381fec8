package classify

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

// Config is the recipe of a classifier: with the data, all that
// decides its weights.
type Config struct {
	Data      string `json:"data"` // name of the data set, for the record
	Seed      uint64 `json:"seed"`
	Width     int    `json:"width"`    // channels of the first convolution
	Features  int    `json:"features"` // of an image
	Epochs    int    `json:"epochs"`
	BatchSize int    `json:"batch_size"`
	// LearningRate is Adam's at the first step. It falls to 0 at the last
	// along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983).
	LearningRate float64 `json:"learning_rate"`
	// Shift is by how many pixels an image is moved at most, either way, each
	// time it is seen. What is laid bare is filled with its border.
	Shift int `json:"shift"`
	// Flip says to mirror every other image, left to right.
	Flip bool `json:"flip"`
}

// DefaultConfig returns what suits small images of ten classes.
func DefaultConfig() Config {
	return Config{
		Seed: 1, Width: 32, Features: 128, Epochs: 12,
		// 128 images fill a block of eight in each of the 16 shards.
		BatchSize: 128, LearningRate: 2e-3, Shift: 2,
	}
}

// Validate reports the first setting that is out of range, as a
// [*setting.Error].
func (c Config) Validate() error {
	bounds := setting.List{
		{Key: "width", Value: &c.Width, Lo: 1, Hi: 1024},
		{Key: "features", Value: &c.Features, Lo: 1, Hi: 4096},
		{Key: "epochs", Value: &c.Epochs, Lo: 1, Hi: 1e6},
		{Key: "batch_size", Value: &c.BatchSize, Lo: 1, Hi: 16384},
		{Key: "shift", Value: &c.Shift, Hi: 64},
	}
	if err := bounds.Check(); err != nil {
		return err
	}
	if !(c.LearningRate > 0 && c.LearningRate <= 1) {
		return &setting.Error{Key: "learning_rate", Problem: fmt.Sprintf("%v is not within 0 to 1", c.LearningRate)}
	}
	return nil
}

// Adam's settings for classifiers are those of Kingma and Ba 2015.
const (
	classifierBeta1   = 0.9
	classifierBeta2   = 0.999
	classifierEpsilon = 1e-8
)

// Step is what a step of a classifier's training reports.
type Step struct {
	Epoch, Batch, Batches int // counted from 0
	Loss                  float64
	Accuracy              float64 // share of the batch's images, as shown
	LearningRate          float64
}

// trainer holds the memory that steps reuse.
type trainer struct {
	cfg    Config
	loader *dataset.Loader
	net    *nn.Network
	pass   *engine.Pass
	adam   *optim.Adam
	step   int // done

	plain, images []float32 // as they are, and moved
	labels        []byte    // of the batch
	losses        []float64 // of each image
	right         []bool    // whether it is classified rightly
	grad          []float32
}

// Train trains a classifier on labelled images, by the cross-entropy, on all
// cores. The weights, rounded to float16 in the end, depend on the settings and
// the data alone: the same bits for any number of cores of one instruction set.
// each, where not nil, is told of every step. It stops with ctx's error when ctx is done, and
// with an [*engine.NonFiniteError] when a loss or gradient is not finite.
func Train(ctx context.Context, cfg Config, train *dataset.Set, each func(Step)) (*Classifier, error) {
	return trainOn(ctx, cfg, train, 0, each)
}

func trainOn(ctx context.Context, cfg Config, train *dataset.Set, threads int, each func(Step)) (*Classifier, error) {
	t, err := newTrainer(cfg, train, threads)
	if err != nil {
		return nil, err
	}
	for t.step < cfg.Epochs*t.loader.Batches() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := t.Step()
		if err != nil {
			return nil, err
		}
		if each != nil {
			each(info)
		}
	}
	for i, v := range t.net.Params() {
		t.net.Params()[i] = checkpoint.ToHalf(v).Float32()
	}
	t.net.Pack()
	c, err := newClassifier(t.net, Card{Recipe: cfg, DataHash: train.Hash(), N: train.N})
	if err != nil {
		panic("classify: " + err.Error()) // arch.Classifier is one
	}
	return c, nil
}

func newTrainer(cfg Config, train *dataset.Set, threads int) (*trainer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := train.Validate(); err != nil {
		return nil, err
	}
	classes := 2
	for _, label := range train.Labels {
		classes = max(classes, int(label)+1)
	}
	shape := lane.Shape{C: train.C, H: train.H, W: train.W}
	if err := checkLabels(train, shape, classes); err != nil {
		return nil, err
	}
	net, err := nn.New(arch.Classifier(cfg.Width, cfg.Features, classes, shape))
	if err != nil {
		return nil, err
	}
	net.Init(cfg.Seed)
	n := len(net.Params())
	return &trainer{
		cfg: cfg, net: net, pass: engine.New(net, threads).NewPass(),
		loader: dataset.NewLoader(train, cfg.BatchSize, cfg.Seed, true),
		adam:   optim.NewAdam(n, classifierBeta1, classifierBeta2, classifierEpsilon),
		plain:  make([]float32, cfg.BatchSize*shape.Len()), images: make([]float32, cfg.BatchSize*shape.Len()),
		labels: make([]byte, cfg.BatchSize), losses: make([]float64, cfg.BatchSize), right: make([]bool, cfg.BatchSize),
		grad: make([]float32, n),
	}, nil
}

// Step trains on the next batch.
func (t *trainer) Step() (Step, error) {
	batches := t.loader.Batches()
	info := Step{Epoch: t.step / batches, Batch: t.step % batches, Batches: batches}
	info.LearningRate = t.cfg.LearningRate * (1 + math.Cos(math.Pi*float64(t.step)/float64(t.cfg.Epochs*batches))) / 2

	t.loader.Seek(info.Epoch, info.Batch)
	n := t.loader.NextLabelled(t.plain, t.labels)
	shape := t.net.Input()
	size := shape.Len()
	for i := range n {
		t.augment(t.images[i*size:(i+1)*size], t.plain[i*size:(i+1)*size], shape, i)
	}

	t.pass.Gradient(t.grad, [][]float32{t.images[:n*size]}, func(_, i int, z, dz []float32) {
		t.losses[i] = imageLoss(dz, z, t.labels[i], n)
		t.right[i] = predicted(z) == int(t.labels[i])
	})
	correct := 0
	for i, right := range t.right[:n] {
		info.Loss += t.losses[i]
		if right {
			correct++
		}
	}
	info.Accuracy = float64(correct) / float64(n)
	if info.Loss-info.Loss != 0 {
		return info, t.diverged(info, "the cross-entropy of a batch")
	}
	if norm := optim.Norm(t.grad); norm-norm != 0 {
		return info, t.diverged(info, "the gradient of the weights")
	}
	t.adam.Step(t.net.Params(), t.grad, info.LearningRate)
	t.net.Pack()
	t.step++
	return info, nil
}

func (t *trainer) diverged(info Step, what string) error {
	return fmt.Errorf("classify: epoch %d, step %d: %w", info.Epoch, t.step, &engine.NonFiniteError{What: what})
}

// augment writes the image of a slot of the batch to dst, moved and mirrored
// as the seed, the step and the slot say.
func (t *trainer) augment(dst, image []float32, s lane.Shape, slot int) {
	w := random.Stream{Seed: t.cfg.Seed, Purpose: random.DataNoise}.Words(uint32(slot), uint32(t.step), 0)
	dataset.Move(dst, image, s, dataset.Offset(w[0], t.cfg.Shift), dataset.Offset(w[1], t.cfg.Shift), t.cfg.Flip && w[2]&1 != 0)
}
