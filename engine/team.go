package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/sampler"
)

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
	crew    lane.Crew
	each    func(worker, block int) // block, bound once: a closure for each call would take memory
	mu      sync.Mutex              // of failed
	call
}

// A call is what a team is at work on: the arguments of a method of Engine or
// Pass, as far as they go.
type call struct {
	ctx     context.Context
	threads int
	do      func(t *team, w *worker, block int)
	n       int // images
	x       []float32

	config sampler.Config // of chains
	chains Chains
	failed error // the first of errors that all have one reason

	out, cotangents [][]float32
	energy          [1][]float32 // the memory of out where it is an energy
	dx              []float32

	pass *Pass
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

// takeFor returns a team for n images, with blocks as wide as suits them.
func (e *Engine) takeFor(ctx context.Context, n int) *team {
	width := lane.Choose(n, e.threads)
	t := e.take(ctx, width, lane.Blocks(n, width))
	t.n = n
	return t
}

// take returns a team for so many blocks of a width.
func (e *Engine) take(ctx context.Context, width, blocks int) *team {
	t := e.memory.take(width)
	t.ctx, t.threads = ctx, e.threads
	for len(t.workers) < min(e.threads, blocks) {
		t.workers = append(t.workers, newWorker(e.net, width))
	}
	for _, w := range t.workers {
		w.acts.Until(ctx)
	}
	return t
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
	t := &team{width: width}
	t.each = t.block
	return t
}

// give takes back a team, which forgets its call.
func (m *memory) give(t *team) {
	t.call = call{}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, t)
}

// images calls do for the blocks of the call's images.
func (t *team) images(do func(t *team, w *worker, block int)) {
	t.blocks(lane.Blocks(t.n, t.width), do)
}

// blocks calls do for blocks 0 … n−1, each on some worker.
func (t *team) blocks(n int, do func(t *team, w *worker, block int)) {
	t.do = do
	t.crew.Each(t.threads, n, t.each)
}

func (t *team) block(worker, block int) {
	if t.ctx.Err() == nil {
		t.do(t, t.workers[worker], block)
	}
}

// fail keeps the first error of a call.
func (t *team) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

func newWorker(net *nn.Network, width int) *worker {
	first := net.OutputShape(0).Len()
	return &worker{
		net: net, width: width, acts: net.NewActivations(width), scratch: net.NewScratch(width),
		x: make([]float32, net.Input().BlockLen(width)), cotangents: make([][]float32, net.Outputs()), given: make([][]float32, net.Outputs()),
		y: make([]float32, first), dy: make([]float32, first),
	}
}

// span returns which of n images a block of the worker's has: first … end−1.
func (w *worker) span(block, n int) (first, end int) {
	return block * w.width, min((block+1)*w.width, n)
}

// load puts the images first … end−1 of x into w.x.
func (w *worker) load(x []float32, first, end int) {
	shape := w.net.Input()
	lane.Pack(w.x, x[first*shape.Len():end*shape.Len()], shape)
}

// unload gives the outputs of the images first … end−1, which are in w.acts.
func (w *worker) unload(out [][]float32, first, end int) {
	for o, dst := range out {
		if dst != nil {
			shape := w.net.OutputShape(o)
			lane.Unpack(dst[first*shape.Len():end*shape.Len()], w.net.Value(w.acts, o), shape)
		}
	}
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
