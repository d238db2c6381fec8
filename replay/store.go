package replay

import (
	"github.com/joule-ml/joule/checkpoint"
)

// A store holds images in a ring of numbered slots. It takes memory for a slot
// when an image is first put there or near it, up to what all slots need.
type store interface {
	// read writes the image of a slot to dst, and write puts src there.
	read(dst []float32, slot int)
	write(slot int, src []float32, d dither)
	// parts returns the n images from a slot on as [checkpoint.Tensor] has them,
	// in the store's own memory.
	parts(slot, n int) any
	// clone is parts in memory of its own.
	clone(slot, n int) any
	// load puts the first n images of what clone or encoded has given into the
	// slots from slot on. keep says that data is the store's from now on.
	load(slot, n int, data any, keep bool)
	// encoded returns images of any number as the store keeps them, rounded to
	// the nearest.
	encoded(images []float32) any
}

// newStore returns a store of so many slots for images of size values between lo
// and hi.
func newStore(precision string, slots, size int, lo, hi float32) store {
	switch precision {
	case Float16:
		return newChunks[checkpoint.Half](halves{lo, hi}, slots, size, 2)
	case Uint8:
		return newChunks[uint8](newLevels(lo, hi), slots, size, 1)
	}
	return newChunks[float32](plain{}, slots, size, 4)
}

// chunkBytes is what a chunk takes, unless a single image takes more. A few
// hundred of them make a large buffer, and one is little beside a network.
const chunkBytes = 1 << 20

// chunks is a store of one precision.
type chunks[T value] struct {
	codec codec[T]
	size  int   // values of an image
	slots int   // of all chunks
	each  int   // slots of a chunk, a power of two
	list  [][]T // nil where nothing has been put
}

func newChunks[T value](c codec[T], slots, size, width int) *chunks[T] {
	s := &chunks[T]{codec: c, size: size, slots: slots, each: 1}
	for 2*s.each*size*width <= chunkBytes {
		s.each *= 2
	}
	s.list = make([][]T, (slots+s.each-1)/s.each)
	return s
}

// chunk returns chunk i, whose images are black or gray at first.
func (s *chunks[T]) chunk(i int) []T {
	if s.list[i] == nil {
		s.list[i] = make([]T, min(s.each, s.slots-i*s.each)*s.size)
	}
	return s.list[i]
}

func (s *chunks[T]) image(slot int) []T {
	at := slot % s.each * s.size
	return s.chunk(slot / s.each)[at : at+s.size]
}

func (s *chunks[T]) read(dst []float32, slot int) { s.codec.decode(dst, s.image(slot)) }

func (s *chunks[T]) write(slot int, src []float32, d dither) { s.codec.encode(s.image(slot), src, d) }

// part returns the images from a slot on that lie in its chunk, at most n.
func (s *chunks[T]) part(slot, n int) []T {
	rest := s.chunk(slot / s.each)[slot%s.each*s.size:]
	return rest[:min(n*s.size, len(rest))]
}

func (s *chunks[T]) parts(slot, n int) any {
	var list [][]T
	for n > 0 {
		p := s.part(slot, n)
		list = append(list, p)
		images := len(p) / s.size
		slot, n = (slot+images)%s.slots, n-images
	}
	return list
}

func (s *chunks[T]) clone(slot, n int) any {
	data := make([]T, 0, n*s.size)
	for _, p := range s.parts(slot, n).([][]T) {
		data = append(data, p...)
	}
	return data
}

func (s *chunks[T]) load(slot, n int, data any, keep bool) {
	for from := data.([]T); n > 0; {
		images := s.each - slot%s.each
		if i := slot / s.each; keep && images == s.each && n >= images && s.list[i] == nil && slot+images <= s.slots {
			s.list[i] = from[: images*s.size : images*s.size] // no second copy of a large buffer
		} else {
			images = copy(s.part(slot, n), from) / s.size
		}
		slot, n, from = (slot+images)%s.slots, n-images, from[images*s.size:]
	}
}

func (s *chunks[T]) encoded(images []float32) any {
	data := make([]T, len(images))
	s.codec.encode(data, images, dither{})
	return data
}
