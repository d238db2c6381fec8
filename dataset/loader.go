package dataset

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/random"
)

// A Loader hands out the images of a set in batches, every image once an
// epoch. The order of an epoch is a function of the seed and the epoch alone,
// so Seek finds any place again without replaying what came before it.
type Loader struct {
	set     *Set
	batch   int
	stream  random.Stream
	shuffle bool
	epoch   int
	next    int     // the first image of the next batch, in the epoch's order
	order   []int32 // the epoch's order; nil if it is the set's own
}

// NewLoader returns a loader at the start of epoch 0. Without shuffle the
// order is the set's own in every epoch.
func NewLoader(set *Set, batch int, seed uint64, shuffle bool) *Loader {
	set.check()
	if batch <= 0 {
		panic(fmt.Sprintf("dataset: batch of %d images", batch))
	}
	if set.N > math.MaxInt32 {
		panic(fmt.Sprintf("dataset: %d images are more than a loader can order", set.N))
	}
	l := &Loader{set: set, batch: batch, shuffle: shuffle, epoch: -1,
		stream: random.Stream{Seed: seed, Purpose: random.Shuffle}}
	l.Seek(0, 0)
	return l
}

// Batches returns the number of batches of an epoch. The last one is short
// unless the batch size divides the number of images.
func (l *Loader) Batches() int { return (l.set.N + l.batch - 1) / l.batch }

// Seek goes to a batch of an epoch, both counted from 0. Batch Batches() is
// the end of the epoch.
func (l *Loader) Seek(epoch, batch int) {
	if epoch < 0 || epoch > math.MaxInt32 {
		panic(fmt.Sprintf("dataset: no epoch %d", epoch))
	}
	if batch < 0 || batch > l.Batches() {
		panic(fmt.Sprintf("dataset: no batch %d in an epoch of %d", batch, l.Batches()))
	}
	if l.shuffle && epoch != l.epoch {
		if l.order == nil {
			l.order = make([]int32, l.set.N)
		}
		l.stream.Permute(l.order, uint32(epoch))
	}
	l.epoch = epoch
	l.next = min(batch*l.batch, l.set.N)
}

// Next writes the next images to dst, N×C×H×W scaled to [−1, 1], and returns
// their number: the batch size, what is left for the last batch, 0 at the end
// of the epoch. It stays there until Seek. dst must have room for what comes.
func (l *Loader) Next(dst []float32) int { return l.NextLabelled(dst, nil) }

// NextLabelled is Next that also writes the images' labels, where labels is
// not nil. The set must have some.
func (l *Loader) NextLabelled(dst []float32, labels []byte) int {
	n, size := min(l.batch, l.set.N-l.next), l.set.Size()
	if len(dst) < n*size {
		panic(fmt.Sprintf("dataset: Next needs room for %d values, not %d", n*size, len(dst)))
	}
	for i := range n {
		image := l.next + i
		if l.order != nil {
			image = int(l.order[image])
		}
		l.set.Image(dst[i*size:(i+1)*size], image)
		if labels != nil {
			labels[i] = l.set.Labels[image]
		}
	}
	l.next += n
	return n
}
