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
	"slices"
	"sync"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// An Engine runs a network on some number of cores. The number changes no
// result.
type Engine struct {
	ctx    context.Context
	net    *nn.Network
	pool   lane.Pool
	memory *memory
}

// memory is what calls leave for others to use.
type memory struct {
	mu   sync.Mutex
	free []*team
}

// A team is what one call at a time works with: a worker for each core, on
// blocks of one width.
type team struct {
	width   int
	workers []*worker
}

// worker is one goroutine's memory.
type worker struct {
	net        *nn.Network
	width      int // of its blocks
	acts       *nn.Activations
	scratch    *nn.Scratch
	x          []float32
	chains     sampler.State // of the block that is under way; it keeps its method's memory
	cotangents [][]float32   // a block for each output
	given      [][]float32   // those of them that a call has, nil for others
	// Of a pass: the images of the block, the first output of one of them and
	// its cotangent, and the gradient of a shard, packed.
	slots [lane.Max]slot
	y, dy []float32
	grad  []float32
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
	return &Engine{ctx: e.ctx, net: e.net, pool: lane.Pool{Workers: threads}, memory: e.memory}
}

// WithContext returns an engine that shares e's memory and whose work ends early
// when ctx is done, within a layer if need be. What a method gives is worthless
// then, so the caller has to ask ctx after each.
func (e *Engine) WithContext(ctx context.Context) *Engine {
	return &Engine{ctx: ctx, net: e.net, pool: e.pool, memory: e.memory}
}

// Network returns the network that e runs.
func (e *Engine) Network() *nn.Network { return e.net }

// Threads returns the number of cores that e uses at most.
func (e *Engine) Threads() int { return e.pool.Workers }

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

// images calls f for the blocks of n images, each on some worker.
func (e *Engine) images(n int, f func(w *worker, block int)) {
	width := lane.Choose(n, e.pool.Workers)
	e.each(lane.Blocks(n, width), width, f)
}

// span returns which of n images a block of the worker's has: first … end−1.
func (w *worker) span(block, n int) (first, end int) {
	return block * w.width, min((block+1)*w.width, n)
}

// each calls f for blocks 0 … n−1 of a width, each on some worker.
func (e *Engine) each(n, width int, f func(w *worker, block int)) {
	t := e.memory.take(width)
	defer e.memory.give(t)
	for len(t.workers) < min(e.pool.Workers, n) {
		t.workers = append(t.workers, newWorker(e.net, width))
	}
	for _, w := range t.workers {
		w.acts.Until(e.ctx)
	}
	e.pool.Each(n, func(i, block int) {
		if e.ctx.Err() == nil {
			f(t.workers[i], block)
		}
	})
}

func (m *memory) take(width int) *team {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.free) - 1; i >= 0; i-- {
		if t := m.free[i]; t.width == width {
			m.free = slices.Delete(m.free, i, i+1)
			return t
		}
	}
	return &team{width: width}
}

func (m *memory) give(t *team) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, t)
}

func newWorker(net *nn.Network, width int) *worker {
	first := net.OutputShape(0).Len()
	return &worker{
		net: net, width: width, acts: net.NewActivations(width), scratch: net.NewScratch(width),
		x: make([]float32, net.Input().BlockLen(width)), cotangents: make([][]float32, net.Outputs()), given: make([][]float32, net.Outputs()),
		y: make([]float32, first), dy: make([]float32, first),
	}
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
	e = e.WithContext(ctx)
	shape := e.net.Input()
	size, n := shape.Len(), e.Images(ch.X)
	var failed error
	var once sync.Once
	e.images(n, func(w *worker, b int) {
		first, end := w.span(b, n)
		images := ch.X[first*size : end*size]
		lane.Pack(w.x, images, shape)
		w.reset(ch.Stream, first, end, ch.Step)
		var info []sampler.Info
		if ch.Info != nil {
			info = ch.Info[first:end]
		}
		var each func(int)
		if ch.Frame != nil {
			each = func(step int) {
				if frame := ch.Frame(step); frame != nil {
					lane.Unpack(frame[first*size:end*size], w.x, shape)
				}
			}
		}
		if err := sampler.Advance(ctx, c, w, &w.chains, info, each); err != nil {
			once.Do(func() { failed = err }) // all fail for one reason
		}
		lane.Unpack(images, w.x, shape)
	})
	if failed != nil {
		return failed
	}
	return context.Cause(ctx)
}

// Perturb adds N(0, noise²) to every image and clamps it to [lo, hi].
func (e *Engine) Perturb(x []float32, s random.Stream, step uint32, noise, lo, hi float32) {
	shape := e.net.Input()
	size, n := shape.Len(), e.Images(x)
	e.images(n, func(w *worker, b int) {
		first, end := w.span(b, n)
		images := x[first*size : end*size]
		lane.Pack(w.x, images, shape)
		w.reset(s, first, end, step)
		sampler.Perturb(&w.chains, noise, lo, hi)
		lane.Unpack(images, w.x, shape)
	})
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
func (e *Engine) Energies(energy, x []float32) { e.Outputs([][]float32{energy}, x) }

// Outputs sets row i of out[o], N rows of as many values as output o has, to
// that output of x_i. Outputs may be nil, or missing at the end, if they are
// not asked for. [nn.Network.Output] finds an output by its name.
func (e *Engine) Outputs(out [][]float32, x []float32) {
	n := e.Images(x)
	e.images(n, func(w *worker, b int) {
		first, end := w.span(b, n)
		w.forward(x, first, end)
		w.outputs(out, first, end)
	})
}

// forward takes the images first … end−1 of x through the network.
func (w *worker) forward(x []float32, first, end int) {
	shape := w.net.Input()
	lane.Pack(w.x, x[first*shape.Len():end*shape.Len()], shape)
	w.net.Run(w.acts, w.x)
}

// outputs gives what forward has left of the images first … end−1.
func (w *worker) outputs(out [][]float32, first, end int) {
	for o, dst := range out {
		if dst != nil {
			shape := w.net.OutputShape(o)
			lane.Unpack(dst[first*shape.Len():end*shape.Len()], w.net.Value(w.acts, o), shape)
		}
	}
}

// InputGrad sets row i of dx to the gradient of Σ cotangents[o][i]·y_o(x_i)
// with respect to x_i, over all outputs y_o and their values. Rows of a
// cotangent are as long as the output; it may be nil, or missing at the end, for
// zeros. Where out is not nil it also gives the outputs, as Outputs does.
func (e *Engine) InputGrad(dx []float32, out [][]float32, x []float32, cotangents [][]float32) {
	shape := e.net.Input()
	size, n := shape.Len(), e.Images(x)
	e.images(n, func(w *worker, b int) {
		first, end := w.span(b, n)
		w.forward(x, first, end)
		w.outputs(out, first, end)
		clear(w.given)
		for o, c := range cotangents {
			if c == nil {
				continue
			}
			shape, dy := e.net.OutputShape(o), w.cotangent(o)
			for i := first; i < end; i++ {
				lane.PackLane(dy, c[i*shape.Len():][:shape.Len()], shape, i-first)
			}
		}
		lane.Unpack(dx[first*size:end*size], w.net.OutputInputGrad(w.scratch, w.acts, w.given), shape)
	})
}

// cotangent returns the block that output o's cotangents are given in, all zero:
// dead lanes weigh nothing.
func (w *worker) cotangent(o int) []float32 {
	if w.cotangents[o] == nil {
		w.cotangents[o] = make([]float32, w.net.OutputShape(o).BlockLen(w.width))
	}
	clear(w.cotangents[o])
	w.given[o] = w.cotangents[o]
	return w.given[o]
}
