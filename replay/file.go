package replay

import (
	"math"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/weights"
)

// Save adds the buffer's images to a checkpoint, as they are kept and where they
// are, which takes no second copy of them: the file has to be written before the
// buffer is used again. SaveOlder follows, and before it SaveMark of each state
// that is kept.
func (b *Buffer) Save(f *checkpoint.File) {
	f.Tensors = append(f.Tensors, b.tensor(weights.Replay, b.n, b.images.parts(b.head, b.n)))
	if b.precision == Uint8 {
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: weights.Range, Shape: []int{2}, Data: []float32{b.lo, b.hi}})
	}
}

func (b *Buffer) tensor(name string, n int, images any) checkpoint.Tensor {
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
		f.Tensors = append(f.Tensors, b.tensor(weights.GuardReplay, older, b.images.parts(b.slot(b.n), older)))
	}
	if b.ages != nil {
		data := make([]float32, len(b.ages))
		for i := range data {
			data[i] = float32(b.ages[b.slot(i)])
		}
		f.Tensors = append(f.Tensors, checkpoint.Tensor{Name: weights.Ages, Shape: []int{len(data)}, Data: data})
	}
}

// Load takes up an empty buffer's images, and the ages of the ring's; without
// any all chains are young. LoadOlder and LoadMark follow where states are
// kept. What f has of the images is the buffer's from then on. Images of another
// precision are rounded.
func (b *Buffer) Load(f *checkpoint.File) error {
	saved := f.Lookup(weights.Replay)
	if saved == nil || len(saved.Shape) != 4 || saved.Shape[0] < 1 || saved.Shape[0] > b.limit {
		return weights.Damaged("replay buffer is missing or not of 1 to %d images", b.limit)
	}
	n := saved.Shape[0]
	images, err := b.saved(f, weights.Replay, n)
	if err != nil {
		return err
	}
	b.images.load(0, n, images, true)
	b.head, b.n, b.total = 0, n, n
	return b.loadAges(f)
}

// saved returns the n images of a tensor as the buffer keeps them. It has the
// tensor.
func (b *Buffer) saved(f *checkpoint.File, name string, n int) (any, error) {
	shape := []int{n, b.shape.C, b.shape.H, b.shape.W}
	switch f.Lookup(name).Data.(type) {
	case []checkpoint.Half:
		if b.precision == Float16 {
			return f.Halves(name, shape...)
		}
	case []uint8:
		return b.savedLevels(f, name, shape)
	}
	images, err := f.Float32(name, shape...)
	if err != nil || b.precision == Float32 {
		return images, err
	}
	return b.images.encoded(images), nil
}

// savedLevels is saved for levels, which may be those of another range.
func (b *Buffer) savedLevels(f *checkpoint.File, name string, shape []int) (any, error) {
	data, err := f.Uint8(name, shape...)
	if err != nil {
		return nil, err
	}
	r, err := f.Float32(weights.Range, 2)
	if err != nil {
		return nil, err
	}
	switch {
	case !(r[0] < r[1] && r[1]-r[0] <= math.MaxFloat32):
		return nil, weights.Damaged("the replay buffer has values from %v to %v", r[0], r[1])
	case b.precision == Uint8 && r[0] == b.lo && r[1] == b.hi:
		return data, nil
	}
	images := make([]float32, len(data))
	newLevels(r[0], r[1]).decode(images, data)
	if b.precision == Float32 {
		return images, nil
	}
	return b.images.encoded(images), nil
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
		b.ages[b.slot(i)] = uint16(age)
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
	images, err := b.saved(f, weights.GuardReplay, saved.Shape[0])
	if err != nil {
		return err
	}
	b.images.load(b.slot(b.n), min(saved.Shape[0], b.room-b.n), images, true)
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
		m.images, err = b.saved(f, prefix+weights.Replay, n)
	}
	return m, copied || !b.reservoir, err
}
