package ais

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// Progress counts transitions of blocks of eight chains.
type Progress struct{ Done, Total int }

// Run estimates log Z of t. It stops with ctx's error when ctx is done, and
// with a [*NonFiniteError]. The result is the same for any number of threads.
// progress, where not nil, is called about a thousand times, from one goroutine
// at a time.
func Run(ctx context.Context, t Target, c Config, progress func(Progress)) (*Estimate, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("ais: %w", err)
	}
	if t.Elements < 1 || len(t.Exact)%t.Elements != 0 {
		panic("ais: Run of values that are not whole samples")
	}
	exact := len(t.Exact) / t.Elements
	if t.Elements > maxValues/max(c.Chains, lane.Width*c.Pilot) {
		return nil, fmt.Errorf("ais: %d chains of %d values are too many to hold", c.Chains, t.Elements)
	}
	if exact == 1 || exact > maxChains {
		return nil, fmt.Errorf("ais: %d exact samples, want 2 to %d, or none", exact, maxChains)
	}
	for i, v := range t.Exact {
		if !(v >= c.Min && v <= c.Max) || !finite(float64(v)) {
			return nil, fmt.Errorf("ais: exact sample %d holds %v, which is not from min to max", i/t.Elements, v)
		}
	}

	r := newRun(t, c, progress)
	if err := r.pilot(ctx); err != nil {
		return nil, err
	}
	est := &Estimate{
		N: t.Elements, Temperature: c.Temperature, Exact: exact > 0,
		LogZ0: float64(t.Elements) * r.base.logZ, Betas: r.betas, StepSizes: r.steps,
	}
	ends, err := r.forward(ctx, est)
	if err != nil {
		return nil, err
	}
	if c.Reverse {
		starts, burn := t.Exact, 0
		if exact == 0 {
			starts, burn = resample(ends, est.Forward.LogWeights, random.Stream{Seed: c.Seed, Purpose: random.AnnealReverse}), c.Burn
		}
		if err := r.reverse(ctx, est, starts, burn); err != nil {
			return nil, err
		}
	}
	est.warn()
	return est, nil
}

// run is an estimate under way.
type run struct {
	Config
	target Target
	base   base
	betas  []float64 // β₀ … β_M
	steps  []float64 // the step size at each

	pool     lane.Pool
	blocks   []*block       // of each worker
	accepted []atomic.Int64 // at each β, in the direction under way

	mu          sync.Mutex
	progress    func(Progress)
	done, total int
}

func newRun(t Target, c Config, progress func(Progress)) *run {
	r := &run{Config: c, target: t, base: newBase(c), betas: c.schedule(), progress: progress}
	r.pool.Workers = c.Threads
	if c.Threads == 0 {
		r.pool.Workers = runtime.GOMAXPROCS(0)
	}
	r.accepted = make([]atomic.Int64, len(r.betas))
	for range r.betas {
		r.steps = append(r.steps, c.StepSize)
	}
	r.total = c.Pilot*(pilotStart+c.Betas*r.pilotSteps()) + lane.Blocks(c.Chains, lane.Width)*c.Betas
	if n := len(t.Exact) / t.Elements; c.Reverse && n > 0 {
		r.total += lane.Blocks(n, lane.Width) * c.Betas
	} else if c.Reverse {
		r.total += lane.Blocks(c.Chains, lane.Width) * (c.Burn + c.Betas)
	}
	return r
}

