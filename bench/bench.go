// Package bench measures how fast sampling and training are on this machine,
// beside the peak of the processor. Start with DefaultConfig and Run.
package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/setting"
)

// MaxSide is the largest height and width of the images.
const MaxSide = 512

// Config says what [Run] measures.
type Config struct {
	HiddenFeatures int // width of the default network
	Channels, Size int // images are Channels×Size×Size
	Chains         int // in a batch, which has as many real images
	Steps          int // Langevin steps of the loop
	Threads        int // cores to use; 0 takes all
	Repetitions    int // of every measurement
	Images         int // at most so many are held to train on, and in the replay buffer
	// Window is how long a measurement of the peak takes; one beside a layer
	// takes an eighth, as does that of the layer.
	Window time.Duration
	// Progress, where not nil, is told of the repetitions done.
	Progress func(done, total int)
}

// DefaultConfig returns the training of the default recipe: its network, 64
// chains of 60 steps, as many images as MNIST has.
func DefaultConfig() Config {
	c := joule.DefaultConfig()
	return Config{
		HiddenFeatures: c.Network.HiddenFeatures, Channels: 1, Size: 28,
		Chains: c.BatchSize, Steps: c.Sampler.Steps,
		Repetitions: 15, Images: 60000, Window: 40 * time.Millisecond,
	}
}

// Bounds on the memory of a benchmark: values of all chains' images, bytes
// of the images trained on and of the replay buffer.
const (
	maxValues = 1 << 26
	maxBytes  = 256 << 20
)

// Validate reports the first setting that is out of range, as a
// [*setting.Error].
func (c Config) Validate() error {
	bounds := setting.List{
		{Key: "hidden-features", Value: &c.HiddenFeatures, Lo: 2, Hi: 1024, About: "width of the network, even"},
		{Key: "channels", Value: &c.Channels, Lo: 1, Hi: 64, About: "channels of the images"},
		{Key: "size", Value: &c.Size, Lo: 1, Hi: MaxSide, About: "height and width of the images"},
		{Key: "chains", Value: &c.Chains, Lo: 1, Hi: 16384, About: "chains of the loop"},
		{Key: "steps", Value: &c.Steps, Lo: 1, Hi: sampler.MaxSteps, About: "Langevin steps of the loop"},
		{Key: "threads", Value: &c.Threads, Hi: 4096, About: "worker threads; 0 takes all cores"},
		{Key: "repetitions", Value: &c.Repetitions, Lo: 1, Hi: 1000, About: "how often everything is measured"},
		{Key: "images", Value: &c.Images, Lo: 1, Hi: 1e6, About: "images of the data set that is read"},
	}
	if err := bounds.Check(); err != nil {
		return err
	}
	switch {
	case c.HiddenFeatures%2 != 0:
		return &setting.Error{Key: "hidden-features", Problem: fmt.Sprintf("%d is odd", c.HiddenFeatures), Hint: "the first layer has half as many channels: choose an even number"}
	case c.Chains*c.Channels*c.Size*c.Size > maxValues:
		return &setting.Error{Key: "chains", Problem: fmt.Sprintf("%d images of %d×%d×%d take too much memory", c.Chains, c.Channels, c.Size, c.Size), Hint: "take fewer or smaller ones"}
	case c.Window <= 0 || c.Window > time.Minute:
		return &setting.Error{Key: "window", Problem: fmt.Sprintf("%v is not within 1ns to 1m", c.Window), Hint: "a tenth of a second is usual"}
	}
	return nil
}

