// Package random has the streams that all random numbers come from: functions of
// a seed, a purpose and counters, without state, so that results do not depend on
// the order of the work. Start with Stream.
package random

import "github.com/joule-ml/joule/internal/kernel"

// Purpose names what a random stream is drawn for. Two purposes never share
// random numbers. The values are part of every run's reproducibility: append,
// never renumber.
type Purpose uint16

const (
	Shuffle         Purpose = iota + 1 // order of the training set in an epoch
	DataNoise                          // noise on real images
	InitialNoise                       // first contents of the replay buffer
	Langevin                           // noise of the Langevin steps in training
	Restart                            // number of chains restarted, and their uniform images
	Draw                               // which images the replay buffer hands out
	Weights                            // initial weights
	Validation                         // uniform images of the validation
	SampleStart                        // starting images of generation
	SampleNoise                        // noise of the Langevin steps in generation
	Snapshot                           // which images of the replay buffer are shown
	Outliers                           // uniform images of the outlier callback
	Reservoir                          // which images of a full replay buffer are replaced
	OutlierSets                        // images that a model is judged by
	Bootstrap                          // resampling of scores
	AnnealPilot                        // pilot chains of annealed importance sampling
	AnnealForward                      // its forward chains
	AnnealReverse                      // its reverse chains, and which samples they start from
	AnnealBootstrap                    // resamples of its weights
	Augment                            // moves and mirrorings of real images
	Contrast                           // uniform images that a step compares with real ones
	Dither                             // rounding of samples to the levels of the replay buffer
	Dropout                            // which values a dropout layer drops
	Latent                             // vectors that a generator makes images of in training
	Generator                          // initial weights of a generator
	SampleLatent                       // vectors that a generator makes images of in generation
)

// A Stream is a source of random words without state: Philox4x32-10 under the
// seed as its key. The counter's words are (purpose and retry, chain, step,
// index), so every number is a function of what it is for and nothing else.
type Stream struct {
	Seed    uint64
	Purpose Purpose
	// Retry counts the times a run was rolled back, so that it does not
	// replay the noise that made it diverge.
	Retry uint16
}

// For returns the stream of the same seed and retry for another purpose.
func (s Stream) For(p Purpose) Stream {
	s.Purpose = p
	return s
}

// Key returns the Philox key of s.
func (s Stream) Key() [2]uint32 { return [2]uint32{uint32(s.Seed), uint32(s.Seed >> 32)} }

// Word returns the first counter word of s.
func (s Stream) Word() uint32 { return uint32(s.Purpose)<<16 | uint32(s.Retry) }

// Words returns four independent uniform 32-bit words. chain is a slot in the
// global batch, step a persistent count (an epoch, a training step, a
// Langevin step), index a group of four values within it.
func (s Stream) Words(chain, step, index uint32) [4]uint32 {
	return kernel.Philox([4]uint32{s.Word(), chain, step, index}, s.Key())
}

// Unit maps a random word to a number between 0 and 1, never either.
func Unit(w uint32) float64 { return (float64(w) + 0.5) / (1 << 32) }

// Uniform fills dst with numbers uniform in [lo, hi). Value i of dst is made
// of word i%4 of index i/4.
func (s Stream) Uniform(dst []float32, chain, step uint32, lo, hi float32) {
	value := func(word uint32) float32 { return lo + float32((hi-lo)*kernel.Unit(word)) }
	index := uint32(0)
	for ; len(dst) >= 4; dst = dst[4:] {
		w := s.Words(chain, step, index)
		dst[0], dst[1], dst[2], dst[3] = value(w[0]), value(w[1]), value(w[2]), value(w[3])
		index++
	}
	if len(dst) > 0 {
		w := s.Words(chain, step, index)
		for i := range dst {
			dst[i] = value(w[i])
		}
	}
}

// Normal adds normal numbers of the given standard deviation to dst. Values
// 4i … 4i+3 come from the words of index i by Box and Muller's transform, as
// kernel.Noise has it.
func (s Stream) Normal(dst []float32, chain, step uint32, std float32) {
	for i := 0; i < len(dst); i += 4 {
		z := kernel.Normals(s.Words(chain, step, uint32(i/4)))
		for j := 0; j < 4 && i+j < len(dst); j++ {
			dst[i+j] += float32(std * z[j])
		}
	}
}

// Permutation returns a uniformly random order of 0 … n−1 by Fisher and
// Yates's shuffle, a function of the stream and step alone.
func (s Stream) Permutation(n int, step uint32) []int32 {
	p := make([]int32, n)
	s.Permute(p, step)
	return p
}

// Permute sets p to the Permutation of its length.
func (s Stream) Permute(p []int32, step uint32) {
	for i := range p {
		p[i] = int32(i)
	}
	for i := len(p) - 1; i > 0; i-- {
		w := s.Words(0, step, uint32(i))
		// 64 random bits times i+1: the bias is below 2⁻³², beyond notice.
		j := int((uint64(w[0])*uint64(i+1) + uint64(w[1])*uint64(i+1)>>32) >> 32)
		p[i], p[j] = p[j], p[i]
	}
}
