package judge

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/lane"
)

// Diversity is how far samples are from each other, in a feature space. Only
// beside that of as many real images does it say something.
type Diversity struct {
	Mean float64 // Euclidean distance, on average over all pairs
	// Class is the same for the pairs within each class, NaN where there is
	// none; nil if no labels were given.
	Class []float64
}

// NewDiversity measures the diversity of two points or more. labels, N of them
// below classes, may be nil. It takes N²/2 distances and ends early with ctx.
func NewDiversity(ctx context.Context, pool lane.Pool, f Features, labels []int, classes int) (Diversity, error) {
	if labels != nil && len(labels) != f.N {
		panic(fmt.Sprintf("judge: %d labels for %d points", len(labels), f.N))
	}
	count := make([]int, classes)
	for _, l := range labels {
		if l < 0 || l >= classes {
			panic(fmt.Sprintf("judge: label %d of %d classes", l, classes))
		}
		count[l]++
	}
	if err := f.check("features", 2); err != nil {
		return Diversity{}, err
	}
	// Each point has its own sums, over those after it: their order does not
	// depend on which worker takes it.
	all, same := make([]float64, f.N), make([]float64, f.N)
	err := sweepLater(ctx, pool, f.rows(nil), func(b block) {
		for i := range len(b.d) / b.nb {
			at := b.i0 + i
			for j := max(at+1, b.j0); j < b.j0+b.nb; j++ {
				d := math.Sqrt(b.d[i*b.nb+j-b.j0])
				all[at] += d
				if labels != nil && labels[j] == labels[at] {
					same[at] += d
				}
			}
		}
	})
	if err != nil {
		return Diversity{}, err
	}
	pairs := func(n int) float64 { return float64(n) * float64(n-1) / 2 }
	out := Diversity{Mean: mean(all) * float64(f.N) / pairs(f.N)}
	if labels != nil {
		out.Class = make([]float64, classes)
		for i, l := range labels {
			out.Class[l] += same[i]
		}
		for c := range out.Class {
			if count[c] < 2 {
				out.Class[c] = math.NaN()
				continue
			}
			out.Class[c] /= pairs(count[c])
		}
	}
	return out, nil
}