// Report is what [Run] measured. Every number is the median of the
// repetitions; a share or a ratio is the median of those within one
// repetition. GFLOP/s are nominal: a multiply-add counts as two, those on the
// padding are counted, biases and activations are not. As padding is skipped, a
// layer's share of the peak can exceed 1.
type Report struct {
	Date   time.Time `json:"date"`
	Go     string    `json:"go"`
	CPU    string    `json:"cpu"` // left to the caller
	Kernel string    `json:"kernel"`
	// BlockWidth is the number of images side by side in a block, on one core.
	BlockWidth int `json:"block_width"`

	HiddenFeatures        int     `json:"hidden_features"`
	Input                 [3]int  `json:"input"` // channels, height, width
	Parameters            int     `json:"parameters"`
	Chains                int     `json:"chains"`
	Steps                 int     `json:"steps"`
	Repetitions           int     `json:"repetitions"`
	MFLOPPerImageGradient float64 `json:"mflop_per_image_gradient"`

	Speed               // on all threads
	SingleCore Speed    `json:"single_core"`
	Scaling    *Scaling `json:"scaling,omitempty"` // nil on one thread

	Levels []Level `json:"levels"` // Run measures those in use; more are left to the caller

	Layers      []Layer `json:"layers"`      // on one core
	Elementwise []Layer `json:"elementwise"` // on one core; no nominal work, may be a part of layers

	// ActivationBytes is about what a training step keeps of the layers'
	// outputs, on all threads; the images and the weights are not in it.
	ActivationBytes int64   `json:"activation_bytes"`
	PeakRSSBytes    int64   `json:"peak_rss_bytes"` // of the whole process; left to the caller, 0 where unknown
	PeakRSSMB       float64 `json:"peak_rss_mb"`    // the same in millions
}

// Speed is what was measured on some number of cores.
type Speed struct {
	Threads                 int     `json:"threads"`
	FMAPeakGFLOPS           float64 `json:"fma_peak_gflops"`
	LoopGFLOPS              float64 `json:"loop_gflops"` // the whole loop: noise, clamps and activations too
	LoopShareOfPeak         float64 `json:"loop_share_of_peak"`
	ImageGradientsPerSecond float64 `json:"image_gradients_per_second"`
	SampleStepMS            float64 `json:"sample_step_ms"` // one Langevin step of all chains
	TrainStepMS             float64 `json:"train_step_ms"`  // one optimizer step, its sampling included
	TrainStepOverSampling   float64 `json:"train_step_over_sampling"`
	AllocationsPerStep      float64 `json:"allocations_per_step"` // of memory, in a training step
	AllocatedBytesPerStep   float64 `json:"allocated_bytes_per_step"`
	// Spread holds the least and the largest value under each key above.
	Spread map[string][2]float64 `json:"spread"`
}

// Scaling is how many times faster all threads are than one.
type Scaling struct {
	Loop         float64 `json:"loop"`
	FMAPeak      float64 `json:"fma_peak"`
	LoopOverPeak float64 `json:"loop_over_fma_peak"`
}

// A Level is how near one set of kernels comes to the peak of the instructions
// that it is made of, on so many threads.
type Level struct {
	Kernel                  string  `json:"kernel"`
	Width                   int     `json:"width"` // images side by side in a block
	Threads                 int     `json:"threads"`
	FMAPeakGFLOPS           float64 `json:"fma_peak_gflops"`
	LoopGFLOPS              float64 `json:"loop_gflops"`
	LoopShareOfPeak         float64 `json:"loop_share_of_peak"`
	ImageGradientsPerSecond float64 `json:"image_gradients_per_second"`
	TrainStepOverSampling   float64 `json:"train_step_over_sampling"`
}

// The directions of a Layer.
const (
	forward   = "forward"
	inputGrad = "input gradient"
	paramGrad = "parameter gradient"
)

// Layer is one layer's work on a block of BlockWidth images, on one core.
type Layer struct {
	Name         string  `json:"name"`
	Direction    string  `json:"direction,omitempty"`
	Input        [3]int  `json:"input"`
	Output       [3]int  `json:"output"`
	Microseconds float64 `json:"microseconds"`
	GFLOPS       float64 `json:"gflops,omitempty"`
	ShareOfPeak  float64 `json:"share_of_peak,omitempty"`
	ShareOfLoop  float64 `json:"share_of_loop,omitempty"` // of its time on one core; 0 where it has no part in it
}

// Run measures the machine's peak of multiply-adds, the Langevin loop, whole
// training steps and single layers, one after another in each repetition, so
// that what else the machine does falls on all of them alike. It stops with
// ctx's error when ctx is done.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	b, err := newBench(c)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	// The first round warms up caches, pools and clocks and is forgotten.
	for r := -1; r < c.Repetitions; r++ {
		if c.Progress != nil {
			c.Progress(max(r, 0), c.Repetitions)
		}
		if r == 0 {
			b.forget()
		}
		if err := b.repeat(ctx, r); err != nil {
			return nil, err
		}
	}
	if c.Progress != nil {
		c.Progress(c.Repetitions, c.Repetitions)
	}
	return b.report(), nil
}

