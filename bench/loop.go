package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/objective"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// bench is a benchmark under way: the default objective at work on made-up
// images, and what was measured so far, one value a repetition.
type bench struct {
	cfg       Config
	set       *dataset.Set
	loader    *dataset.Loader
	sampler   sampler.Config
	objective objective.Objective
	part      *objective.Part
	result    objective.Result
	width     int       // of the loop's blocks on one core
	step      int       // training steps done
	real      []float32 // a batch of real images
	x         []float32 // the images of the loop's chains
	info      []sampler.Info
	flop      float64 // of an image-gradient, nominal
	rounds    int     // of kernel.Peak in a chunk
	// activations is how many bytes a training step keeps of them.
	activations int64

	speeds []speed // on one core, then, where there are more, on all
	layers []layerBench
}

// speed is what is measured on some number of cores.
type speed struct {
	threads int

	peak, loop         []float64 // GFLOP/s
	sampling, training []float64 // seconds of K Langevin steps, of a training step
	// What a training step allocates: how often, and how many bytes.
	allocations, allocated []float64
}

// layerBench is one layer in one direction, or another part of the loop.
type layerBench struct {
	Layer
	flop  float64 // of a block, nominal
	loop  bool    // has a part in the loop
	run   func()
	calls int // of run in a measurement

	gflops, peak   []float64 // GFLOP/s; the peak's just before
	seconds, share []float64 // of a call; their share of a block's step
}

func newBench(c Config) (*bench, error) {
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	cfg := joule.DefaultConfig()
	cfg.BatchSize, cfg.Sampler.Steps, cfg.Network.HiddenFeatures = c.Chains, c.Steps, c.HiddenFeatures
	cfg.Guard.Retries = 0 // there is none, so the buffer needs no room for its states
	set := &dataset.Set{Name: "bench", C: c.Channels, H: c.Size, W: c.Size}
	set.N = max(c.Chains, min(c.Images, maxBytes/set.Size()))
	cfg.Buffer.Size = max(c.Chains, min(cfg.Buffer.Size, c.Images, maxBytes/(4*set.Size())))
	// The network is checked before memory is taken for images.
	shape := lane.Shape{C: set.C, H: set.H, W: set.W}
	spec := arch.CNN(c.HiddenFeatures, shape)
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	set.Pixels = make([]byte, set.N*set.Size())
	rand.NewChaCha8([32]byte{}).Read(set.Pixels)
	o, err := objective.New(cfg.Setup(spec))
	if err != nil {
		return nil, err
	}
	objective.Init(o, cfg.Seed, c.Chains)
	b := &bench{
		cfg: c, set: set, loader: dataset.NewLoader(set, c.Chains, cfg.Seed, true), sampler: cfg.Sampler,
		objective: o, part: o.Parts()[0], real: make([]float32, c.Chains*set.Size()),
		x: make([]float32, c.Chains*set.Size()), info: make([]sampler.Info, c.Chains),
		width: lane.Choose(c.Chains, 1),
	}
	b.result.Values = make([]float64, len(o.Figures()))
	b.flop = imageGradientFLOP(b.part.Net)
	if b.activations, err = activationBytes(cfg, shape, c.Threads); err != nil {
		return nil, err
	}
	// The buffer is full, as after the first few hundred steps.
	for i := range (cfg.Buffer.Size + c.Chains - 1) / c.Chains {
		o.Buffer().Fill(c.Chains, random.Stream{Seed: uint64(i), Purpose: random.InitialNoise})
	}
	o.Buffer().Draw(b.x, b.x, 0, random.Stream{}, 0)

	const few = 64
	b.rounds = few * callsWithin(peakChunk, func() { kernel.Peak(few) })
	for _, threads := range []int{1, c.Threads} {
		if len(b.speeds) == 0 || threads > 1 {
			b.speeds = append(b.speeds, speed{threads: threads})
		}
	}
	b.addLayers()
	return b, nil
}

// imageGradientFLOP is the nominal work of the energy's gradient with respect
// to one image: the way forward, and the same again for the way back.
func imageGradientFLOP(net *nn.Network) float64 {
	flop := 0.0
	for _, l := range net.Layers() {
		flop += 2 * l.FLOP
	}
	return flop
}

