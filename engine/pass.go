package engine

import (
	"context"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// Shards is the number of parts that a batch's gradient is summed in. It is
// fixed, whatever the number of cores, so that the sum has the same bits.
const Shards = 16

// A Pass takes batches forward and back to the parameters, in memory of its
// own: for one goroutine at a time.
type Pass struct {
	engine *Engine
	// What Forward leaves for Backward: the blocks and their activations.
	blocks []block
	acts   []*nn.Activations
	grads  [][]float32 // of each shard, packed
}

// block names up to lane.Width images of one shard: image slot[l] of part[l].
type block struct {
	shard int
	n     int
	part  [lane.Width]int
	slot  [lane.Width]int
}

// NewPass returns a pass without a batch.
func (e *Engine) NewPass() *Pass { return &Pass{engine: e} }

// SetContext makes p's work end early when ctx is done, within a layer if need
// be. What Forward and Backward give is worthless then, so the caller has to
// ask ctx after each.
func (p *Pass) SetContext(ctx context.Context) { p.engine = p.engine.WithContext(ctx) }

// SetThreads changes the number of cores, all where n is 0.
func (p *Pass) SetThreads(n int) { p.engine = p.engine.WithThreads(n) }

// divide puts n images of each of so many parts into blocks. Shard s owns the
// same slots of every part.
func (p *Pass) divide(parts, n int) {
	p.blocks = p.blocks[:0]
	for s := range Shards {
		b := block{shard: s}
		flush := func() {
			if b.n > 0 {
				p.blocks = append(p.blocks, b)
			}
			b = block{shard: s}
		}
		for part := range parts {
			for i := s * n / Shards; i < (s+1)*n/Shards; i++ {
				b.part[b.n], b.slot[b.n] = part, i
				if b.n++; b.n == lane.Width {
					flush()
				}
			}
		}
		flush()
	}
	for len(p.acts) < len(p.blocks) {
		p.acts = append(p.acts, p.engine.net.NewActivations(lane.Width))
	}
}

// Blocks returns the number of blocks that a pass keeps the activations of, for
// so many parts of n images each.
func Blocks(parts, n int) int {
	blocks := 0
	for s := range Shards {
		blocks += lane.Blocks(parts*((s+1)*n/Shards-s*n/Shards), lane.Width)
	}
	return blocks
}

// Forward sets row i of out[part][o] to output o of image i of the part, and
// keeps what Backward needs. All parts have one number of images. Outputs may
// be nil, or missing at the end, if they are not asked for.
func (p *Pass) Forward(out [][][]float32, parts [][]float32) {
	ctx, net := p.engine.ctx, p.engine.net
	shape := net.Input()
	size := shape.Len()
	p.divide(len(parts), p.engine.Images(parts[0]))
	p.engine.pool.Each(len(p.blocks), func(_, i int) {
		b, a := &p.blocks[i], p.acts[i]
		a.Until(ctx)
		if ctx.Err() != nil {
			return
		}
		for l := range lane.Width {
			live := min(l, b.n-1)
			lane.PackLane(a.Input(), parts[b.part[live]][b.slot[live]*size:][:size], shape, l)
		}
		net.Run(a, a.Input())
		for l := range b.n {
			for o, dst := range out[b.part[l]] {
				if dst == nil {
					continue
				}
				s := net.OutputShape(o)
				lane.UnpackLane(dst[b.slot[l]*s.Len():][:s.Len()], net.Value(a, o), s, l)
			}
		}
	})
}

// Backward sets grad = Σ cotangent[part][o][i]·∂y_o(x_part,i)/∂θ over the images
// of the last Forward, where rows of a cotangent are as long as the output y_o.
// Every part has cotangents of the same outputs; they may be nil, or missing
// at the end, for zeros.
func (p *Pass) Backward(grad []float32, cotangent [][][]float32) {
	net := p.engine.net
	for len(p.grads) < Shards {
		p.grads = append(p.grads, make([]float32, net.GradLen()))
	}
	p.engine.each(Shards, lane.Width, func(w *worker, s int) {
		clear(p.grads[s])
		for i := range p.blocks {
			b := &p.blocks[i]
			if b.shard != s {
				continue
			}
			w.clearCotangents(cotangent[0])
			for o, dy := range w.given {
				if dy == nil {
					continue
				}
				shape := net.OutputShape(o)
				for l := range b.n {
					lane.PackLane(dy, cotangent[b.part[l]][o][b.slot[l]*shape.Len():][:shape.Len()], shape, l)
				}
			}
			net.OutputParamGrad(p.grads[s], nil, w.scratch, p.acts[i], w.given)
		}
	})
	p.sumShards()
	net.Unpack(grad, p.grads[0])
}

// sumShards adds the shards' gradients by a binary tree: neighbours first,
// then pairs of pairs. The first shard then holds the sum. A piece of the
// vector at a time, so that it stays in cache.
func (p *Pass) sumShards() {
	const piece = 4096
	length := p.engine.net.GradLen()
	p.engine.pool.Each((length+piece-1)/piece, func(_, i int) {
		lo, hi := i*piece, min((i+1)*piece, length)
		for stride := 1; stride < Shards; stride *= 2 {
			for s := 0; s < Shards; s += 2 * stride {
				a, b := p.grads[s][lo:hi], p.grads[s+stride][lo:hi]
				kernel.Add(a, a, b)
			}
		}
	})
}
