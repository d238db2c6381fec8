package judge

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/joule-ml/joule/lane"
)

// Manifold says how samples and real images overlap in a feature space. Each
// set's manifold is approximated by balls around its N points, as wide as the
// distance to the point's k-th nearest neighbour in the same set, itself not
// counted:
//
//	precision  the fraction of samples in some real image's ball
//	recall     the fraction of real images in some sample's ball
//	density    the number of real images' balls that a sample lies in, on
//	           average over samples, divided by k
//	coverage   the fraction of real images with some sample in their ball
//
// Precision and recall are those of Kynkäänniemi et al. ("Improved precision
// and recall metric for assessing generative models", NeurIPS 2019), density
// and coverage those of Naeem et al. ("Reliable fidelity and diversity metrics
// for generative models", ICML 2020), who recommend them: a single real
// outlier, or one among the samples, has a huge ball. Density may exceed 1;
// for equal distributions it is 1 in expectation, and coverage is about
// 1 − 2⁻ᵏ. All depend on the numbers of images.
//
// Balls include their surface, as Kynkäänniemi et al. define it, so a copy of
// a real image counts even where k others make its ball a point. The prdc
// package of Naeem et al. leaves the surface out; the two differ only where
// distances are equal.
type Manifold struct {
	K                                    int
	Precision, Recall, Density, Coverage float64
}

// NewManifold compares samples with real images, more than k of each, with k
// at least 1; k = 5 is usual. It is exact and takes (N_real + N_samples)² −
// N_real·N_samples distances, memory for the N·k nearest, and what each worker
// needs for a block of distances. It ends early with ctx.
func NewManifold(ctx context.Context, pool lane.Pool, real, samples Features, k int) (Manifold, error) {
	if k < 1 {
		panic("judge: NewManifold with no neighbours")
	}
	if err := checkPair("real images", real, "samples", samples, k+1); err != nil {
		return Manifold{}, err
	}
	realBall, err := balls(ctx, pool, real, k)
	if err != nil {
		return Manifold{}, err
	}
	sampleBall, err := balls(ctx, pool, samples, k)
	if err != nil {
		return Manifold{}, err
	}
	return compareBalls(ctx, pool, real, samples, realBall, sampleBall, k)
}

// compareBalls counts what lies in which balls, whose squared radii are given.
func compareBalls(ctx context.Context, pool lane.Pool, real, samples Features, realBall, sampleBall []float64, k int) (Manifold, error) {
	// Workers count what belongs to a sample on their own: whole numbers give
	// the same sum in any order.
	type tally struct {
		balls  int
		inside []bool // for each sample, whether it is in a real image's ball
	}
	workers := make([]tally, max(pool.Workers, 1))
	recalled, covered := make([]bool, real.N), make([]bool, real.N)
	limit := make([]float64, real.N)
	widest := slices.Max(sampleBall)
	for i := range limit {
		limit[i] = max(realBall[i], widest)
	}
	err := sweep(ctx, pool, real.rows(nil), samples.rows(nil), limit, func(b block) {
		t := &workers[b.worker]
		if t.inside == nil {
			t.inside = make([]bool, samples.N)
		}
		for i := range len(b.d) / b.nb {
			ball := realBall[b.i0+i]
			for j, d := range b.d[i*b.nb : (i+1)*b.nb] {
				if d <= ball {
					t.balls++
					t.inside[b.j0+j] = true
					covered[b.i0+i] = true
				}
				if d <= sampleBall[b.j0+j] {
					recalled[b.i0+i] = true
				}
			}
		}
	})
	if err != nil {
		return Manifold{}, err
	}
	inside, total := make([]bool, samples.N), 0
	for _, t := range workers {
		total += t.balls
		for j, in := range t.inside {
			inside[j] = inside[j] || in
		}
	}
	return Manifold{
		K:         k,
		Precision: fraction(inside),
		Recall:    fraction(recalled),
		Density:   float64(total) / float64(k) / float64(samples.N),
		Coverage:  fraction(covered),
	}, nil
}

// fraction returns the part of flags that are set.
func fraction(flags []bool) float64 {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return float64(n) / float64(len(flags))
}

// balls returns the squared distance of every point's k-th nearest neighbour
// among the others.
func balls(ctx context.Context, pool lane.Pool, f Features, k int) ([]float64, error) {
	// The distance of the farthest of the k found so far is the limit beyond
	// which others do not matter, and in the end the result.
	limit := make([]float64, f.N)
	near := make([]float64, f.N*k) // ascending for each point
	for i := range limit {
		limit[i] = math.Inf(1)
	}
	for i := range near {
		near[i] = math.Inf(1)
	}
	err := sweep(ctx, pool, f.rows(nil), f.rows(nil), limit, func(b block) {
		for i := range len(b.d) / b.nb {
			self := b.i0 + i
			best := near[self*k : (self+1)*k]
			for j, d := range b.d[i*b.nb : (i+1)*b.nb] {
				if d < best[k-1] && b.j0+j != self {
					insert(best, d)
				}
			}
			limit[self] = best[k-1]
		}
	})
	return limit, err
}

// insert puts v, below the last of an ascending list, in its place and drops
// the last.
func insert(sorted []float64, v float64) {
	i := len(sorted) - 1
	for ; i > 0 && sorted[i-1] > v; i-- {
		sorted[i] = sorted[i-1]
	}
	sorted[i] = v
}

// String gives the four numbers in a line.
func (m Manifold) String() string {
	return fmt.Sprintf("precision %.4f  recall %.4f  density %.4f  coverage %.4f  (k = %d)",
		m.Precision, m.Recall, m.Density, m.Coverage, m.K)
}
