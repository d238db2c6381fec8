package joule

import (
	"context"
	"runtime"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// shards is the number of parts that a batch's gradient is summed in. It is
// fixed, whatever the number of cores, so that the sum has the same bits.
const shards = 16

// engine runs a network on the CPU. It takes and gives plain images, N×C×H×W;
// within, it works on blocks of eight, each on one worker. What is trained is
// the network's first output, such as the energy: K values of an image.
type engine struct {
	net     *nn.Network
	trained lane.Shape // of the first output
	pool    lane.Pool
	workers []*worker

	// What forward leaves for backward: the blocks and their activations.
	blocks []block
	acts   []*nn.Activations
	grads  [][]float32 // of each shard, packed
}

// worker is one goroutine's memory.
type worker struct {
	net     *nn.Network
	acts    *nn.Activations
	scratch *nn.Scratch
	x       []float32
	// cotangents has a block for the first output and none for others.
	cotangents [][]float32
}

// block names up to eight images of one shard: image slot[l] of part[l].
type block struct {
	shard int
	n     int
	part  [lane.Width]int
	slot  [lane.Width]int
}

// newEngine runs net on up to threads cores, all where threads is 0.
func newEngine(net *nn.Network, threads int) *engine {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &engine{net: net, trained: net.OutputShape(0), pool: lane.Pool{Workers: threads}}
}

// each calls f for blocks 0 … n−1, each on some worker.
func (e *engine) each(n int, f func(w *worker, block int)) {
	for len(e.workers) < min(e.pool.Workers, n) {
		e.workers = append(e.workers, e.newWorker())
	}
	e.pool.Each(n, func(i, block int) { f(e.workers[i], block) })
}

func (e *engine) newWorker() *worker {
	w := &worker{
		net: e.net, acts: e.net.NewActivations(), scratch: e.net.NewScratch(),
		x: make([]float32, e.net.Input().BlockLen()), cotangents: make([][]float32, e.net.Outputs()),
	}
	w.cotangents[0] = make([]float32, e.trained.BlockLen())
	return w
}

var ones = [lane.Width]float32{1, 1, 1, 1, 1, 1, 1, 1}

// EnergyGrad makes a worker an energy to sample from.
func (w *worker) EnergyGrad(x []float32, energy *[lane.Width]float32) []float32 {
	w.net.Forward(w.acts, x, energy)
	return w.net.InputGrad(w.scratch, w.acts, &ones)
}

// images returns the number of images in x.
func (e *engine) images(x []float32) int {
	size := e.net.Input().Len()
	if len(x)%size != 0 {
		panic("joule: values that are not whole images")
	}
	return len(x) / size
}

// chains is a set of Langevin chains: chain i starts from image i of x, which
// it overwrites, and draws the noise of chain i of stream from step on.
type chains struct {
	x      []float32
	stream random.Stream
	step   uint32
	info   []sampler.Info // of each block of eight; may be nil
	// frame, where not nil, returns where to put the images after a step,
	// or nil.
	frame func(step int) []float32
}

// advance takes c.Steps Langevin steps with every chain.
func (e *engine) advance(ctx context.Context, c sampler.Config, ch chains) error {
	shape := e.net.Input()
	size, n := shape.Len(), e.images(ch.x)
	errs := make([]error, lane.Blocks(n))
	e.each(len(errs), func(w *worker, b int) {
		first, end := b*lane.Width, min((b+1)*lane.Width, n)
		images := ch.x[first*size : end*size]
		lane.Pack(w.x, images, shape)
		state := sampler.NewState(w.x, ch.stream, slots(first, end), ch.step)
		var info sampler.Info
		var each func(int)
		if ch.frame != nil {
			each = func(step int) {
				if frame := ch.frame(step); frame != nil {
					lane.Unpack(frame[first*size:end*size], w.x, shape)
				}
			}
		}
		if err := sampler.Advance(ctx, c, w, &state, &info, each); err != nil {
			errs[b] = err
		}
		lane.Unpack(images, w.x, shape)
		if ch.info != nil {
			ch.info[b] = info
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// perturb adds N(0, noise²) to every image and clamps it to [lo, hi].
func (e *engine) perturb(x []float32, s random.Stream, step uint32, noise, lo, hi float32) {
	shape := e.net.Input()
	size, n := shape.Len(), e.images(x)
	e.each(lane.Blocks(n), func(w *worker, b int) {
		first, end := b*lane.Width, min((b+1)*lane.Width, n)
		images := x[first*size : end*size]
		lane.Pack(w.x, images, shape)
		state := sampler.NewState(w.x, s, slots(first, end), step)
		sampler.Perturb(&state, noise, lo, hi)
		lane.Unpack(images, w.x, shape)
	})
}

// energies sets energy[i] = E(x_i). Unlike forward it keeps nothing.
func (e *engine) energies(energy, x []float32) { e.outputs([][]float32{energy}, x) }

// outputs sets row i of out[o], N rows of as many values as output o has, to
// that output of x_i. Outputs may be nil, or missing at the end, if they are
// not asked for. Unlike forward it keeps nothing.
func (e *engine) outputs(out [][]float32, x []float32) {
	shape := e.net.Input()
	size, n := shape.Len(), e.images(x)
	e.each(lane.Blocks(n), func(w *worker, b int) {
		first, end := b*lane.Width, min((b+1)*lane.Width, n)
		lane.Pack(w.x, x[first*size:end*size], shape)
		w.net.Run(w.acts, w.x)
		for o, dst := range out {
			if dst != nil {
				shape := e.net.OutputShape(o)
				lane.Unpack(dst[first*shape.Len():end*shape.Len()], w.net.Value(w.acts, o), shape)
			}
		}
	})
}

// forward sets row i of out[p], K values, to the trained output of image i of
// part p and keeps what backward needs. All parts have one number of images;
// shard s owns the same slots of each.
func (e *engine) forward(out, parts [][]float32) {
	shape := e.net.Input()
	size, n := shape.Len(), e.images(parts[0])
	e.blocks = e.blocks[:0]
	for s := range shards {
		var b block
		flush := func() {
			if b.n > 0 {
				e.blocks = append(e.blocks, b)
			}
			b = block{shard: s}
		}
		flush()
		for p := range parts {
			for i := s * n / shards; i < (s+1)*n/shards; i++ {
				b.part[b.n], b.slot[b.n] = p, i
				if b.n++; b.n == lane.Width {
					flush()
				}
			}
		}
		flush()
	}
	for len(e.acts) < len(e.blocks) {
		e.acts = append(e.acts, e.net.NewActivations())
	}
	e.pool.Each(len(e.blocks), func(_, i int) {
		b, a := &e.blocks[i], e.acts[i]
		for l := range lane.Width {
			live := min(l, b.n-1)
			lane.PackLane(a.Input(), parts[b.part[live]][b.slot[live]*size:][:size], shape, l)
		}
		e.net.Run(a, a.Input())
		k := e.trained.Len()
		for l := range b.n {
			lane.UnpackLane(out[b.part[l]][b.slot[l]*k:][:k], e.net.Value(a, 0), e.trained, l)
		}
	})
}

// backward sets grad = Σ cotangent[p][i]·∂y(x_pi)/∂θ over the images of the
// last forward, where y is the trained output and both have K values a row.
func (e *engine) backward(grad []float32, cotangent [][]float32) {
	for len(e.grads) < shards {
		e.grads = append(e.grads, make([]float32, e.net.GradLen()))
	}
	e.each(shards, func(w *worker, s int) {
		clear(e.grads[s])
		for i := range e.blocks {
			b := &e.blocks[i]
			if b.shard != s {
				continue
			}
			dy, k := w.cotangents[0], e.trained.Len()
			clear(dy) // dead lanes weigh nothing
			for l := range b.n {
				lane.PackLane(dy, cotangent[b.part[l]][b.slot[l]*k:][:k], e.trained, l)
			}
			e.net.OutputParamGrad(e.grads[s], w.scratch, e.acts[i], w.cotangents)
		}
	})
	e.sumShards()
	e.net.Unpack(grad, e.grads[0])
}

// sumShards adds the shards' gradients by a binary tree: neighbours first,
// then pairs of pairs. The first shard then holds the sum. A piece of the
// vector at a time, so that it stays in cache.
func (e *engine) sumShards() {
	const piece = 4096
	length := e.net.GradLen()
	e.pool.Each((length+piece-1)/piece, func(_, p int) {
		lo, hi := p*piece, min((p+1)*piece, length)
		for stride := 1; stride < shards; stride *= 2 {
			for s := 0; s < shards; s += 2 * stride {
				a, b := e.grads[s][lo:hi], e.grads[s+stride][lo:hi]
				kernel.Add(a, a, b)
			}
		}
	})
}

// slots lists the numbers first … end−1, at most lane.Width of them.
func slots(first, end int) []uint32 {
	var s [lane.Width]uint32
	for l := range s {
		s[l] = uint32(first + l)
	}
	return s[:end-first]
}
