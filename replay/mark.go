package replay

import "github.com/joule-ml/joule/random"

// A Mark is a state of the buffer to go back to. Where images leave the buffer
// by age alone, it is a place in the ring, and lasts until a new image
// overwrites its oldest one. That of a reservoir is a copy.
type Mark struct {
	total, n int
	images   any // a copy as the store makes it, newest first; nil for a place in the ring
}

// Mark returns the buffer as it is now.
func (b *Buffer) Mark() Mark {
	m := Mark{total: b.total, n: b.n}
	if b.reservoir {
		m.images = b.images.clone(b.head, b.n)
	}
	return m
}

// reach returns how many images of the ring, from the newest on, hold all those
// of m. It is 0 where m has a copy.
func (b *Buffer) reach(m Mark) int {
	if m.images != nil {
		return 0
	}
	return b.Age(m) + m.n
}

// Holds reports whether m is still there to go back to.
func (b *Buffer) Holds(m Mark) bool { return b.reach(m) <= b.room }

// Len returns the number of images that the buffer had.
func (m Mark) Len() int { return m.n }

// Age returns the number of images that were put since m.
func (b *Buffer) Age(m Mark) int { return b.total - m.total }

// Back makes the buffer what it was at m.
func (b *Buffer) Back(m Mark) {
	if m.images == nil {
		b.head = (b.head + b.Age(m)) % b.room
	} else {
		b.images.load(b.head, m.n, m.images, false)
	}
	b.total, b.n = m.total, m.n
}

// Renew puts uniform noise in the place of every nth image.
func (b *Buffer) Renew(s random.Stream, n int) {
	for i := 0; i < b.n; i += n {
		s.Uniform(b.one, uint32(i), 0, b.lo, b.hi)
		b.Set(i, b.one)
		if b.ages != nil {
			b.ages[b.slot(i)] = 0
		}
	}
}
