package objective

import "github.com/joule-ml/joule/random"

// What the vectors z that a generator makes images of are drawn from.
const (
	Uniform  = "uniform"  // from [−1, 1)
	Gaussian = "gaussian" // from N(0, 1)
)

// DrawLatent sets n vectors z, each a function of the stream, its number and step.
func DrawLatent(z []float32, n int, latent string, s random.Stream, step uint32) {
	size := len(z) / n
	for i := range n {
		v := z[i*size : (i+1)*size]
		if latent == Gaussian {
			clear(v)
			s.Normal(v, uint32(i), step, 1)
		} else {
			s.Uniform(v, uint32(i), step, -1, 1)
		}
	}
}
