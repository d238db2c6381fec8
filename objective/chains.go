package objective

import "math"

// blankRange is the share of the range of pixels within which all pixels of a
// channel lie where an image counts as blank. The faintest digits of MNIST
// span nearly all of it, and the noise of a chain's last step, 0.005, spans
// less than 0.02.
const blankRange = 0.05

// chainStats describes samples, n images of the given shape each, beside as
// many real ones. It is a fraction of a percent of a step's work.
type chainStats struct {
	sum, squares [2][]float64 // of each pixel, over real images and samples
}

// shares are what chainStats says of samples, see the figures of package metric.
type shares struct{ atBounds, blank, diversity float64 }

// measure describes the samples fake.
func (c *chainStats) measure(real, fake []float32, n, channels int, lo, hi float32) (s shares) {
	size := len(fake) / n
	var spread [2]float64
	for p, x := range [][]float32{real, fake} {
		if len(c.sum[p]) != size {
			c.sum[p], c.squares[p] = make([]float64, size), make([]float64, size)
		}
		spread[p] = variance(c.sum[p], c.squares[p], x)
	}
	s.diversity = 1
	if spread[0] > 0 {
		s.diversity = math.Sqrt(spread[1] / spread[0])
	}
	atBounds, blank := 0, 0
	plane := size / channels
	for i := range n {
		flat := true
		for ch := range channels {
			x := fake[i*size+ch*plane : i*size+(ch+1)*plane]
			least, most := x[0], x[0]
			for _, v := range x {
				if v <= lo || v >= hi {
					atBounds++
				}
				least, most = min(least, v), max(most, v)
			}
			flat = flat && most-least < blankRange*(hi-lo)
		}
		if flat {
			blank++
		}
	}
	s.atBounds = float64(atBounds) / float64(n*size)
	s.blank = float64(blank) / float64(n)
	return s
}

// variance returns the variance of images around their mean, summed over
// pixels: half the mean squared distance between two of them.
func variance(sum, squares []float64, x []float32) float64 {
	clear(sum)
	clear(squares)
	n := float64(len(x) / len(sum))
	for ; len(x) > 0; x = x[len(sum):] {
		for i := range sum {
			v := float64(x[i])
			sum[i] += v
			squares[i] += v * v
		}
	}
	var total float64
	for i := range sum {
		total += squares[i]/n - sum[i]*sum[i]/(n*n)
	}
	return max(total, 0)
}
