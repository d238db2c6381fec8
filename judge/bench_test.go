package judge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/joule-ml/joule/dataset"
)

// sizes are of feature spaces: N×D.
var sizes = [][2]int{{1000, 128}, {10000, 128}, {1000, 784}}

func BenchmarkFrechet(b *testing.B) {
	for _, s := range sizes {
		x, y := normal(1, s[0], s[1]), normal(2, s[0], s[1])
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			for b.Loop() {
				must[float64](b)(FrechetDistance(x, y))
			}
		})
	}
}

func BenchmarkManifold(b *testing.B) {
	for _, s := range sizes {
		x, y := normal(1, s[0], s[1]), normal(2, s[0], s[1])
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
			for b.Loop() {
				must[Manifold](b)(NewManifold(b.Context(), pool, x, y, 5))
			}
		})
	}
}

// BenchmarkSquares is one worker's speed, without giving up early.
func BenchmarkSquares(b *testing.B) {
	for _, d := range []int{64, 128, 784} {
		x, y := normal(1, rowsA, d), normal(2, blockB/d, d)
		dst, limit := make([]float64, x.N*y.N), make([]float64, x.N)
		for i := range limit {
			limit[i] = 1e30
		}
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			for b.Loop() {
				squares(dst, x.X, y.X, d, limit)
			}
			b.ReportMetric(float64(b.N)*float64(x.N*y.N*d)/1e9/b.Elapsed().Seconds(), "G/s")
		})
	}
}

func BenchmarkNearestImages(b *testing.B) {
	training := &dataset.Set{N: 60000, C: 1, H: 28, W: 28, Pixels: make([]byte, 60000*784)}
	random := rand.New(rand.NewPCG(1, 0))
	for i := range training.Pixels {
		training.Pixels[i] = byte(random.Uint32())
	}
	x := normal(2, 256, 784).X
	b.Run("256x60000x784", func(b *testing.B) {
		for b.Loop() {
			must[[]Neighbour](b)(NearestImages(b.Context(), pool, x, training))
		}
	})
}

func BenchmarkAUROCInterval(b *testing.B) {
	x, y := testScores(1, 10000, 1, 0), testScores(2, 10000, 1, -0.5)
	b.Run("10000", func(b *testing.B) {
		for b.Loop() {
			must[Estimate](b)(AUROCInterval(x, y, 0.95))
		}
	})
}

func BenchmarkFPRInterval(b *testing.B) {
	x, y := testScores(1, 10000, 1, 0), testScores(2, 10000, 1, -0.5)
	b.Run("10000", func(b *testing.B) {
		for b.Loop() {
			must[Estimate](b)(FPRInterval(x, y, 0.95, 0.95, 1))
		}
	})
}

func BenchmarkBulkSize(b *testing.B) {
	for _, n := range []int{256, 10000} {
		x := testChains(1, 64, n, 0.9, 0)
		b.Run(fmt.Sprintf("64x%d", n), func(b *testing.B) {
			for b.Loop() {
				must[float64](b)(BulkSize(x))
			}
		})
	}
}
