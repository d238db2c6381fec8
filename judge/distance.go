package judge

import (
	"context"
	"math"

	"github.com/joule-ml/joule/lane"
)

const (
	// chunk is the number of dimensions whose squares are summed in float32
	// before they are added up in float64, which keeps the relative error of a
	// squared distance below 4e-6, and typically at 1e-7.
	chunk = 64

	// A tile is the distances of tileA points to tileB others at once: eight
	// sums, which with the values they are made of fit in sixteen registers.
	tileA, tileB = 2, 4

	// rowsA is the number of points that a worker takes at a time.
	rowsA = 64
	// blockB is the number of values of the other points in a block: 128 kB,
	// which stay in a core's cache while rowsA points are compared with them.
	blockB = 32 << 10
)

// squares writes the squared Euclidean distance of every point of a from
// every one of b to dst, len(a)/d × len(b)/d. A distance that exceeds limit
// (one for each point of a) may be left as any other number that exceeds it.
//
// It sums squares of differences, not |a|² + |b|² − 2a·b, which cancels for
// points that are close, and those are the ones that matter here. The order of
// the sum depends on d alone: the distance of two points has the same bits
// wherever they stand in a and b, either way round.
func squares(dst []float64, a, b []float32, d int, limit []float64) {
	na, nb := len(a)/d, len(b)/d
	for i := 0; i < na; i += tileA {
		// Where the points run out, the last one is repeated.
		i1 := min(i+1, na-1)
		a0, a1 := a[i*d:(i+1)*d], a[i1*d:(i1+1)*d]
		l0, l1 := limit[i], limit[i1]
		for j := 0; j < nb; j += tileB {
			var bs [tileB][]float32
			for t := range bs {
				jt := min(j+t, nb-1)
				bs[t] = b[jt*d : (jt+1)*d]
			}
			var s [tileA * tileB]float64
			for k := 0; k < d; k += chunk {
				e := min(k+chunk, d)
				tile(&s, a0[k:e], a1[k:e], bs[0][k:e], bs[1][k:e], bs[2][k:e], bs[3][k:e])
				if min(s[0], s[1], s[2], s[3]) > l0 && min(s[4], s[5], s[6], s[7]) > l1 {
					break
				}
			}
			for t := range min(tileB, nb-j) {
				dst[i*nb+j+t] = s[t]
				dst[i1*nb+j+t] = s[t+(i1-i)*tileB]
			}
		}
	}
}

// tile adds the squared differences of a chunk to s. The conversions keep
// compilers from fusing multiplication and addition, so that all processors
// give the same bits.
func tile(s *[tileA * tileB]float64, a0, a1, b0, b1, b2, b3 []float32) {
	n := len(a0)
	a1, b0, b1, b2, b3 = a1[:n], b0[:n], b1[:n], b2[:n], b3[:n]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for i, x := range a0 {
		y := a1[i]
		p := b0[i]
		u, v := x-p, y-p
		s0 += float32(u * u)
		s4 += float32(v * v)
		p = b1[i]
		u, v = x-p, y-p
		s1 += float32(u * u)
		s5 += float32(v * v)
		p = b2[i]
		u, v = x-p, y-p
		s2 += float32(u * u)
		s6 += float32(v * v)
		p = b3[i]
		u, v = x-p, y-p
		s3 += float32(u * u)
		s7 += float32(v * v)
	}
	s[0] += float64(s0)
	s[1] += float64(s1)
	s[2] += float64(s2)
	s[3] += float64(s3)
	s[4] += float64(s4)
	s[5] += float64(s5)
	s[6] += float64(s6)
	s[7] += float64(s7)
}

// A block is the squared distances of points i0 … of one set from points
// j0 … of another, a row of nb for each of the former.
type block struct {
	worker, i0, j0, nb int
	d                  []float64
}

// sweep visits the squared distances of all points of a from all of b, a
// block at a time: memory is rowsA × (points in a block + dimensions) numbers
// for each worker, and a block of b besides. The blocks of one point of a all come
// from the same goroutine, in order of j0. limit, if not nil, has a number for
// each point of a: larger distances need not be right, as squares says. visit
// may lower those of its own points.
func sweep(ctx context.Context, pool lane.Pool, a, b rows, limit []float64, visit func(block)) error {
	return sweepFrom(ctx, pool, a, b, limit, visit, func(int) int { return 0 })
}

// sweepLater is sweep of a set with itself that passes over blocks whose
// points all come before those that they are compared with.
func sweepLater(ctx context.Context, pool lane.Pool, a rows, visit func(block)) error {
	return sweepFrom(ctx, pool, a, a, nil, visit, func(i0 int) int { return i0 })
}

// sweepFrom is sweep with the blocks of points i0 … beginning at from(i0).
func sweepFrom(ctx context.Context, pool lane.Pool, a, b rows, limit []float64, visit func(block), from func(i0 int) int) error {
	nb := min(max(blockB/b.d, tileB), 1024)
	type scratch struct {
		a, b []float32
		d    []float64
	}
	workers := make([]scratch, max(pool.Workers, 1))
	none := make([]float64, rowsA)
	for i := range none {
		none[i] = math.Inf(1)
	}
	pool.Each((a.n+rowsA-1)/rowsA, func(worker, task int) {
		w := &workers[worker]
		if w.d == nil {
			*w = scratch{make([]float32, rowsA*a.d), make([]float32, nb*b.d), make([]float64, rowsA*nb)}
		}
		lo := task * rowsA
		hi := min(lo+rowsA, a.n)
		x, l := a.read(w.a, lo, hi), none
		if limit != nil {
			l = limit[lo:hi]
		}
		for j := from(lo); j < b.n && ctx.Err() == nil; j += nb {
			e := min(j+nb, b.n)
			d := w.d[:(hi-lo)*(e-j)]
			squares(d, x, b.read(w.b, j, e), a.d, l)
			visit(block{worker, lo, j, e - j, d})
		}
	})
	return ctx.Err()
}
