package objective

import (
	"math"

	"github.com/joule-ml/joule/lane"
)

// blankRange is the share of the range of pixels within which all pixels of a
// channel lie where an image counts as blank. The faintest digits of MNIST
// span nearly all of it, and the noise of a chain's last step, 0.005, spans
// less than 0.02.
const blankRange = 0.05

// chainStats describes samples, n images of the given shape each, beside as
// many real ones, on several cores. It is a fraction of a percent of a step's work.
type chainStats struct {
	images   [2][]float32 // real ones and samples
	n        int
	channels int
	lo, hi   float32

	sum, squares [2][]float64 // of each pixel, over real images and samples
	atBounds     []int        // of each sample, pixels
	blank        []bool
	crew         lane.Crew
	look         func(worker, piece int) // lookAt, bound once
}

// shares are what chainStats says of samples, see the figures of package metric.
type shares struct{ atBounds, blank, diversity float64 }

// measure describes the samples fake.
func (c *chainStats) measure(threads int, real, fake []float32, n, channels int, lo, hi float32) (s shares) {
	size := len(fake) / n
	if len(c.blank) < n || len(c.sum[0]) != size {
		for p := range c.sum {
			c.sum[p], c.squares[p] = make([]float64, size), make([]float64, size)
		}
		c.atBounds, c.blank, c.look = make([]int, n), make([]bool, n), c.lookAt
	}
	c.images, c.n, c.channels, c.lo, c.hi = [2][]float32{real, fake}, n, channels, lo, hi
	c.crew.Each(threads, (size+pixelPiece-1)/pixelPiece+(n+imagePiece-1)/imagePiece, c.look)

	s.diversity = 1
	if v := c.variance(0); v > 0 {
		s.diversity = math.Sqrt(c.variance(1) / v)
	}
	atBounds, blank := 0, 0
	for i := range n {
		atBounds += c.atBounds[i]
		if c.blank[i] {
			blank++
		}
	}
	s.atBounds = float64(atBounds) / float64(n*size)
	s.blank = float64(blank) / float64(n)
	return s
}

// The pixels of all images, or all pixels of so many images, that a core looks at
// at a time.
const pixelPiece, imagePiece = 256, 16

// lookAt takes a piece of the pixels of all images, or after these of the samples.
func (c *chainStats) lookAt(_, piece int) {
	size := len(c.sum[0])
	if first := piece * pixelPiece; first < size {
		for p := range c.images {
			c.sumPixels(p, first, min(first+pixelPiece, size))
		}
		return
	}
	first := (piece - (size+pixelPiece-1)/pixelPiece) * imagePiece
	for i := first; i < min(first+imagePiece, c.n); i++ {
		c.lookAtSample(i)
	}
}

// sumPixels sums the pixels first … end−1 over all images, real ones or samples.
func (c *chainStats) sumPixels(p, first, end int) {
	size, n := len(c.sum[p]), end-first
	sum, squares := c.sum[p][first:][:n], c.squares[p][first:][:n]
	clear(sum)
	clear(squares)
	image := func(i int) []float32 { return c.images[p][i*size+first:][:n] }
	i := 0
	for ; i+1 < c.n; i += 2 {
		x, y := image(i), image(i+1)
		for j := range sum {
			v, w := float64(x[j]), float64(y[j])
			sum[j] = sum[j] + v + w
			squares[j] = squares[j] + float64(v*v) + float64(w*w)
		}
	}
	if i < c.n {
		for j, v := range image(i) {
			v := float64(v)
			sum[j] += v
			squares[j] += float64(v * v)
		}
	}
}

// variance returns the variance of images around their mean, summed over
// pixels: half the mean squared distance between two of them.
func (c *chainStats) variance(p int) (total float64) {
	n := float64(c.n)
	for i, sum := range c.sum[p] {
		total += c.squares[p][i]/n - sum*sum/(n*n)
	}
	return max(total, 0)
}

// lookAtSample counts pixels at the bounds, and finds out whether the sample is
// blank.
func (c *chainStats) lookAtSample(i int) {
	size := len(c.sum[1])
	plane, atBounds, flat := size/c.channels, 0, true
	for ch := range c.channels {
		x := c.images[1][i*size+ch*plane : i*size+(ch+1)*plane]
		least, most := x[0], x[0]
		for _, v := range x {
			if v <= c.lo || v >= c.hi {
				atBounds++
			}
			if v < least {
				least = v
			}
			if v > most {
				most = v
			}
		}
		flat = flat && most-least < blankRange*(c.hi-c.lo)
	}
	c.atBounds[i], c.blank[i] = atBounds, flat
}
