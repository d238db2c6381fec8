package replay

import (
	"math"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// Save adds the buffer's images to a checkpoint. It turns the ring so that they
// stand in order, which takes no second copy of the buffer. SaveOlder follows,
// and before it SaveMark of each state that is kept.
func (b *Buffer) Save(f *checkpoint.File) {
	rotate(b.images, b.head*b.size)
	if b.ages != nil {
		rotate(b.ages, b.head)
	}
	b.head = 0
	f.Tensors = append(f.Tensors, b.tensor(weights.Replay, b.n, b.images[:b.n*b.size]))
}

func (b *Buffer) tensor(name string, n int, images []float32) checkpoint.Tensor {
	return checkpoint.Tensor{Name: name, Shape: []int{n, b.shape.C, b.shape.H, b.shape.W}, Data: images}
}

// SaveMark adds the copy that a reservoir's mark has.
func (b *Buffer) SaveMark(f *checkpoint.File, prefix string, m Mark) {
	if m.images != nil {
		f.Tensors = append(f.Tensors, b.tensor(prefix+weights.Replay, m.n, m.images))
	}
}

// SaveOlder adds the images that only the marks have, and the ages of all.
func (b *Buffer) SaveOlder(f *checkpoint.File, marks []Mark) {
	images := b.n
	for _, m := range marks {
		images = max(images, b.reach(m))
	}
	if older := images - b.n; older > 0 {
		// The ring was turned: these come next in it.
		f.Tensors = append(f.Tensors, b.tensor(weights.GuardReplay, older, b.images[b.n*b.size:images*b.size]))
	}
	if b.ages != nil {
		data := make([]float32, len(b.ages))
		for i, age := range b.ages {
			data[i] = float32(age)
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: weights.Ages, Shape: []int{len(data)}, Data: data})
	}
}

// rotate moves the first n values of v to its end, by three reversals.
func rotate[T any](v []T, n int) {
	for _, part := range [][]T{v[:n], v[n:], v} {
		for i, j := 0, len(part)-1; i < j; i, j = i+1, j-1 {
			part[i], part[j] = part[j], part[i]
		}
	}
}

// Load takes up an empty buffer's images, and the ages of the ring's; without
// any all chains are young. LoadOlder and LoadMark follow where states are
// kept.
func (b *Buffer) Load(f *checkpoint.File) error {
	saved := f.Lookup(weights.Replay)
	if saved == nil || len(saved.Shape) != 4 || saved.Shape[0] < 1 || saved.Shape[0] > b.limit {
		return weights.Damaged("replay buffer is missing or not of 1 to %d images", b.limit)
	}
	images, err := b.load(f, weights.Replay, saved.Shape[0])
	if err != nil {
		return err
	}
	b.put(images)
	return b.loadAges(f)
}

func (b *Buffer) load(f *checkpoint.File, name string, n int) ([]float32, error) {
	return f.Float32(name, n, b.shape.C, b.shape.H, b.shape.W)
}

func (b *Buffer) loadAges(f *checkpoint.File) error {
	saved := f.Lookup(weights.Ages)
	if b.ages == nil || saved == nil {
		return nil
	}
	if len(saved.Shape) != 1 || saved.Shape[0] < b.n {
		return weights.Damaged("ages of the replay buffer have the shape %v", saved.Shape)
	}
	ages, err := f.Float32(weights.Ages, saved.Shape[0])
	if err != nil {
		return err
	}
	for i, age := range ages[:min(len(ages), b.room)] {
		if !(age >= 0 && age <= math.MaxUint16) {
			return weights.Damaged("an image of the replay buffer has the age %v", age)
		}
		b.ages[(b.head+i)%b.room] = uint16(age)
	}
	return nil
}

// LoadOlder puts the images that only marks have behind the others. A ring that
// has become smaller takes as many as it has room for.
func (b *Buffer) LoadOlder(f *checkpoint.File) error {
	saved := f.Lookup(weights.GuardReplay)
	if saved == nil {
		return nil
	}
	if len(saved.Shape) != 4 || saved.Shape[0] < 1 {
		return weights.Damaged("the guard's images have the shape %v", saved.Shape)
	}
	images, err := b.load(f, weights.GuardReplay, saved.Shape[0])
	if err != nil {
		return err
	}
	for i := range min(saved.Shape[0], b.room-b.n) {
		copy(b.Image(b.n+i), images[i*b.size:(i+1)*b.size])
	}
	return nil
}

// LoadMark returns the mark of n images that was made age images ago. ok is
// false where the buffer has become a reservoir since, which has none of them.
func (b *Buffer) LoadMark(f *checkpoint.File, prefix string, age, n int) (m Mark, ok bool, err error) {
	older := 0
	if saved := f.Lookup(weights.GuardReplay); saved != nil {
		older = saved.Shape[0]
	}
	copied := f.Lookup(prefix+weights.Replay) != nil
	if n < 1 || n > b.limit || age < 0 || age > math.MaxInt32 || !copied && age > b.n+older-n {
		return m, false, weights.Damaged("%d images from %d ago are out of range", n, age)
	}
	m = Mark{total: b.total - age, n: n}
	if copied {
		m.images, err = b.load(f, prefix+weights.Replay, n)
	}
	return m, copied || !b.reservoir, err
}