// each runs f for chains 0 … n−1 of a purpose, a block at a time.
func (r *run) each(ctx context.Context, n int, p random.Purpose, f func(context.Context, *block) error) error {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	errs := make([]error, lane.Blocks(n, lane.Width))
	for len(r.blocks) < min(r.pool.Workers, len(errs)) {
		r.blocks = append(r.blocks, newBlock(r))
	}
	r.pool.Each(len(errs), func(w, i int) {
		first := i * lane.Width
		r.blocks[w].reset(random.Stream{Seed: r.Seed, Purpose: p}, first, min(lane.Width, n-first))
		if errs[i] = f(ctx, r.blocks[w]); errs[i] != nil {
			cancel(errs[i])
		}
	})
	if outer.Err() != nil { // an energy that ended early may have led to any other error
		return context.Cause(outer)
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tick counts a transition of a block.
func (r *run) tick() {
	if r.progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.done*1000/r.total != (r.done-1)*1000/r.total {
		r.progress(Progress{Done: r.done, Total: r.total})
	}
}

// The pilots take pilotStart transitions before the first temperature, and no
// fewer than pilotTotal over all.
const pilotStart, pilotTotal = 200, 1000

func (r *run) pilotSteps() int { return (pilotTotal + r.Betas - 1) / r.Betas }

// pilot sets the step sizes: the geometric mean of what each pilot block finds
// for itself.
func (r *run) pilot(ctx context.Context) error {
	if r.Pilot == 0 {
		return nil
	}
	found := make([][]float64, r.Pilot)
	err := r.each(ctx, r.Pilot*lane.Width, random.AnnealPilot, func(ctx context.Context, b *block) (err error) {
		found[b.first/lane.Width], err = b.adapt(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for k := range r.steps {
		sum := 0.0
		for _, logs := range found {
			sum += logs[k]
		}
		r.steps[k] = math.Exp(sum / float64(r.Pilot))
	}
	return nil
}

// adapt finds the logarithm of the step size at each β by stochastic
// approximation, log h ← log h + gain·(p − Acceptance), where p is the mean
// probability of acceptance over the block's chains.
func (b *block) adapt(ctx context.Context) ([]float64, error) {
	r := b.run
	logs := make([]float64, len(r.betas))
	at := math.Log(r.StepSize)
	if err := b.fromBase(); err != nil {
		return nil, err
	}
	for k, beta := range r.betas {
		n, gain := r.pilotSteps(), 0.2
		if k == 0 {
			n, gain = pilotStart, 0.5
		}
		for range n {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			r.tick()
			if err := b.transition(beta, math.Exp(at)); err != nil {
				return nil, err
			}
			p := 0.0
			for _, q := range b.chains.Prob {
				p += q / lane.Width
			}
			at = min(at+gain*(p-r.Acceptance), math.Log(r.maxStep()))
			logs[k] += at / float64(n)
		}
	}
	return logs, nil
}

// forward anneals from the base to the energy. It returns the chains' ends.
func (r *run) forward(ctx context.Context, est *Estimate) ([]float32, error) {
	ends := make([]float32, r.Chains*r.target.Elements)
	weights := make([]float64, r.Chains)
	err := r.each(ctx, r.Chains, random.AnnealForward, func(ctx context.Context, b *block) error {
		if err := b.fromBase(); err != nil {
			return err
		}
		for k := 1; k < len(r.betas); k++ {
			b.weigh(k)
			if err := b.anneal(ctx, k); err != nil {
				return err
			}
		}
		copy(weights[b.first:], b.logWeight[:b.n])
		b.store(ends)
		return nil
	})
	if err == nil {
		est.Forward = r.side(weights, 1, est.LogZ0)
	}
	return ends, err
}

// reverse anneals from samples of the energy, after burn transitions there, to
// the base. It is forward with the order of all steps turned round; each
// transition is its own reverse.
func (r *run) reverse(ctx context.Context, est *Estimate, samples []float32, burn int) error {
	weights := make([]float64, len(samples)/r.target.Elements)
	for k := range r.accepted {
		r.accepted[k].Store(0)
	}
	err := r.each(ctx, len(weights), random.AnnealReverse, func(ctx context.Context, b *block) error {
		if err := b.from(samples); err != nil {
			return err
		}
		for range burn {
			if err := b.move(ctx, r.Betas); err != nil {
				return err
			}
		}
		for k := r.Betas; k > 0; k-- {
			if err := b.anneal(ctx, k); err != nil {
				return err
			}
			b.weigh(k)
		}
		copy(weights[b.first:], b.logWeight[:b.n])
		return nil
	})
	if err == nil {
		side := r.side(weights, -1, est.LogZ0)
		est.Reverse = &side
	}
	return err
}
