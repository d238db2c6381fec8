package dataset

import (
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

func TestMove(t *testing.T) {
	s := lane.Shape{C: 2, H: 2, W: 3}
	image := []float32{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16}
	for _, c := range []struct {
		dx, dy int
		flip   bool
		want   []float32
	}{
		{0, 0, false, image},
		{1, 0, false, []float32{1, 1, 2, 4, 4, 5, 11, 11, 12, 14, 14, 15}},
		{-1, 0, false, []float32{2, 3, 3, 5, 6, 6, 12, 13, 13, 15, 16, 16}},
		{0, 1, false, []float32{1, 2, 3, 1, 2, 3, 11, 12, 13, 11, 12, 13}},
		{0, -1, true, []float32{6, 5, 4, 6, 5, 4, 16, 15, 14, 16, 15, 14}},
		{1, 0, true, []float32{3, 3, 2, 6, 6, 5, 13, 13, 12, 16, 16, 15}},
		{64, -64, false, []float32{4, 4, 4, 4, 4, 4, 14, 14, 14, 14, 14, 14}},
	} {
		got := make([]float32, len(image))
		Move(got, image, s, c.dx, c.dy, c.flip)
		if !slices.Equal(got, c.want) {
			t.Errorf("moved by %d, %d, mirrored %v: %v, want %v", c.dx, c.dy, c.flip, got, c.want)
		}
	}
}

// TestAugment: every move comes as often as the others, and mirrored images as
// often as is asked for.
func TestAugment(t *testing.T) {
	s := lane.Shape{C: 1, H: 12, W: 12}
	c := Augment{Shift: 2, Flip: 0.25}
	const slots, steps = 8, 500
	counts := map[[3]int]int{}
	for step := range steps {
		images := make([]float32, slots*144)
		for slot := range slots {
			images[slot*144+5*12+3] = 1 // and its mirror image is elsewhere:
			images[slot*144+6*12+3] = 2
			images[slot*144+6*12+4] = 3
		}
		c.Apply(images, make([]float32, 144), s, random.Stream{Seed: 5, Purpose: random.Augment}, uint32(step))
		for slot := range slots {
			image := images[slot*144:][:144]
			at, flip := slices.Index(image, 1), 0
			if x := slices.Index(image, 3) - slices.Index(image, 2); x < 0 {
				flip = 1
				at -= 12 - 1 - 3 - 3 // from the mirror image's place
			}
			counts[[3]int{at/12 - 5, at%12 - 3, flip}]++
		}
	}
	if len(counts) != 50 {
		t.Errorf("%d ways to move, want 50: %v", len(counts), counts)
	}
	mirrored := 0
	for way, n := range counts {
		if way[2] == 1 {
			mirrored += n
		}
		if want := []float64{120, 40}[way[2]]; math.Abs(float64(n)-want) > 5*math.Sqrt(want) {
			t.Errorf("moved by %v %d times, want about %v", way, n, want)
		}
	}
	if mirrored < 900 || mirrored > 1100 { // mean 1000, deviation 27
		t.Errorf("%d of 4000 are mirrored, want 1000", mirrored)
	}
}

// TestAugmentOff: without it nothing is touched.
func TestAugmentOff(t *testing.T) {
	images := []float32{1, 2, 3, 4}
	Augment{}.Apply(images, nil, lane.Shape{C: 1, H: 2, W: 2}, random.Stream{}, 0)
	if !slices.Equal(images, []float32{1, 2, 3, 4}) {
		t.Errorf("images that were not to be changed are %v", images)
	}
}
