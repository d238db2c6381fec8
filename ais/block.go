package ais

import (
	"context"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// A block is eight chains, one a lane, and the memory for their transitions.
// Arrays are laid out as the energy's.
type block struct {
	run    *run
	energy sampler.Energy

	x, g []float32           // position, ∂E/∂x there
	e    [lane.Width]float32 // E(x)
	u    [lane.Width]float64 // U₀(x)
	y, p []float32           // proposal, momentum
	ey   [lane.Width]float32 // E(y)

	first, n int // the first lane's chain, and how many lanes are live
	stream   random.Stream
	counter  kernel.Counter

	logWeight [lane.Width]float64
	prob      [lane.Width]float64 // of acceptance, in the last transition
	accepted  [lane.Width]bool    // in the last transition
}

func newBlock(r *run) *block {
	size := r.target.Elements * lane.Width
	return &block{
		run: r, energy: r.target.Energy(),
		x: make([]float32, size), g: make([]float32, size), y: make([]float32, size), p: make([]float32, size),
	}
}

// reset makes b the chains first … first+n−1 of a stream, at its step 1: 0 is
// for the start. Dead lanes repeat the last chain.
func (b *block) reset(s random.Stream, first, n int) {
	b.first, b.n, b.stream = first, n, s
	b.logWeight = [lane.Width]float64{}
	for l := range lane.Width {
		b.counter.Key0[l], b.counter.Key1[l] = s.Key()[0], s.Key()[1]
		b.counter.Stream[l] = s.Word()
		b.counter.Chain[l] = uint32(first + min(l, n-1))
		b.counter.Step[l] = 1
	}
}

// fromBase starts the chains from samples of the base.
func (b *block) fromBase() error {
	for l := range lane.Width {
		b.run.base.draw(b.x, l, b.stream, b.counter.Chain[l])
	}
	return b.start(0)
}

// from starts the chains from samples, one each.
func (b *block) from(samples []float32) error {
	size := b.run.target.Elements
	for l := range lane.Width {
		for i, v := range samples[int(b.counter.Chain[l])*size:][:size] {
			b.x[i*lane.Width+l] = v
		}
	}
	return b.start(1)
}

// store is the reverse of from.
func (b *block) store(samples []float32) {
	size := b.run.target.Elements
	for l := range b.n {
		dst := samples[(b.first+l)*size:][:size]
		for i := range dst {
			dst[i] = b.x[i*lane.Width+l]
		}
	}
}

// start computes what belongs to a new b.x.
func (b *block) start(beta float64) error {
	copy(b.g, b.energy.EnergyGrad(b.x, &b.e))
	b.run.base.potential(&b.u, b.x)
	var gradient [lane.Width]float64
	sumSquares(&gradient, b.g)
	return b.check(beta, &b.e, &gradient)
}

// check reports the first live lane where the energy or v is not finite.
func (b *block) check(beta float64, e *[lane.Width]float32, v *[lane.Width]float64) error {
	for l := range b.n {
		if !finite(float64(e[l])) || !finite(v[l]) {
			return &NonFiniteError{
				Chain: b.first + l, Beta: beta, Energy: e[l],
				Hint: "the model may have diverged; over ℝⁿ, it may also help to lower step_size or to choose a box",
			}
		}
	}
	return nil
}

// weigh adds the step from β_{k−1} to β_k to the weights.
func (b *block) weigh(k int) {
	r := b.run
	for l := range lane.Width {
		b.logWeight[l] += (r.betas[k] - r.betas[k-1]) * (b.u[l] - float64(b.e[l])/r.Temperature)
	}
}

// move takes a transition at β_k.
func (b *block) move(ctx context.Context, k int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.run.tick()
	return b.transition(b.run.betas[k], b.run.steps[k])
}

// anneal is move, with those accepted counted.
func (b *block) anneal(ctx context.Context, k int) error {
	err := b.move(ctx, k)
	for _, yes := range b.accepted[:b.n] {
		if yes {
			b.run.accepted[k].Add(1)
		}
	}
	return err
}

// acceptIndex is the counter word of a transition's other random numbers; the
// momenta take those from 0 on.
const acceptIndex = math.MaxUint32

var inf = float32(math.Inf(1))

// transition is one of Hamiltonian Monte Carlo (Neal 2011) at β. With the
// potential U = (1−β)·U₀ + β·E/T and a momentum p ~ N(0, 1) it repeats the
// leapfrog step
//
//	p ← p − h/2·∇U(x);  x ← x + h·p;  p ← p − h/2·∇U(x)
//
// and accepts the end with probability min(1, exp(H − H′)), H = U + ‖p‖²/2. One
// such step is the Metropolis-adjusted Langevin algorithm with ε = h²/2. Where
// a coordinate meets the box it is reflected and its momentum turned round, as
// a ball by a wall: that keeps volume and is its own reverse (Neal 2011,
// section 5.5.1.5), so that detailed balance holds at the walls too. h differs
// from step by up to a fifth, at random for each chain, lest trajectories close
// in on themselves.
func (b *block) transition(beta, step float64) error {
	r := b.run
	var h [lane.Width]float32
	var logU, kinetic [lane.Width]float64
	ones := [lane.Width]float32{}
	for l := range lane.Width {
		c := &b.counter
		w := kernel.Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], acceptIndex}, [2]uint32{c.Key0[l], c.Key1[l]})
		logU[l] = math.Log(unit(w[0]))
		h[l] = float32(step * (0.8 + 0.4*unit(w[1])))
		ones[l] = 1
	}
	clear(b.p)
	kernel.Noise(b.p, &b.counter, &ones, -inf, inf)
	sumSquares(&kinetic, b.p)
	copy(b.y, b.x)

	var u, after [lane.Width]float64
	g := b.g
	b.kick(g, &h, beta, 0.5)
	for i := range r.Leapfrog {
		b.drift(&h)
		g = b.energy.EnergyGrad(b.y, &b.ey)
		share := 1.0
		if i == r.Leapfrog-1 {
			share = 0.5
		}
		b.kick(g, &h, beta, share)
		// What is not finite in a gradient or position is so in p from here.
		sumSquares(&after, b.p)
		if err := b.check(beta, &b.ey, &after); err != nil {
			return err
		}
	}
	r.base.potential(&u, b.y)
	all := true
	for l := range lane.Width {
		gain := beta/r.Temperature*(float64(b.e[l])-float64(b.ey[l])) + (1-beta)*(b.u[l]-u[l]) + (kinetic[l]-after[l])/2
		b.prob[l] = math.Exp(min(0, gain))
		b.accepted[l] = logU[l] < gain
		if b.accepted[l] {
			b.e[l], b.u[l] = b.ey[l], u[l]
		}
		all = all && b.accepted[l]
		b.counter.Step[l]++
	}
	if all {
		b.x, b.y = b.y, b.x
		copy(b.g, g)
		return nil
	}
	for l, yes := range b.accepted {
		for i := l; yes && i < len(b.x); i += lane.Width {
			b.x[i], b.g[i] = b.y[i], g[i]
		}
	}
	return nil
}

