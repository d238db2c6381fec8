package sampler

import (
	"math"
	"slices"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// A Potential is what a Hamiltonian's transitions keep invariant: the density
// exp(−U(x)) on the box [Min, Max], with
//
//	U(x) = (1−Beta)·U₀(x) + Beta·E(x)/Temperature,  U₀(x) = Precision·‖x‖²/2
//
// Beta goes from a normal density, or from a uniform one where Precision is 0,
// to that of the energy at 1. Over ℝⁿ, Min and Max are infinite.
type Potential struct {
	Beta, Temperature, Precision float64
	Min, Max                     float32
}

// A Hamiltonian takes transitions of Hamiltonian Monte Carlo (Neal 2011,
// arXiv:1206.1901) with a block of chains: see Transition. It holds what
// belongs to where the chains are, which Start computes. Where and how it moves
// may be changed from one transition to the next.
type Hamiltonian struct {
	Potential
	Step     float64 // h
	Jitter   float64 // share of h by which a chain's own step differs at most, at random
	Leapfrog int     // steps of a transition; 1 is the Metropolis-adjusted Langevin algorithm
	Clip     float32 // bound on each element of ∂E/∂x in a kick; infinite for none

	// Of each lane:
	Energy [lane.Max]float32 // E(x)
	Base   [lane.Max]float64 // U₀(x)

	// Of the last transition:
	Prob     [lane.Max]float64 // of acceptance
	Accepted [lane.Max]bool
	// Finite tells whether energy, gradient and position were so all the way;
	// a proposal where one was not is rejected. Proposed is the energy at its
	// end, or where first something was not finite. Start sets both for x.
	Finite   [lane.Max]bool
	Proposed [lane.Max]float32

	width   int
	g, y, p []float32         // ∂E/∂x, proposal, momentum
	ey      [lane.Max]float32 // E(y)
	ones    [lane.Max]float32
}

// Start computes what belongs to s.X, after something else has changed it.
func (h *Hamiltonian) Start(e Energy, s *State) {
	if len(h.g) != len(s.X) {
		h.g, h.y, h.p = make([]float32, len(s.X)), make([]float32, len(s.X)), make([]float32, len(s.X))
	}
	h.width = s.width
	copy(h.g, e.EnergyGrad(s.X, h.Energy[:h.width]))
	h.base(&h.Base, s.X)
	var gradient [lane.Max]float64
	sumSquares(gradient[:h.width], h.g)
	h.Proposed = h.Energy
	for l := range h.width {
		h.Finite[l] = finite(float64(h.Energy[l])) && finite(gradient[l])
	}
}

// acceptIndex is the counter word of a transition's other random numbers; the
// momenta take those from 0 on.
const acceptIndex = math.MaxUint32

var inf = float32(math.Inf(1))

// Transition moves s.X. With a momentum p ~ N(0, 1) it repeats the leapfrog
// step
//
//	p ← p − h/2·∇U(x);  x ← x + h·p;  p ← p − h/2·∇U(x)
//
// and accepts the end with probability min(1, exp(H − H′)), H = U + ‖p‖²/2. Where
// a coordinate meets the box it is reflected and its momentum turned round, as
// a ball by a wall: that keeps volume and is its own reverse (Neal 2011, section
// 5.5.1.5), so that detailed balance holds at the walls too. Jitter keeps
// trajectories from closing in on themselves.
//
// Clip spoils none of this: a leapfrog step keeps volume and can be turned round
// with any function of x for a force, and H has the whole energy.
//
// It returns ∂E/∂x at the proposals, which is valid until the next call of e.
func (h *Hamiltonian) Transition(e Energy, s *State) []float32 {
	var step [lane.Max]float32
	var logU, kinetic, after, base [lane.Max]float64
	for l := range h.width {
		c := &s.counter
		w := kernel.Philox([4]uint32{c.Stream[l], c.Chain[l], c.Step[l], acceptIndex}, [2]uint32{c.Key0[l], c.Key1[l]})
		logU[l] = kernel.Log(random.Unit(w[0]))
		step[l] = float32(h.Step * (1 - h.Jitter + float64(2*h.Jitter*random.Unit(w[1]))))
		h.Finite[l] = true
	}
	clear(h.p)
	h.ones = spread(1)
	kernel.Noise(h.p, &s.counter, h.ones[:h.width], -inf, inf)
	sumSquares(kinetic[:h.width], h.p)
	copy(h.y, s.X)

	g := h.g
	h.kick(g, &step, 0.5)
	for i := range h.Leapfrog {
		h.drift(&step)
		g = e.EnergyGrad(h.y, h.ey[:h.width])
		share := 1.0
		if i == h.Leapfrog-1 {
			share = 0.5
		}
		h.kick(g, &step, share)
		// What is not finite in a gradient or position is so in p from here.
		sumSquares(after[:h.width], h.p)
		for l := range h.width {
			if h.Finite[l] {
				h.Proposed[l] = h.ey[l]
				h.Finite[l] = finite(float64(h.ey[l])) && finite(after[l])
			}
		}
	}
	h.base(&base, h.y)
	for l := range h.width {
		gain := float64(h.Beta/h.Temperature*(float64(h.Energy[l])-float64(h.ey[l]))) + float64((1-h.Beta)*(h.Base[l]-base[l])) + float64((kinetic[l]-after[l])/2)
		h.Prob[l] = math.Exp(min(0, gain))
		h.Accepted[l] = h.Finite[l] && logU[l] < gain
		if h.Accepted[l] {
			h.Energy[l], h.Base[l] = h.ey[l], base[l]
		}
		s.counter.Step[l]++
	}
	h.accept(s.X, g)
	return g
}

// accept copies the proposals that were accepted, and their gradients g.
func (h *Hamiltonian) accept(x, g []float32) {
	accepted := h.Accepted[:h.width]
	if !slices.Contains(accepted, false) {
		copy(x, h.y)
		copy(h.g, g)
		return
	}
	for l, yes := range accepted {
		for i := l; yes && i < len(x); i += h.width {
			x[i], h.g[i] = h.y[i], g[i]
		}
	}
}

// kick sets p ← p − share·h·∇U(y), where g = ∂E/∂y.
func (h *Hamiltonian) kick(g []float32, step *[lane.Max]float32, share float64) {
	var energy, base [lane.Max]float32
	for l := range h.width {
		s := share * float64(step[l])
		energy[l] = float32(s * h.Beta / h.Temperature)
		base[l] = float32(s * (1 - h.Beta) * h.Precision)
	}
	for i := 0; i < len(h.p); i += h.width {
		p, y, d := h.p[i:i+h.width], h.y[i:i+h.width], g[i:i+h.width]
		for l := range p {
			p[l] -= float32(energy[l]*min(max(d[l], -h.Clip), h.Clip)) + float32(base[l]*y[l])
		}
	}
}

// drift sets y ← y + h·p and reflects at the walls.
func (h *Hamiltonian) drift(step *[lane.Max]float32) {
	lo, hi := h.Min, h.Max
	for i := 0; i < len(h.y); i += h.width {
		p, y := h.p[i:i+h.width], h.y[i:i+h.width]
		for l := range y {
			y[l] += float32(step[l] * p[l])
			if y[l] < lo || y[l] > hi {
				y[l], p[l] = bounce(y[l], p[l], lo, hi)
			}
		}
	}
}

// base sets u[l] = U₀(x_l).
func (h *Hamiltonian) base(u *[lane.Max]float64, x []float32) {
	if h.Precision == 0 {
		*u = [lane.Max]float64{}
		return
	}
	sumSquares(u[:h.width], x)
	for l := range u {
		u[l] *= h.Precision / 2
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

// sumSquares sets sum[l] = Σ v² of a block.
func sumSquares(sum []float64, v []float32) {
	clear(sum)
	for ; len(v) > 0; v = v[len(sum):] {
		for l, x := range v[:len(sum)] {
			sum[l] += float64(float64(x) * float64(x))
		}
	}
}

// finite reports whether the difference of v to itself is a number.
func finite(v float64) bool { return v-v == 0 }
