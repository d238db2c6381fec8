package joule

import (
	"fmt"
	"math"

	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/guard"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/setting"
)

// Sets returns the images of two sets that a training with these settings trains
// on, and those that it validates on.
func (c Config) Sets(train, val *dataset.Set) (_, _ *dataset.Set, err error) {
	return c.sets(train, val)
}

// CheckSets reports what keeps a training with these settings from beginning with
// these images, the network apart, which [Config.MemoryUse] checks.
func (c Config) CheckSets(train, val *dataset.Set) error { return c.fit(train, val) }

// sets checks the settings and the images together, and splits off the images
// that are held out.
func (c *Config) sets(train, val *dataset.Set) (_, _ *dataset.Set, err error) {
	if err := c.fit(train, val); err != nil {
		return nil, nil, err
	}
	if c.Holdout > 0 {
		n := c.heldOut(train.N)
		train, val = train.Split(n)
	}
	return train, val, nil
}

// fit checks the settings and the images together, and makes those settings fit
// that may be made to.
func (c *Config) fit(train, val *dataset.Set) error {
	if err := c.validate(c.kept()); err != nil {
		return err
	}
	if err := c.checkSets(train, val); err != nil {
		return err
	}
	shape := lane.Shape{C: train.C, H: train.H, W: train.W}
	if n := int64(c.Buffer.Size) * int64(shape.Len()); n > maxValues {
		return &setting.Error{Key: "buffer.size", Problem: fmt.Sprintf("%d images of %d×%d×%d are more than %d values", c.Buffer.Size, shape.C, shape.H, shape.W, maxValues),
			Hint: fmt.Sprintf("set it to %d or less, or take smaller images", maxValues/shape.Len())}
	}
	return c.fitGuard(shape)
}

// checkSets reports sets that cannot be trained on.
func (c *Config) checkSets(train, val *dataset.Set) error {
	sets, names := []*dataset.Set{train, val}, []string{"training images", "validation images"}
	if c.Holdout > 0 { // val is not used
		sets = sets[:1]
	}
	for i, s := range sets {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("joule: %s: %w", names[i], err)
		}
		if s.N == 0 {
			return fmt.Errorf("joule: %s: %w", names[i], &dataset.Error{File: s.Name, What: "no images", Hint: "give at least one image to train on and one to validate on"})
		}
	}
	if v := sets[len(sets)-1]; v.C != train.C || v.H != train.H || v.W != train.W {
		return &dataset.Error{File: v.Name, What: fmt.Sprintf("training images are %d×%d×%d, validation images %d×%d×%d", train.C, train.H, train.W, v.C, v.H, v.W),
			Hint: "give both sets one shape: channels, height, width"}
	}
	if train.C != 1 && train.C != 3 {
		return fmt.Errorf("joule: %s: %w", names[0], &dataset.Error{File: train.Name, What: fmt.Sprintf("images of %d channels, which cannot be shown", train.C),
			Hint: "give images of 1 channel, gray, or of 3, colour"})
	}
	if c.Holdout > 0 && train.N < 2 {
		return &setting.Error{Key: "holdout", Problem: "there is one image, and none is left to train on", Hint: "set holdout=0, or add images"}
	}
	want, has := c.Image, ImageConfig{Height: train.H, Width: train.W, Channels: train.C}
	for _, s := range []struct {
		key       string
		want, has int
	}{{"image.height", want.Height, has.Height}, {"image.width", want.Width, has.Width}, {"image.channels", want.Channels, has.Channels}} {
		if s.want != 0 && s.want != s.has {
			return &setting.Error{Key: s.key, Problem: fmt.Sprintf("%d, and that of the images is %d", s.want, s.has), Hint: "set it to 0 to take the images as they are"}
		}
	}
	return nil
}

// heldOut returns the number of images that are held out of n, at least 2. A
// number of images that does not fit becomes a tenth.
func (c *Config) heldOut(n int) int {
	if c.Holdout < 1 {
		return min(max(1, int(math.Round(c.Holdout*float64(n)))), n-1)
	}
	if c.Holdout >= float64(n) {
		c.Holdout = float64(max(1, n/10))
	}
	return int(c.Holdout)
}

// smallRoom is how many bytes of older samples the guard keeps by default where the
// replay buffer has a precision that saves memory, unless that is less than those of
// twice leastEvery steps.
const (
	smallRoom  = 128 << 20
	leastEvery = 10
)

// fitGuard makes the default distance between the guard's states smaller where
// the samples between them would be too many to hold, or take more memory than
// whoever chose another precision would spend on them. Another distance was asked
// for, and is an error where it is too many.
func (c *Config) fitGuard(shape lane.Shape) error {
	values, usual := int64(c.olderImages())*int64(shape.Len()), guard.Default()
	room, least := int64(maxValues), 0
	if n := c.Buffer.ValueBytes(); n < float && c.Guard.EveryNSteps == usual.EveryNSteps {
		room, least = smallRoom/int64(n), leastEvery
		if c.Guard.Window != usual.Window { // that was asked for
			least = c.Guard.Window
		}
	}
	if values <= room {
		return nil
	}
	each := values / int64(c.Guard.EveryNSteps)
	most := max(int(room/each), min(least, int(maxValues/each)))
	if c.Guard.EveryNSteps != usual.EveryNSteps || most == 0 {
		return &setting.Error{Key: "guard.every_n_steps", Problem: fmt.Sprintf("the samples of twice %d steps are more than %d values", c.Guard.EveryNSteps, maxValues),
			Hint: fmt.Sprintf("set it to %d or less, make batch_size or buffer.size smaller, or set guard.retries=0", max(most, 1))}
	}
	c.Guard.EveryNSteps = most
	if c.Guard.Window == usual.Window {
		c.Guard.Window = min(c.Guard.Window, most)
	}
	return setting.Under("guard", c.Guard.Validate())
}
