package judge

import (
	"context"
	"fmt"
	"math"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
)

// A Neighbour is the point of a set that is nearest to another one. Of equally
// near ones it is the first.
type Neighbour struct {
	Index    int
	Distance float64 // Euclidean
}

// Nearest returns the nearest point of reference, at least one, for each of
// points. It is exact; a distance is given up as soon as it exceeds the
// nearest so far, and dimensions of large variance come first so that this is
// soon. It ends early with ctx.
func Nearest(ctx context.Context, pool lane.Pool, points, reference Features) ([]Neighbour, error) {
	if err := checkPair("points", points, "reference", reference, 1); err != nil {
		return nil, err
	}
	order := telling(reference.N, reference.D, func(dst []float32, i int) { copy(dst, reference.Row(i)) })
	return nearest(ctx, pool, points.rows(order), reference.rows(order))
}

// NearestImages returns, for each of images, the nearest image of the training
// set by the Euclidean distance of pixels in [−1, 1]: what a sample was copied
// from, if it was. images are N×C×H×W in the shape of the set. The set stays
// as bytes, so memory is less than a MB a worker.
func NearestImages(ctx context.Context, pool lane.Pool, images []float32, training *dataset.Set) ([]Neighbour, error) {
	if err := training.Validate(); err != nil {
		return nil, err
	}
	size := training.Size()
	if len(images)%size != 0 {
		panic(fmt.Sprintf("judge: %d values of images of %d", len(images), size))
	}
	f := Features{len(images) / size, size, images}
	if err := f.check("images", 1); err != nil {
		return nil, err
	}
	if training.N < 1 {
		return nil, &Error{"training images", "there are none", ""}
	}
	order := telling(training.N, size, training.Image)
	return nearest(ctx, pool, f.rows(order), setRows(training, order))
}

// NearestOf is NearestImages for the images of a set, such as held-out ones.
func NearestOf(ctx context.Context, pool lane.Pool, images, training *dataset.Set) ([]Neighbour, error) {
	for _, s := range []*dataset.Set{images, training} {
		if err := s.Validate(); err != nil {
			return nil, err
		}
	}
	if images.C != training.C || images.H != training.H || images.W != training.W {
		panic("judge: NearestOf sets of two shapes")
	}
	if images.N < 1 || training.N < 1 {
		return nil, &Error{"images", "there are none to compare", ""}
	}
	order := telling(training.N, training.Size(), training.Image)
	return nearest(ctx, pool, setRows(images, order), setRows(training, order))
}

func nearest(ctx context.Context, pool lane.Pool, points, reference rows) ([]Neighbour, error) {
	limit := make([]float64, points.n)
	for i := range limit {
		limit[i] = math.Inf(1)
	}
	found := make([]Neighbour, points.n)
	err := sweep(ctx, pool, points, reference, limit, func(b block) {
		for i := range len(b.d) / b.nb {
			at := b.i0 + i
			for j, d := range b.d[i*b.nb : (i+1)*b.nb] {
				if d < limit[at] {
					limit[at], found[at].Index = d, b.j0+j
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i].Distance = math.Sqrt(limit[i])
	}
	return found, nil
}

// Copying says whether samples lie nearer to training images than held-out
// real ones do. A model that has learned the distribution and no image of it
// puts its samples as far from the training images as other real images are.
type Copying struct {
	Samples, HeldOut Distances
	// Nearer is the probability that a sample lies nearer to the training
	// images than a held-out image does, with equality counted half: ½ where
	// nothing is copied, 1 where all samples are. Blurred or plain samples
	// are near to many images and raise it too, so look at the pairs.
	Nearer float64
	// Copies is the number of samples that lie nearer than every held-out
	// image.
	Copies int
}

// Distances is a distribution of distances. The percentiles between two
// values are interpolated linearly, as NumPy does.
type Distances struct {
	N                                  int
	Mean                               float64
	Min, P1, P5, Median, P95, P99, Max float64
}

// NewCopying compares the nearest training images of samples with those of
// held-out images, at least one each.
func NewCopying(samples, heldOut []Neighbour) (Copying, error) {
	if len(samples) == 0 {
		return Copying{}, &Error{"samples", "there are none", ""}
	}
	if len(heldOut) == 0 {
		return Copying{}, &Error{"held-out images", "there are none", ""}
	}
	s, h := distances(samples), distances(heldOut)
	nearer, err := AUROC(h, s)
	if err != nil {
		return Copying{}, err
	}
	c := Copying{Samples: newDistances(s), HeldOut: newDistances(h), Nearer: nearer}
	for _, d := range s {
		if d < c.HeldOut.Min {
			c.Copies++
		}
	}
	return c, nil
}

func distances(n []Neighbour) []float64 {
	d := make([]float64, len(n))
	for i := range n {
		d[i] = n[i].Distance
	}
	return d
}

func newDistances(d []float64) Distances {
	s := sorted(d)
	return Distances{
		N: len(s), Mean: mean(s),
		Min: s[0], P1: quantile(s, 0.01), P5: quantile(s, 0.05), Median: quantile(s, 0.5),
		P95: quantile(s, 0.95), P99: quantile(s, 0.99), Max: s[len(s)-1],
	}
}
