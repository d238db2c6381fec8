package joule_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/toy"
)

// TestEnergiesAtOnce: goroutines that ask one model at the same time get the same
// bits.
func TestEnergiesAtOnce(t *testing.T) {
	m := joule.TinyTrainer(t, joule.TinyConfig()).Model()
	c, h, w := m.Shape()
	images := make([]float32, 11*c*h*w)
	for i := range images {
		images[i] = float32(i%17)/8 - 1
	}
	want := make([]float32, 11)
	m.Energies(want, images)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got := make([]float32, 11)
			for range 5 {
				m.Energies(got, images)
				if !slices.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
			}
		})
	}
	group.Wait()
}

func TestCheckImages(t *testing.T) {
	m := joule.TinyTrainer(t, joule.TinyConfig()).Model()
	set := toy.Strokes(5)
	size := set.Size()
	good := make([]float32, 5*size)
	for i := range 5 {
		set.Image(good[i*size:(i+1)*size], i)
	}
	scaled := func(by, add float32) []float32 {
		v := slices.Clone(good)
		for i := range v {
			v[i] = v[i]*by + add
		}
		return v
	}
	bad := slices.Clone(good)
	bad[3] = float32(math.NaN())
	white := slices.Repeat([]float32{1}, size)
	for name, test := range map[string]struct {
		images []float32
		want   string
	}{
		"good": {good, ""}, "white": {white, ""}, "with noise": {scaled(1.4, 0), ""},
		"bytes": {scaled(127.5, 127.5), "values from 0 to 255"}, "unit": {scaled(0.5, 0.5), "they seem to be of [0, 1]"},
		"normalised": {scaled(3, 0), "values from -3 to 3"}, "none": {nil, "0 values"}, "part": {good[1:], "are no images of"}, "nan": {bad, "value 3 is NaN"},
	} {
		err := m.CheckImages(test.images)
		var e *dataset.Error
		if (err == nil) != (test.want == "") || err != nil && (!errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