func (b *bench) report() *Report {
	shape := b.part.Net.Input()
	r := &Report{
		Date: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Kernel: kernel.Name(), BlockWidth: b.width,
		HiddenFeatures: b.cfg.HiddenFeatures, Input: shapeOf(shape), Parameters: len(b.part.Net.Params()),
		Chains: b.cfg.Chains, Steps: b.cfg.Steps, Repetitions: b.cfg.Repetitions,
		MFLOPPerImageGradient: b.flop / 1e6, ActivationBytes: b.activations,
		SingleCore: b.speeds[0].report(b.cfg.Steps, b.flop),
	}
	r.Speed = r.SingleCore
	r.Levels = []Level{level(r.SingleCore, b.cfg.Chains)}
	if len(b.speeds) > 1 {
		one, all := &b.speeds[0], &b.speeds[1]
		r.Speed = all.report(b.cfg.Steps, b.flop)
		r.Levels = append(r.Levels, level(r.Speed, b.cfg.Chains))
		loop, peak := quotients(all.loop, one.loop), quotients(all.peak, one.peak)
		r.Scaling = &Scaling{Loop: median(loop), FMAPeak: median(peak), LoopOverPeak: median(quotients(loop, peak))}
	}
	for i := range b.layers {
		l := &b.layers[i]
		l.Microseconds, l.ShareOfLoop = 1e6*median(l.seconds), median(l.share)
		if l.flop == 0 {
			r.Elementwise = append(r.Elementwise, l.Layer)
			continue
		}
		l.GFLOPS, l.ShareOfPeak = median(l.gflops), median(quotients(l.gflops, l.peak))
		r.Layers = append(r.Layers, l.Layer)
	}
	return r
}

// level is what s, measured with so many chains, says of the kernels in use.
func level(s Speed, chains int) Level {
	return Level{
		Kernel: kernel.Name(), Width: lane.Choose(chains, s.Threads), Threads: s.Threads,
		FMAPeakGFLOPS: s.FMAPeakGFLOPS, LoopGFLOPS: s.LoopGFLOPS, LoopShareOfPeak: s.LoopShareOfPeak,
		ImageGradientsPerSecond: s.ImageGradientsPerSecond, TrainStepOverSampling: s.TrainStepOverSampling,
	}
}

// report takes the medians of measurements with flop operations an
// image-gradient.
func (s *speed) report(steps int, flop float64) Speed {
	r := Speed{Threads: s.threads, Spread: make(map[string][2]float64)}
	take := func(key string, dst *float64, values []float64) {
		*dst = median(values)
		r.Spread[key] = [2]float64{slices.Min(values), slices.Max(values)}
	}
	gradients, step := make([]float64, len(s.loop)), make([]float64, len(s.loop))
	for i := range s.loop {
		gradients[i] = s.loop[i] * 1e9 / flop
		step[i] = 1e3 * s.sampling[i] / float64(steps)
	}
	training := make([]float64, len(s.training))
	for i, v := range s.training {
		training[i] = 1e3 * v
	}
	take("fma_peak_gflops", &r.FMAPeakGFLOPS, s.peak)
	take("loop_gflops", &r.LoopGFLOPS, s.loop)
	take("loop_share_of_peak", &r.LoopShareOfPeak, quotients(s.loop, s.peak))
	take("image_gradients_per_second", &r.ImageGradientsPerSecond, gradients)
	take("sample_step_ms", &r.SampleStepMS, step)
	take("train_step_ms", &r.TrainStepMS, training)
	take("train_step_over_sampling", &r.TrainStepOverSampling, quotients(s.training, s.sampling))
	take("allocations_per_step", &r.AllocationsPerStep, s.allocations)
	take("allocated_bytes_per_step", &r.AllocatedBytesPerStep, s.allocated)
	return r
}

// activationBytes is what a training's estimate says of the activations.
func activationBytes(c joule.Config, shape lane.Shape, threads int) (int64, error) {
	uses, err := c.MemoryUse(&dataset.Set{C: shape.C, H: shape.H, W: shape.W}, nil, threads)
	for _, u := range uses {
		if u.What == joule.UseActivations {
			return u.Bytes, nil
		}
	}
	return 0, err
}

func shapeOf(s lane.Shape) [3]int { return [3]int{s.C, s.H, s.W} }

// median returns NaN for no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// quotients divides two series of one length, element by element.
func quotients(a, b []float64) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = a[i] / b[i]
	}
	return q
}