// addLayers lists the parts of the loop, and the gradients of the parameters.
func (b *bench) addLayers() {
	block := make([]float32, b.part.Net.Input().BlockLen(b.width))
	lane.Pack(block, b.x[:min(b.width, b.cfg.Chains)*b.part.Net.Input().Len()], b.part.Net.Input())
	b.addDirections(block)
	b.addActivations()
	b.addSampler(block)
}

func (b *bench) add(l layerBench) {
	l.calls = callsWithin(b.cfg.Window/8, l.run)
	b.layers = append(b.layers, l)
}

// addDirections adds each layer in each direction.
func (b *bench) addDirections(block []float32) {
	probe := b.part.Net.NewProbe(block)
	for i, l := range b.part.Net.Layers() {
		if l.Idle {
			continue
		}
		name := fmt.Sprintf("%d %s", i, l.Type)
		if l.Activated {
			name += "+silu"
		}
		direction := func(direction string, loop bool, run func(int)) {
			b.add(layerBench{
				Layer: Layer{Name: name, Direction: direction, Input: shapeOf(l.In), Output: shapeOf(l.Out)},
				flop:  l.FLOP * float64(b.width), loop: loop, run: func() { run(i) },
			})
		}
		direction(forward, true, probe.Forward)
		direction(inputGrad, true, probe.InputGrad)
		if l.FLOP > 0 {
			direction(paramGrad, false, probe.ParamGrad)
		}
	}
}

// addActivations adds the activations that layers apply, timed by themselves
// once more, a layer after the other in the same memory: as in the network, the
// largest is all that has to be near.
func (b *bench) addActivations() {
	var activated []int
	total, largest := 0, 0
	for _, l := range b.part.Net.Layers() {
		if l.Activated {
			n := l.Out.BlockLen(b.width)
			activated = append(activated, n)
			total, largest = total+n, max(largest, n)
		}
	}
	if total == 0 {
		return
	}
	x, y, d := make([]float32, largest), make([]float32, largest), make([]float32, largest)
	b.stream().Uniform(x, 0, 0, -1, 1)
	n := total / b.width
	b.add(layerBench{
		Layer: Layer{Name: "silu of all layers", Direction: forward, Input: [3]int{n, 1, 1}, Output: [3]int{n, 1, 1}},
		loop:  true, run: func() {
			for _, n := range activated {
				kernel.SiLU(y[:n], d[:n], x[:n])
			}
		},
	})
}

// addSampler adds what the sampler does itself.
func (b *bench) addSampler(block []float32) {
	c := b.sampler
	c.Steps = 1
	still := &still{grad: make([]float32, len(block))}
	chains := make([]uint32, min(b.width, b.cfg.Chains))
	for i := range chains {
		chains[i] = uint32(i)
	}
	state := sampler.NewState(block, b.width, b.stream(), chains, 0)
	image := Layer{Input: shapeOf(b.part.Net.Input()), Output: shapeOf(b.part.Net.Input())}
	image.Name = "noise"
	b.add(layerBench{Layer: image, loop: true, run: func() { sampler.Perturb(&state, c.Noise, c.Min, c.Max) }})
	image.Name = "noise and descent"
	b.add(layerBench{Layer: image, loop: true, run: func() {
		if err := sampler.Advance(context.Background(), c, still, &state, b.info[:len(chains)], nil); err != nil {
			panic("bench: " + err.Error()) // nothing cancels it
		}
	}})
}

// still is an energy that takes no time: what is left of a step is the
// sampler's own.
type still struct{ grad []float32 }

func (s *still) EnergyGrad(_, energy []float32) []float32 {
	clear(energy)
	return s.grad
}

func (b *bench) stream() random.Stream { return random.Stream{Seed: 1, Purpose: random.Langevin} }

// forget drops what was measured.
func (b *bench) forget() {
	for i := range b.speeds {
		b.speeds[i] = speed{threads: b.speeds[i].threads}
	}
	for i := range b.layers {
		l := &b.layers[i]
		l.seconds, l.share, l.gflops, l.peak = nil, nil, nil, nil
	}
}

// repeat measures everything once. Which number of cores comes first changes
// from one repetition to the next.
func (b *bench) repeat(ctx context.Context, repetition int) error {
	for i := range b.speeds {
		s := &b.speeds[i]
		if repetition%2 == 0 {
			s = &b.speeds[len(b.speeds)-1-i]
		}
		if err := b.measure(ctx, s); err != nil {
			return err
		}
	}
	return b.measureLayers(ctx)
}