// kick sets p ← p − share·h·∇U(y), where g = ∂E/∂y.
func (b *block) kick(g []float32, h *[lane.Width]float32, beta, share float64) {
	var energy, base [lane.Width]float32
	for l := range h {
		s := share * float64(h[l])
		energy[l] = float32(s * beta / b.run.Temperature)
		base[l] = float32(s * (1 - beta) * b.run.base.precision)
	}
	for i := 0; i < len(b.p); i += lane.Width {
		p, y, d := (*[lane.Width]float32)(b.p[i:]), (*[lane.Width]float32)(b.y[i:]), (*[lane.Width]float32)(g[i:])
		for l := range p {
			p[l] -= energy[l]*d[l] + base[l]*y[l]
		}
	}
}

// drift sets y ← y + h·p and reflects at the walls.
func (b *block) drift(h *[lane.Width]float32) {
	lo, hi := b.run.Min, b.run.Max
	for i := 0; i < len(b.y); i += lane.Width {
		p, y := (*[lane.Width]float32)(b.p[i:]), (*[lane.Width]float32)(b.y[i:])
		for l := range y {
			y[l] += h[l] * p[l]
			if y[l] < lo || y[l] > hi {
				y[l], p[l] = bounce(y[l], p[l], lo, hi)
			}
		}
	}
}

// bounce folds y into [lo, hi] as often as it takes; each wall turns p round.
func bounce(y, p, lo, hi float32) (float32, float32) {
	width := float64(hi) - float64(lo)
	t := math.Mod(float64(y)-float64(lo), 2*width) // NaN for an infinite y
	if t < 0 {
		t += 2 * width
	}
	if t > width {
		return float32(float64(lo) + 2*width - t), -p
	}
	return float32(float64(lo) + t), p
}

// sumSquares sets sum[l] = Σ v².
func sumSquares(sum *[lane.Width]float64, v []float32) {
	*sum = [lane.Width]float64{}
	for i := 0; i < len(v); i += lane.Width {
		for l, x := range (*[lane.Width]float32)(v[i:]) {
			sum[l] += float64(x) * float64(x)
		}
	}
}

// unit maps a random word to (0, 1).
func unit(w uint32) float64 { return (float64(w) + 0.5) / (1 << 32) }
