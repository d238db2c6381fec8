package joule

import (
	"fmt"
	"io"
	"strconv"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/sampler"
)

// WriteSamples writes samples that m drew with the settings c as one PNG
// picture, eight in a row, whose text chunks tell how it was made.
func WriteSamples(w io.Writer, m *Model, c SampleConfig, s *Samples) error {
	if s.C != 1 && s.C != 3 {
		return fmt.Errorf("joule: images of %d channels cannot be shown, only of 1 or 3", s.C)
	}
	opt := grid.DefaultOptions()
	opt.Lo, opt.Hi = c.Sampler.Min, c.Sampler.Max
	return grid.EncodePNG(w, grid.Make(s.Images, s.N, s.C, s.H, s.W, opt), pictureText(m, c.Seed, c.Sampler))
}

// pictureText says in a picture's metadata what it shows.
func pictureText(m *Model, seed uint64, c sampler.Config) []grid.Text {
	return []grid.Text{
		{Key: "Software", Value: "joule " + Version()},
		{Key: "joule:model", Value: m.Hash()},
		{Key: "joule:seed", Value: strconv.FormatUint(seed, 10)},
		{Key: "joule:sampler", Value: fmt.Sprintf("steps=%d step_size=%v noise=%v grad_clip=%v min=%v max=%v",
			c.Steps, c.StepSize, c.Noise, c.GradClip, c.Min, c.Max)},
	}
}
