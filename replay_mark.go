package joule

import (
	"slices"

	"github.com/joule-ml/joule/random"
)

// A replayMark is a buffer to go back to. Where images only leave a buffer by
// age it is a place in the ring, which lasts until images are put in that of
// its last; a reservoir's is a copy.
type replayMark struct {
	total, n int
	images   []float32 // a copy, newest first; nil for a place in the ring
}

func (r *replay) mark() replayMark {
	m := replayMark{total: r.total, n: r.n}
	if r.reservoir {
		m.images = slices.Concat(r.images[r.head*r.size:], r.images[:r.head*r.size])[:r.n*r.size]
	}
	return m
}

// reach returns the number of images, the newest being the first, among which
// are all of a mark's that has no copy.
func (r *replay) reach(m replayMark) int {
	if m.images != nil {
		return 0
	}
	return r.total - m.total + m.n
}

// back makes the buffer what it was at m.
func (r *replay) back(m replayMark) {
	if m.images == nil {
		r.head = (r.head + r.total - m.total) % r.room
	} else {
		for i := range m.n {
			copy(r.at(i), m.images[i*r.size:(i+1)*r.size])
		}
	}
	r.total, r.n = m.total, m.n
}

// renew puts uniform noise in the place of every second image.
func (r *replay) renew(s random.Stream) {
	for i := 0; i < r.n; i += 2 {
		s.Uniform(r.at(i), uint32(i), 0, r.lo, r.hi)
		if r.ages != nil {
			r.ages[(r.head+i)%r.room] = 0
		}
	}
}
