package joule

import (
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// replay is the buffer of samples that chains start from, newest first: at
// most limit images in a ring that may have room for more, so that the buffer
// as it was a while ago is still there to go back to, see replayMark.
type replay struct {
	shape       lane.Shape
	size, limit int
	room        int       // images in the ring, at least limit
	images      []float32 // room × size
	head, n     int       // image i stands in slot (head+i) mod room
	total       int       // images ever put
	reservoir   bool      // once full, images replace others drawn at random
	restart     float64   // probability of a chain that does not start from the buffer
	// Chains that have been through oldAfter training steps restart with a
	// probability of their own; 0 makes no difference between chains. ages
	// has the training steps behind each image of the ring, and drawn those
	// behind each chain of the last draw: nil where there is no difference.
	oldAfter    int
	oldRestart  float64
	ages, drawn []uint16
	sources     [sources]float64
	dataNoise   float32
	lo, hi      float32
}

// The sources of restarts. Their shares add up to sources[last].
const (
	fromUniform = iota // uniform noise
	fromPatch          // uniform noise in a rectangle, the least value around it
	fromData           // a real image with noise
	fromGray           // one value, drawn uniformly, in all pixels
	fromBlank          // the least value in all pixels
	fromShifted        // an image of the buffer, moved by up to maxShift pixels
	sources
)

// maxShift is how far a shifted image moves either way.
const maxShift = 3

// newReplay returns an empty buffer.
func newReplay(shape lane.Shape, c Config) *replay {
	room := c.Buffer.Size + c.guardImages()
	r := &replay{
		shape: shape, size: shape.Len(), limit: c.Buffer.Size, room: room, images: make([]float32, room*shape.Len()),
		reservoir: c.Buffer.Policy == policyReservoir,
		restart:   c.Buffer.RestartProbability, dataNoise: c.Restart.DataNoise, lo: c.Sampler.Min, hi: c.Sampler.Max,
	}
	if r.oldAfter = c.Buffer.OldAfter; r.oldAfter > 0 {
		r.oldRestart, r.ages = c.Buffer.OldRestartProbability, make([]uint16, room)
	}
	sum := 0.0
	for i, share := range []float64{c.Restart.Uniform, c.Restart.Patch, c.Restart.Data, c.Restart.Gray, c.Restart.Blank, c.Restart.Shifted} {
		sum += share
		r.sources[i] = sum
	}
	return r
}

// The policies of a full buffer.
const (
	policyFIFO      = "fifo"
	policyReservoir = "reservoir"
)

// fill starts the buffer with n images of uniform noise.
func (r *replay) fill(n int, s random.Stream) {
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
	r.head = (r.head - n + r.room) % r.room
	r.n = min(r.n+n, r.limit)
	r.total += n
	for i := range n {
		copy(r.at(i), images[i*r.size:(i+1)*r.size])
		if r.ages != nil {
			r.ages[(r.head+i)%r.room] = 0
		}
	}
}

// add is put, or in a reservoir that is full replaces images drawn at random,
// so that the buffer holds old samples beside new ones (Du et al. 2021,
// arXiv:2012.01316).
func (r *replay) add(images []float32, s random.Stream, step uint32) {
	if !r.reservoir || r.n < r.limit {
		r.put(images)
		for i := range min(len(r.drawn), r.limit) {
			r.ages[(r.head+i)%r.room] = min(r.drawn[i], math.MaxUint16-1) + 1
		}
		return
	}
	for i := range len(images) / r.size {
		copy(r.at(r.pick(s.Words(uint32(i), step, 0), 1)), images[i*r.size:(i+1)*r.size])
	}
}

// pick turns words k and k+1, a 64-bit fraction whose bias is beyond notice,
// into the number of an image.
func (r *replay) pick(w [4]uint32, k int) int {
	return int((uint64(w[k])*uint64(r.n) + uint64(w[k+1])*uint64(r.n)>>32) >> 32)
}

// at returns image i, the newest being 0.
func (r *replay) at(i int) []float32 {
	slot := (r.head + i) % r.room
	return r.images[slot*r.size : (slot+1)*r.size]
}

// draw fills x with the starts of a batch: Binomial(batch, restart) images
// from the sources of restarts, then images drawn from the buffer, uniformly
// with replacement. real holds as many images of the batch. It returns the
// number of restarts.
func (r *replay) draw(x, real []float32, seed uint64, retry uint16, step uint32) int {
	batch := len(x) / r.size
	draw := random.Stream{Seed: seed, Purpose: random.Draw, Retry: retry}
	restart := random.Stream{Seed: seed, Purpose: random.Restart, Retry: retry}
	if r.oldAfter > 0 {
		return r.drawByAge(x, real, draw, restart, step)
	}
	fresh := 0
	for i := range batch {
		if w := draw.Words(uint32(i), step, 0); float64(kernel.Unit(w[0])) < r.restart {
			fresh++
		}
	}
	for i := range batch {
		dst, w := x[i*r.size:(i+1)*r.size], draw.Words(uint32(i), step, 0)
		if i >= fresh {
			copy(dst, r.at(r.pick(w, 1)))
			continue
		}
		r.begin(dst, real[i*r.size:(i+1)*r.size], r.source(w[3]), r.at(r.pick(w, 1)), restart, uint32(i), step)
	}
	return fresh
}

// drawByAge is draw where old chains restart with another probability: each
// chain takes an image of the buffer, whose age decides.
func (r *replay) drawByAge(x, real []float32, draw, restart random.Stream, step uint32) (fresh int) {
	r.drawn = r.drawn[:0]
	for i := range len(x) / r.size {
		dst, w := x[i*r.size:(i+1)*r.size], draw.Words(uint32(i), step, 0)
		from := r.pick(w, 1)
		age, p := r.ages[(r.head+from)%r.room], r.restart
		if int(age) >= r.oldAfter {
			p = r.oldRestart
		}
		if float64(kernel.Unit(w[0])) >= p {
			copy(dst, r.at(from))
			r.drawn = append(r.drawn, age)
			continue
		}
		r.begin(dst, real[i*r.size:(i+1)*r.size], r.source(w[3]), r.at(from), restart, uint32(i), step)
		r.drawn = append(r.drawn, 0)
		fresh++
	}
	return fresh
}

// source turns a word into a source of restarts, by their shares.
func (r *replay) source(word uint32) int {
	source := 0
	for u := float64(kernel.Unit(word)) * r.sources[sources-1]; source < sources-1 && u >= r.sources[source]; {
		source++
	}
	return source
}

// begin starts a chain afresh.
func (r *replay) begin(dst, real []float32, source int, old []float32, s random.Stream, chain, step uint32) {
	switch source {
	case fromUniform:
		s.Uniform(dst, chain, step, r.lo, r.hi)
	case fromPatch:
		patch(dst, r.shape, s, chain, step, r.lo, r.hi)
	case fromData:
		copy(dst, real)
		s.Normal(dst, chain, step, r.dataNoise)
		for j, v := range dst {
			dst[j] = min(max(v, r.lo), r.hi)
		}
	case fromGray, fromBlank:
		v := r.lo
		if source == fromGray {
			v += (r.hi - r.lo) * kernel.Unit(s.Words(chain, step, 0)[0])
		}
		for j := range dst {
			dst[j] = v
		}
	case fromShifted:
		w := s.Words(chain, step, 0)
		dy, dx := int(w[0]%(2*maxShift+1))-maxShift, int(w[1]%(2*maxShift+1))-maxShift
		for c := range r.shape.C {
			for y := range r.shape.H {
				for x := range r.shape.W {
					v := r.lo // what comes in from outside
					if sy, sx := y-dy, x-dx; sy >= 0 && sy < r.shape.H && sx >= 0 && sx < r.shape.W {
						v = old[(c*r.shape.H+sy)*r.shape.W+sx]
					}
					dst[(c*r.shape.H+y)*r.shape.W+x] = v
				}
			}
		}
	}
}

// patchWords is the index of the words that a patch's place is made of: none of
// the noise's.
const patchWords = math.MaxUint32

// patch draws uniform noise in a rectangle, on an image of the value lo. Its
// sides are uniform from a quarter of the image's up, so is the upper end of
// its values from a quarter of the range up. It leaves the fourth of its words
// to the caller.
func patch(dst []float32, shape lane.Shape, s random.Stream, chain, step uint32, lo, hi float32) {
	w := s.Words(chain, step, patchWords)
	span := func(word uint32, side int) (from, to int) {
		least := max(1, side/4)
		length := least + int(uint64(word>>16)*uint64(side-least+1)>>16)
		from = int(uint64(word&0xffff) * uint64(side-length+1) >> 16)
		return from, from + length
	}
	top, bottom := span(w[0], shape.H)
	left, right := span(w[1], shape.W)
	s.Uniform(dst, chain, step, lo, lo+(hi-lo)*(0.25+0.75*kernel.Unit(w[2])))
	for c := range shape.C {
		for y := range shape.H {
			for x := range shape.W {
				if y < top || y >= bottom || x < left || x >= right {
					dst[(c*shape.H+y)*shape.W+x] = lo
				}
			}
		}
	}
}
