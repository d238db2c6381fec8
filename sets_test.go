package joule_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/setting"
)

// stacked returns images of more channels and as many times fewer rows.
func stacked(channels int) *dataset.Set {
	s := toy.Strokes(20)
	s.C, s.H = channels, s.H/channels
	return s
}

// TestNewTrainerSets: sets that cannot be trained on are errors that say what is
// wrong and what is wanted, not panics.
func TestNewTrainerSets(t *testing.T) {
	set := func(change func(*dataset.Set)) *dataset.Set {
		s := toy.Strokes(20)
		change(s)
		return s
	}
	good := toy.Strokes(20)
	for _, c := range []struct {
		train, val *dataset.Set
		want       string
	}{
		{nil, good, "training images: dataset: no set of images: it is nil"},
		{good, nil, "validation images: dataset: no set of images: it is nil"},
		{nil, nil, "nil"},
		{&dataset.Set{}, good, "0 images of 0×0×0"},
		{set(func(s *dataset.Set) { s.N, s.Pixels = 0, nil }), good, "no images"},
		{good, set(func(s *dataset.Set) { s.N, s.Pixels = 0, nil }), "no images"},
		{set(func(s *dataset.Set) { s.Pixels = s.Pixels[1:] }), good, "bytes of pixels for 20 images"},
		{set(func(s *dataset.Set) { s.Pixels = nil }), good, "0 bytes of pixels for 20 images"},
		{set(func(s *dataset.Set) { s.N = 1 << 62 }), good, "bytes of pixels"},
		{set(func(s *dataset.Set) { s.N = -1 }), good, "-1 images"},
		{set(func(s *dataset.Set) { s.H = 1 << 40 }), good, "×1099511627776×"},
		{good, set(func(s *dataset.Set) { s.Labels = make([]byte, 3) }), "3 labels for 20 images"},
		{set(func(s *dataset.Set) { s.Labels, s.Classes = make([]byte, 20), []string{} }), good, "label 0 of image 0, and 0 classes"},
		{good, set(func(s *dataset.Set) { s.H, s.W = s.H*2, s.W/2 }), "training images are "},
		{stacked(2), stacked(2), "strokes: images of 2 channels"},
		{stacked(4), stacked(4), "strokes: images of 4 channels"},
	} {
		_, err := joule.NewTrainer(joule.TinyConfig(), c.train, c.val)
		var bad *dataset.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || bad.Hint == "" {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	cfg := joule.TinyConfig()
	cfg.Holdout = 4
	if _, err := joule.NewTrainer(cfg, good, nil); err != nil {
		t.Errorf("without validation images, which are held out: %v", err)
	}
	cfg = joule.TinyConfig()
	cfg.Image = joule.ImageConfig{Height: 28, Width: 28}
	var key *setting.Error
	if _, err := joule.NewTrainer(cfg, good, good); !errors.As(err, &key) || key.Key != "image.height" {
		t.Errorf("images of another size than the settings': %v", err)
	}
}
