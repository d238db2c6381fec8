package objective

import (
	"math"
	"testing"

	"github.com/joule-ml/joule/random"
)

func TestChainStats(t *testing.T) {
	const n, size, lo, hi = 6, 8, -1, 1 // two channels of four pixels
	noise := random.Stream{Seed: 3, Purpose: random.Restart}
	images := func(chain uint32) []float32 {
		x := make([]float32, n*size)
		noise.Uniform(x, chain, 0, lo, hi)
		return x
	}
	// distance is the slow way: the mean squared distance of all pairs.
	distance := func(x []float32) (sum float64) {
		for i := range n {
			for j := range n {
				for p := range size {
					d := float64(x[i*size+p] - x[j*size+p])
					sum += d * d / (n * n)
				}
			}
		}
		return sum
	}
	var stats chainStats
	for name, c := range map[string]struct {
		spoil           func(fake []float32)
		atBounds, blank float64
	}{
		"noise":                  {func([]float32) {}, 0, 0},
		"half at bounds":         {func(x []float32) { copy(x[:n*size/2], []float32{-1, 1}); fill(x[2:n*size/2], -1) }, 0.5, 2. / 6},
		"two blank of each hue":  {func(x []float32) { fill(x[:4], 0.5); fill(x[4:8], -0.2); fill(x[8:16], 0.3) }, 0, 2. / 6},
		"one channel is not all": {func(x []float32) { fill(x[:4], 0.5) }, 0, 0},
		"all the same":           {func(x []float32) { fill(x, 0.25) }, 0, 1},
	} {
		real, fake := images(1), images(2)
		c.spoil(fake)
		info := stats.measure(2, real, fake, n, 2, lo, hi)
		if want := math.Sqrt(distance(fake) / distance(real)); math.Abs(info.diversity-want) > 1e-6 {
			t.Errorf("%s: diversity %v, want %v", name, info.diversity, want)
		}
		if math.Abs(info.atBounds-c.atBounds) > 1e-12 || math.Abs(info.blank-c.blank) > 1e-12 {
			t.Errorf("%s: %v at bounds and %v blank, want %v and %v", name, info.atBounds, info.blank, c.atBounds, c.blank)
		}
	}
	// Real images that are all one tell nothing of samples.
	info := stats.measure(2, make([]float32, n*size), images(2), n, 2, lo, hi)
	if info.diversity != 1 {
		t.Errorf("diversity %v beside one image", info.diversity)
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}
