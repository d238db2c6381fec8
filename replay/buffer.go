package replay

import (
	"cmp"
	"math"

	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/sampler"
)

// A Buffer holds samples, newest first: at most so many images in a ring that
// may have room for more, so that the buffer as it was a while ago is still
// there to go back to, see [Mark]. It takes memory as it fills.
type Buffer struct {
	shape       lane.Shape
	size, limit int
	room        int // images in the ring, at least limit
	precision   string
	images      store
	one         []float32 // an image on its way into the store or out of it
	head, n     int       // image i stands in slot (head+i) mod room
	total       int       // images ever put
	reservoir   bool      // once full, images replace others drawn at random
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

// New returns an empty buffer of images whose values lie from lo to hi. The ring
// has room for extra images more than c.Size.
func New(shape lane.Shape, c Config, r Restart, lo, hi float32, extra int) *Buffer {
	room := c.Size + extra
	b := &Buffer{
		shape: shape, size: shape.Len(), limit: c.Size, room: room, precision: cmp.Or(c.Precision, Float32), one: make([]float32, shape.Len()),
		reservoir: c.Policy == Reservoir, dataNoise: r.DataNoise, lo: lo, hi: hi,
	}
	b.images = newStore(b.precision, room, b.size, lo, hi)
	if b.oldAfter = c.OldAfter; b.oldAfter > 0 {
		b.oldRestart, b.ages = c.OldRestartProbability, make([]uint16, room)
	}
	sum := 0.0
	for i, share := range []float64{r.Uniform, r.Patch, r.Data, r.Gray, r.Blank, r.Shifted} {
		sum += share
		b.sources[i] = sum
	}
	return b
}

// Len returns the number of images in the buffer.
func (b *Buffer) Len() int { return b.n }

// Fill starts the buffer with n images of uniform noise.
func (b *Buffer) Fill(n int, s random.Stream) {
	n = b.open(n)
	for i := range n {
		s.Uniform(b.one, uint32(i), 0, b.lo, b.hi)
		b.Set(i, b.one)
	}
}

// open makes room for n new images, and drops the oldest beyond the limit, which
// n is cut to.
func (b *Buffer) open(n int) int {
	n = min(n, b.limit)
	b.head = (b.head - n + b.room) % b.room
	b.n = min(b.n+n, b.limit)
	b.total += n
	for i := range min(n, len(b.ages)) {
		b.ages[b.slot(i)] = 0
	}
	return n
}

// slot returns the slot of image i.
func (b *Buffer) slot(i int) int { return (b.head + i) % b.room }

// Add puts images, the first of them as the newest, and drops the oldest
// beyond the limit, or in a reservoir that is full replaces images drawn at random,
// so that the buffer holds old samples beside new ones (Du et al. 2021,
// arXiv:2012.01316).
func (b *Buffer) Add(images []float32, s random.Stream, step uint32) {
	n, full := len(images)/b.size, b.reservoir && b.n == b.limit
	if !full {
		n = b.open(n)
	}
	for i := range n {
		slot := b.slot(i)
		if full {
			slot = b.slot(b.pick(s.Words(uint32(i), step, 0), 1))
		}
		b.images.write(slot, images[i*b.size:(i+1)*b.size], dither{s.For(random.Dither), uint32(i), step})
		if !full && i < len(b.drawn) {
			b.ages[slot] = min(b.drawn[i], math.MaxUint16-1) + 1
		}
	}
}

// pick turns words k and k+1, a 64-bit fraction whose bias is beyond notice,
// into the number of an image.
func (b *Buffer) pick(w [4]uint32, k int) int {
	return int((uint64(w[k])*uint64(b.n) + uint64(w[k+1])*uint64(b.n)>>32) >> 32)
}

// Image writes image i to dst, the newest being 0.
func (b *Buffer) Image(dst []float32, i int) { b.images.read(dst, b.slot(i)) }

// Set puts an image in the place of image i.
func (b *Buffer) Set(i int, image []float32) { b.images.write(b.slot(i), image, dither{}) }

// Show fills x with images drawn from the buffer, uniformly with replacement:
// the first'th of a stream and step, and those that follow.
func (b *Buffer) Show(x []float32, s random.Stream, first int, step uint32) {
	for i := range len(x) / b.size {
		w := s.Words(uint32(first+i), step, 0)
		b.Image(x[i*b.size:(i+1)*b.size], int(uint64(w[0])*uint64(b.n)>>32))
	}
}

// Draw fills x with the starts of a batch: Binomial(batch, restart) images
// from the sources of restarts, then images drawn from the buffer, uniformly
// with replacement. real holds as many images of the batch. It returns the
// number of restarts.
func (b *Buffer) Draw(x, real []float32, restart float64, s random.Stream, step uint32) int {
	batch := len(x) / b.size
	if b.oldAfter > 0 {
		return b.drawByAge(x, real, restart, s, step)
	}
	draw, start := s.For(random.Draw), s.For(random.Restart)
	fresh := 0
	for i := range batch {
		if w := draw.Words(uint32(i), step, 0); float64(kernel.Unit(w[0])) < restart {
			fresh++
		}
	}
	for i := range batch {
		dst, w := x[i*b.size:(i+1)*b.size], draw.Words(uint32(i), step, 0)
		if i >= fresh {
			b.Image(dst, b.pick(w, 1))
			continue
		}
		b.begin(dst, real[i*b.size:(i+1)*b.size], b.source(w[3]), b.pick(w, 1), start, uint32(i), step)
	}
	return fresh
}

// drawByAge is Draw where old chains restart with another probability: each
// chain takes an image of the buffer, whose age decides.
func (b *Buffer) drawByAge(x, real []float32, restart float64, s random.Stream, step uint32) (fresh int) {
	draw, start := s.For(random.Draw), s.For(random.Restart)
	b.drawn = b.drawn[:0]
	for i := range len(x) / b.size {
		dst, w := x[i*b.size:(i+1)*b.size], draw.Words(uint32(i), step, 0)
		from := b.pick(w, 1)
		age, p := b.ages[b.slot(from)], restart
		if int(age) >= b.oldAfter {
			p = b.oldRestart
		}
		if float64(kernel.Unit(w[0])) >= p {
			b.Image(dst, from)
			b.drawn = append(b.drawn, age)
			continue
		}
		b.begin(dst, real[i*b.size:(i+1)*b.size], b.source(w[3]), from, start, uint32(i), step)
		b.drawn = append(b.drawn, 0)
		fresh++
	}
	return fresh
}

// source turns a word into a source of restarts, by their shares.
func (b *Buffer) source(word uint32) int {
	source := 0
	for u := float64(kernel.Unit(word)) * b.sources[sources-1]; source < sources-1 && u >= b.sources[source]; {
		source++
	}
	return source
}

// begin starts a chain afresh. old is the number of an image.
func (b *Buffer) begin(dst, real []float32, source, old int, s random.Stream, chain, step uint32) {
	switch source {
	case fromUniform:
		s.Uniform(dst, chain, step, b.lo, b.hi)
	case fromPatch:
		sampler.Patch(dst, b.shape, s, chain, step, b.lo, b.hi)
	case fromData:
		copy(dst, real)
		s.Normal(dst, chain, step, b.dataNoise)
		for j, v := range dst {
			dst[j] = min(max(v, b.lo), b.hi)
		}
	case fromGray, fromBlank:
		v := b.lo
		if source == fromGray {
			v += float32((b.hi - b.lo) * kernel.Unit(s.Words(chain, step, 0)[0]))
		}
		for j := range dst {
			dst[j] = v
		}
	case fromShifted:
		b.Image(b.one, old)
		w := s.Words(chain, step, 0)
		dy, dx := int(w[0]%(2*maxShift+1))-maxShift, int(w[1]%(2*maxShift+1))-maxShift
		for c := range b.shape.C {
			for y := range b.shape.H {
				for x := range b.shape.W {
					v := b.lo // what comes in from outside
					if sy, sx := y-dy, x-dx; sy >= 0 && sy < b.shape.H && sx >= 0 && sx < b.shape.W {
						v = b.one[(c*b.shape.H+sy)*b.shape.W+sx]
					}
					dst[(c*b.shape.H+y)*b.shape.W+x] = v
				}
			}
		}
	}
}
