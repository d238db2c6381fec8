package engine

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// Shards is the number of parts that a batch's gradient is summed in. It is
// fixed, whatever the number of cores, so that the sum has the same bits.
const Shards = 16

// A Pass takes batches forward and back to the parameters, in memory of its
// own: for one goroutine at a time. It knows the network's first output alone: an
// energy, or the logits of a classifier.
type Pass struct {
	engine *Engine
	ctx    context.Context
	grads  [][]float32 // of the shards that a worker takes together, packed
	crew   lane.Crew
	sum    func(worker, layer int) // sumLayer, bound once
	// The batch under way: n images in each part.
	parts [][]float32
	n     int
	loss  Loss
	// What dropout layers drop, see Drop.
	stream random.Stream
	step   uint32
	grad   []float32
}

// A Loss sets dy = ∂L/∂y of one image of a part, from its output y. Both are
// plain rows, valid until it returns. Many goroutines call it at the same time,
// each for other images.
type Loss func(part, image int, y, dy []float32)

// NewPass returns a pass without a batch.
func (e *Engine) NewPass() *Pass {
	p := &Pass{engine: e, ctx: e.ctx}
	p.sum = p.sumLayer
	return p
}

// SetContext makes p's work end early when ctx is done, within a layer if need
// be. What Gradient gives is worthless then, so the caller has to ask ctx after
// it.
func (p *Pass) SetContext(ctx context.Context) { p.ctx = ctx }

// SetThreads changes the number of cores, all where n is 0.
func (p *Pass) SetThreads(n int) { p.engine = p.engine.WithThreads(n) }

// Drop has dropout layers drop values in what Gradient does from now on: those of
// image i of part k by the words of stream s for step and chain k·n + i.
func (p *Pass) Drop(s random.Stream, step uint32) { p.stream, p.step = s, step }

// Gradient sets grad = Σ dy·∂y/∂θ, as long as the parameters, over all images of
// all parts, each of which has one number of images. A block of images goes
// forward and back in one go, with the cotangents that loss sets in between, so
// that more images need no more memory. What is not finite stays so.
func (p *Pass) Gradient(grad []float32, parts [][]float32, loss Loss) {
	p.gradient(grad, parts, loss, together(p.engine.Threads()), kernel.Widest())
}

// together is how many shards a worker takes at a time: two neighbours, whose
// sum it leaves, where there are enough for so many cores.
func together(threads int) int {
	if 2*threads > Shards {
		return 1
	}
	return 2
}

// Gradients returns the number of gradients, as long as [nn.Network.GradLen], that
// a pass on so many cores keeps.
func Gradients(threads int) int {
	if together(threads) == 1 {
		return Shards
	}
	return Shards/2 + threads
}

// gradient is Gradient by groups of one shard or two. Blocks have lane.Width
// images of each shard of a group, but are no wider than widest.
func (p *Pass) gradient(grad []float32, parts [][]float32, loss Loss, group, widest int) {
	net := p.engine.net
	if len(p.grads) != Shards/group {
		p.grads = make([][]float32, Shards/group)
		for g := range p.grads {
			p.grads[g] = make([]float32, net.GradLen())
		}
	}
	p.parts, p.n, p.loss, p.grad = parts, p.engine.Images(parts[0]), loss, grad
	width := min(group*lane.Width, widest)
	if p.n < Shards {
		width = lane.Width // one of two neighbours may have no images
	}
	t := p.engine.take(p.ctx, width, len(p.grads))
	defer p.engine.memory.give(t)
	t.pass = p
	t.blocks(len(p.grads), (*team).group)
	p.crew.Each(p.engine.threads, len(net.Spec().Layers), p.sum)
}

// group sets gradient g of a pass.
func (t *team) group(w *worker, g int) {
	p := t.pass
	sum := p.grads[g]
	if len(p.grads) == Shards {
		p.shards(w, g, sum, nil)
		return
	}
	if w.grad == nil {
		w.grad = make([]float32, len(sum))
	}
	if w.width > lane.Width {
		p.shards(w, 2*g, sum, w.grad)
	} else {
		p.shards(w, 2*g, sum, nil)
		p.shards(w, 2*g+1, w.grad, nil)
	}
	kernel.Add(sum, sum, w.grad)
}

// shards sets the gradient of shard first and, where w's blocks are wide, that of
// its neighbour: both go through the blocks side by side.
func (p *Pass) shards(w *worker, first int, grad, high []float32) {
	clear(grad)
	clear(high)
	for i := 0; p.ctx.Err() == nil && p.fill(w, first, i); i += lane.Width {
		p.block(w, grad, high)
	}
}

// A slot is an image that is in a lane of a block. Other lanes are dead.
type slot struct {
	part, image int
	live        bool
}

// slot finds image i of a shard, which owns the same slots of every part.
func (p *Pass) slot(shard, i int) slot {
	first, end := shard*p.n/Shards, (shard+1)*p.n/Shards
	if i >= (end-first)*len(p.parts) {
		return slot{}
	}
	return slot{i / (end - first), first + i%(end-first), true}
}

// fill puts the images from i on of as many shards as w's blocks are wide for
// into a block, and reports whether there are any. Dead lanes repeat one of them.
func (p *Pass) fill(w *worker, first, i int) bool {
	some := -1
	for l := range w.width {
		if w.slots[l] = p.slot(first+l/lane.Width, i+l%lane.Width); w.slots[l].live {
			some = l
		}
	}
	if some < 0 {
		return false
	}
	shape := p.engine.net.Input()
	for l := range w.width {
		s := w.slots[l]
		if !s.live {
			s = w.slots[some]
		}
		lane.PackLane(w.x, p.parts[s.part][s.image*shape.Len():][:shape.Len()], shape, l)
	}
	return true
}

// block takes the block that fill has left forward and back.
func (p *Pass) block(w *worker, grad, high []float32) {
	net := p.engine.net
	shape := net.OutputShape(0)
	if p.stream != (random.Stream{}) {
		var chains [lane.Max]uint32
		for l, s := range w.slots {
			chains[l] = uint32(s.part*p.n + s.image)
		}
		w.acts.Drop(p.stream, chains[:], p.step)
		defer w.acts.KeepAll()
	}
	net.Run(w.acts, w.x)
	clear(w.given)
	cotangents := w.cotangent(0)
	for l, s := range w.slots[:w.width] {
		if s.live {
			lane.UnpackLane(w.y, net.Value(w.acts, 0), shape, l)
			p.loss(s.part, s.image, w.y, w.dy)
			lane.PackLane(cotangents, w.dy, shape, l)
		}
	}
	net.OutputParamGrad(grad, high, w.scratch, w.acts, w.given)
}

// sumLayer adds layer i's gradients by a binary tree, neighbours first, then pairs
// of pairs, and puts the sum into the order of the parameters. A piece at a time
// stays in cache.
func (p *Pass) sumLayer(_, i int) {
	const piece = 4096
	net := p.engine.net
	for first, end := net.GradSpan(i); first < end; first += piece {
		last := min(first+piece, end)
		for stride := 1; stride < len(p.grads); stride *= 2 {
			for s := 0; s < len(p.grads); s += 2 * stride {
				a, b := p.grads[s][first:last], p.grads[s+stride][first:last]
				kernel.Add(a, a, b)
			}
		}
	}
	net.UnpackLayer(p.grad, p.grads[0], i)
}