// measure takes the peak before and after the loop, then a training step.
func (b *bench) measure(ctx context.Context, s *speed) error {
	b.part.SetThreads(s.threads)
	before := b.peak(s.threads, b.cfg.Window)
	c := b.sampler
	var err error
	sampling := seconds(func() {
		err = b.part.Engine.Advance(ctx, c, engine.Chains{X: b.x, Stream: b.stream(), Step: b.chainSteps(), Info: b.info})
	})
	if err != nil {
		return err
	}
	after := b.peak(s.threads, b.cfg.Window)
	if err := ctx.Err(); err != nil {
		return err
	}

	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	mallocs, bytes := m.Mallocs, m.TotalAlloc
	training := seconds(func() { err = b.train() })
	if err != nil {
		return fmt.Errorf("bench: training: %w", err)
	}
	runtime.ReadMemStats(&m)

	work := b.flop * float64(b.cfg.Chains*c.Steps) / 1e9
	s.peak = append(s.peak, (before+after)/2)
	s.loop = append(s.loop, work/sampling)
	s.sampling = append(s.sampling, sampling)
	s.training = append(s.training, training)
	s.allocations = append(s.allocations, float64(m.Mallocs-mallocs))
	s.allocated = append(s.allocated, float64(m.TotalAlloc-bytes))
	return ctx.Err()
}

// chainSteps is the number of sampler steps that each chain has done.
func (b *bench) chainSteps() uint32 { return uint32(b.step * b.sampler.Steps) }

// train takes a training step on the next full batch.
func (b *bench) train() error {
	b.loader.Seek(0, b.step%(b.set.N/b.cfg.Chains))
	n := b.loader.Next(b.real)
	err := b.objective.Step(context.Background(), objective.Batch{
		Real: b.real, N: n, Step: uint32(b.step), Chain: b.chainSteps(), Stream: random.Stream{Seed: 1},
	}, &b.result)
	b.step++
	return err
}

// measureLayers follows measure, whose loop on one core it divides by.
func (b *bench) measureLayers(ctx context.Context) error {
	loop := b.speeds[0].sampling
	step := loop[len(loop)-1] / float64(b.cfg.Steps*lane.Blocks(b.cfg.Chains, b.width)) // of a block
	for i := range b.layers {
		l := &b.layers[i]
		if l.flop > 0 {
			l.peak = append(l.peak, b.peak(1, b.cfg.Window/8))
		}
		took := seconds(func() {
			for range l.calls {
				l.run()
			}
		}) / float64(l.calls)
		l.seconds = append(l.seconds, took)
		l.gflops = append(l.gflops, l.flop/took/1e9)
		share := 0.0
		if l.loop {
			share = took / step
		}
		l.share = append(l.share, share)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// peakChunk is about how long a piece of work of a measurement of the peak
// takes: far more than fetching it, far less than all of them.
const peakChunk = 200 * time.Microsecond

// peak returns the GFLOP/s of multiply-adds on so many cores at once, measured
// for about as long as window. As in the loop, each takes a new piece of the
// work when it is done with the last.
func (b *bench) peak(threads int, window time.Duration) float64 {
	chunks := int64(threads) * max(1, int64(window/peakChunk))
	flop := make([]float64, threads)
	var next atomic.Int64
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range threads {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-start
			sum := 0.0
			for next.Add(1) <= chunks {
				sum += kernel.Peak(b.rounds)
			}
			flop[i] = sum
		})
	}
	ready.Wait()
	took := seconds(func() {
		close(start)
		done.Wait()
	})
	sum := 0.0
	for _, f := range flop {
		sum += f
	}
	return sum / took / 1e9
}

// seconds times f. Where the clock is too coarse to see f it returns its
// resolution, so that nothing is divided by zero.
func seconds(f func()) float64 {
	start := time.Now()
	f()
	return max(time.Since(start), 1).Seconds()
}

// callsWithin returns how many calls of f take about as long as d.
func callsWithin(d time.Duration, f func()) int {
	f()
	for n := 1; ; n *= 2 {
		took := seconds(func() {
			for range n {
				f()
			}
		})
		if took >= d.Seconds()/4 || n >= 1<<24 {
			return max(1, int(float64(n)*d.Seconds()/took))
		}
	}
}
