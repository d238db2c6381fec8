package ais

import (
	"context"
	"math"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// A block is eight chains, one a lane, and the memory for their transitions.
// Arrays are laid out as the energy's.
type block struct {
	run    *run
	energy sampler.Energy

	x      []float32 // positions, which are state.X
	state  sampler.State
	chains sampler.Hamiltonian // how they move, and what belongs to x

	first, n int // the first lane's chain, and how many lanes are live
	stream   random.Stream

	logWeight [lane.Width]float64
}

func newBlock(r *run) *block {
	return &block{
		run: r, energy: r.target.Energy(), x: make([]float32, r.target.Elements*lane.Width),
		chains: sampler.Hamiltonian{
			Potential: sampler.Potential{Temperature: r.Temperature, Precision: r.base.precision, Min: r.Min, Max: r.Max},
			Jitter:    0.2, Leapfrog: r.Leapfrog, Clip: inf,
		},
	}
}

// reset makes b the chains first … first+n−1 of a stream, at its step 1: 0 is
// for the start. Dead lanes repeat the last chain.
func (b *block) reset(s random.Stream, first, n int) {
	b.first, b.n, b.stream = first, n, s
	b.logWeight = [lane.Width]float64{}
	var chains [lane.Width]uint32
	for l := range chains {
		chains[l] = b.chain(l)
	}
	b.state.Reset(b.x, lane.Width, s, chains[:], 1)
}

// chain is the number of lane l's.
func (b *block) chain(l int) uint32 { return uint32(b.first + min(l, b.n-1)) }

// fromBase starts the chains from samples of the base.
func (b *block) fromBase() error {
	for l := range lane.Width {
		b.run.base.draw(b.x, l, b.stream, b.chain(l))
	}
	return b.start(0)
}

// from starts the chains from samples, one each.
func (b *block) from(samples []float32) error {
	size := b.run.target.Elements
	for l := range lane.Width {
		for i, v := range samples[int(b.chain(l))*size:][:size] {
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
	b.chains.Start(b.energy, &b.state)
	return b.check(beta)
}

// check reports the first live lane where an energy or gradient was not finite.
func (b *block) check(beta float64) error {
	for l := range b.n {
		if !b.chains.Finite[l] {
			return &NonFiniteError{
				Chain: b.first + l, Beta: beta, Energy: b.chains.Proposed[l],
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
		b.logWeight[l] += (r.betas[k] - r.betas[k-1]) * (b.chains.Base[l] - float64(b.chains.Energy[l])/r.Temperature)
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
	for _, yes := range b.chains.Accepted[:b.n] {
		if yes {
			b.run.accepted[k].Add(1)
		}
	}
	return err
}

// transition is one of Hamiltonian Monte Carlo at β, with steps that differ from
// chain to chain by up to a fifth of step.
func (b *block) transition(beta, step float64) error {
	b.chains.Beta, b.chains.Step = beta, step
	b.chains.Transition(b.energy, &b.state)
	return b.check(beta)
}

var inf = float32(math.Inf(1))
