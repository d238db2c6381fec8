package joule

import (
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
)

// replay is the buffer of samples that chains start from, newest first: a
// ring of at most limit images.
type replay struct {
	size, limit int
	images      []float32 // limit × size
	head, n     int       // image i stands in slot (head+i) mod limit
	restart     float64   // probability of a start from uniform noise
	lo, hi      float32
}

// newReplay returns an empty buffer.
func newReplay(size int, c Config) *replay {
	return &replay{
		size: size, limit: c.Buffer.Size, images: make([]float32, c.Buffer.Size*size),
		restart: c.Buffer.RestartProbability, lo: c.Sampler.Min, hi: c.Sampler.Max,
	}
}

// fill starts the buffer with n images of uniform noise.
func (r *replay) fill(n int, s lane.Stream) {
	noise := make([]float32, n*r.size)
	for i := range n {
		s.Uniform(noise[i*r.size:(i+1)*r.size], uint32(i), 0, r.lo, r.hi)
	}
	r.put(noise)
}

// put adds images, the first of them as the newest, and drops the oldest
// beyond the limit.
func (r *replay) put(images []float32) {
	n := min(len(images)/r.size, r.limit)
	r.head = (r.head - n + r.limit) % r.limit
	r.n = min(r.n+n, r.limit)
	for i := range n {
		copy(r.at(i), images[i*r.size:(i+1)*r.size])
	}
}

// at returns image i, the newest being 0.
func (r *replay) at(i int) []float32 {
	slot := (r.head + i) % r.limit
	return r.images[slot*r.size : (slot+1)*r.size]
}

// draw fills x with the starts of a batch: Binomial(batch, restart) images of
// uniform noise, then images drawn from the buffer, uniformly with
// replacement. It returns the number of restarts.
func (r *replay) draw(x []float32, seed uint64, retry uint16, step uint32) int {
	batch := len(x) / r.size
	draw := lane.Stream{Seed: seed, Purpose: lane.Draw, Retry: retry}
	restart := lane.Stream{Seed: seed, Purpose: lane.Restart, Retry: retry}
	fresh := 0
	for i := range batch {
		if w := draw.Words(uint32(i), step, 0); float64(kernel.Unit(w[0])) < r.restart {
			fresh++
		}
	}
	for i := range batch {
		dst := x[i*r.size : (i+1)*r.size]
		if i < fresh {
			restart.Uniform(dst, uint32(i), step, r.lo, r.hi)
			continue
		}
		w := draw.Words(uint32(i), step, 0)
		// A 64-bit fraction of n: its bias is beyond notice.
		pick := (uint64(w[1])*uint64(r.n) + uint64(w[2])*uint64(r.n)>>32) >> 32
		copy(dst, r.at(int(pick)))
	}
	return fresh
}
