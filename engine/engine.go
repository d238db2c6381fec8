// Package engine runs networks on the CPU. It takes and gives plain images,
// N×C×H×W; within, it works on blocks of images side by side, each on one core.
//
// Start with New. An Engine advances chains, and runs images forward to named
// outputs and back to themselves. It keeps its memory between calls, which may
// come from many goroutines at once. A Pass takes a batch forward and back to the
// parameters. While the network's parameters change, until its Pack has
// returned, none of them may run.
package engine

import (
	"context"
	"runtime"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// An Engine runs a network on some number of cores. The number changes no
// result.
type Engine struct {
	ctx     context.Context
	net     *nn.Network
	threads int
	memory  *memory
}

// New returns an engine of net on up to threads cores, all where threads is 0.
func New(net *nn.Network, threads int) *Engine {
	return (&Engine{ctx: context.Background(), net: net, memory: &memory{}}).WithThreads(threads)
}

// WithThreads returns an engine on another number of cores that shares e's
// memory.
func (e *Engine) WithThreads(threads int) *Engine {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Engine{ctx: e.ctx, net: e.net, threads: threads, memory: e.memory}
}

// WithContext returns an engine that shares e's memory and whose work ends early
// when ctx is done, within a layer if need be. What a method gives is worthless
// then, so the caller has to ask ctx after each.
func (e *Engine) WithContext(ctx context.Context) *Engine {
	return &Engine{ctx: ctx, net: e.net, threads: e.threads, memory: e.memory}
}

// Network returns the network that e runs.
func (e *Engine) Network() *nn.Network { return e.net }

// Threads returns the number of cores that e uses at most.
func (e *Engine) Threads() int { return e.threads }

// A NonFiniteError says that a number is NaN or infinite, so that the work
// cannot go on.
type NonFiniteError struct {
	What string // "the energy of a batch"
}

func (e *NonFiniteError) Error() string { return e.What + " is not finite" }

// Remedy says what the user can do.
func (e *NonFiniteError) Remedy() string {
	return "take an earlier checkpoint, or train with a lower optimizer.learning_rate"
}

// Images returns the number of images in x.
func (e *Engine) Images(x []float32) int {
	size := e.net.Input().Len()
	if len(x)%size != 0 {
		panic("engine: values that are not whole images")
	}
	return len(x) / size
}

var ones = [lane.Max]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

// EnergyGrad makes a worker an energy to sample from.
func (w *worker) EnergyGrad(x, energy []float32) []float32 {
	w.net.Forward(w.acts, x, energy)
	return w.net.InputGrad(w.scratch, w.acts, ones[:w.width])
}

// Energy returns the network as an energy that works on blocks of lane.Width,
// with memory of its own: for one goroutine at a time.
func (e *Engine) Energy() sampler.Energy {
	w := newWorker(e.net, lane.Width)
	w.acts.Until(e.ctx)
	return w
}

// Chains is a set of chains: chain i starts from image i of X, which it
// overwrites, and draws the noise of chain i of Stream from Step on.
type Chains struct {
	X      []float32
	Stream random.Stream
	Step   uint32
	Info   []sampler.Info // of each chain; may be nil
	// Frame, where not nil, returns where to put the images after a step,
	// or nil.
	Frame func(step int) []float32
}

// Advance takes c.Steps steps of the sampler with every chain, of an energy.
// When ctx is done it stops, within a step if need be, with ctx's error, and
// what X holds is worthless.
func (e *Engine) Advance(ctx context.Context, c sampler.Config, ch Chains) error {
	t := e.takeFor(ctx, e.Images(ch.X))
	defer e.memory.give(t)
	t.x, t.config, t.chains = ch.X, c, ch
	t.images((*team).advance)
	if t.failed != nil {
		return t.failed
	}
	return context.Cause(ctx)
}

func (t *team) advance(w *worker, b int) {
	shape, ch := w.net.Input(), &t.chains
	size := shape.Len()
	first, end := w.span(b, t.n)
	w.load(t.x, first, end)
	w.reset(ch.Stream, first, end, ch.Step)
	var info []sampler.Info
	if ch.Info != nil {
		info = ch.Info[first:end]
	}
	var each func(int)
	if frame := ch.Frame; frame != nil {
		each = func(step int) {
			if x := frame(step); x != nil {
				lane.Unpack(x[first*size:end*size], w.x, shape)
			}
		}
	}
	if err := sampler.Advance(t.ctx, t.config, w, &w.chains, info, each); err != nil {
		t.fail(err)
	}
	lane.Unpack(t.x[first*size:end*size], w.x, shape)
}

// Perturb adds N(0, noise²) to every image and clamps it to [lo, hi].
func (e *Engine) Perturb(x []float32, s random.Stream, step uint32, noise, lo, hi float32) {
	t := e.takeFor(e.ctx, e.Images(x))
	defer e.memory.give(t)
	t.x, t.chains = x, Chains{Stream: s, Step: step}
	t.config = sampler.Config{Noise: noise, Min: lo, Max: hi}
	t.images((*team).perturb)
}

func (t *team) perturb(w *worker, b int) {
	shape := w.net.Input()
	first, end := w.span(b, t.n)
	w.load(t.x, first, end)
	w.reset(t.chains.Stream, first, end, t.chains.Step)
	sampler.Perturb(&w.chains, t.config.Noise, t.config.Min, t.config.Max)
	lane.Unpack(t.x[first*shape.Len():end*shape.Len()], w.x, shape)
}

// reset makes w.x the chains first … end−1 of a stream.
func (w *worker) reset(s random.Stream, first, end int, step uint32) {
	var slots [lane.Max]uint32
	for l := range slots {
		slots[l] = uint32(first + l)
	}
	w.chains.Reset(w.x, w.width, s, slots[:end-first], step)
}

// Energies sets energy[i] = E(x_i), where the first output is the energy.
func (e *Engine) Energies(energy, x []float32) {
	t := e.takeFor(e.ctx, e.Images(x))
	defer e.memory.give(t)
	t.energy[0] = energy
	t.x, t.out = x, t.energy[:]
	t.images((*team).outputs)
}

// Outputs sets row i of out[o], N rows of as many values as output o has, to
// that output of x_i. Outputs may be nil, or missing at the end, if they are
// not asked for. [nn.Network.Output] finds an output by its name.
func (e *Engine) Outputs(out [][]float32, x []float32) {
	t := e.takeFor(e.ctx, e.Images(x))
	defer e.memory.give(t)
	t.x, t.out = x, out
	t.images((*team).outputs)
}

func (t *team) outputs(w *worker, b int) {
	first, end := w.span(b, t.n)
	w.load(t.x, first, end)
	w.net.Run(w.acts, w.x)
	w.unload(t.out, first, end)
}

// InputGrad sets row i of dx to the gradient of Σ cotangents[o][i]·y_o(x_i)
// with respect to x_i, over all outputs y_o and their values. Rows of a
// cotangent are as long as the output; it may be nil, or missing at the end, for
// zeros. Where out is not nil it also gives the outputs, as Outputs does.
func (e *Engine) InputGrad(dx []float32, out [][]float32, x []float32, cotangents [][]float32) {
	t := e.takeFor(e.ctx, e.Images(x))
	defer e.memory.give(t)
	t.x, t.dx, t.out, t.cotangents = x, dx, out, cotangents
	t.images((*team).inputGrad)
}

func (t *team) inputGrad(w *worker, b int) {
	t.outputs(w, b)
	first, end := w.span(b, t.n)
	clear(w.given)
	for o, c := range t.cotangents {
		if c == nil {
			continue
		}
		shape, dy := w.net.OutputShape(o), w.cotangent(o)
		for i := first; i < end; i++ {
			lane.PackLane(dy, c[i*shape.Len():][:shape.Len()], shape, i-first)
		}
	}
	shape := w.net.Input()
	lane.Unpack(t.dx[first*shape.Len():end*shape.Len()], w.net.OutputInputGrad(w.scratch, w.acts, w.given), shape)
}
