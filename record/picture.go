package record

import (
	"context"
	"fmt"
	"io"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/random"
)

// every returns a callback that does something after every n epochs, never
// where n is 0, and after those of PictureEpochs where it is joule.Auto.
func every(t *joule.Trainer, n int, do func(joule.EpochInfo) error) joule.Callback {
	return joule.Callback{Epoch: func(e joule.EpochInfo) error {
		due := n > 0 && e.Epoch%n == 0
		if n == joule.Auto {
			due = e.Epoch == 1 || e.Epoch%PictureEpochs(t) == 0 || e.Epoch == t.Config().Epochs
		}
		if !due {
			return nil
		}
		return do(e)
	}}
}

// PictureEpochs returns how many epochs are between two pictures where the
// settings leave that to joule.Auto: as many as make the chains that are drawn for
// pictures a twentieth of the training's, or less. There are pictures of the first
// and the last epoch, too.
func PictureEpochs(t *joule.Trainer) int {
	c := t.Config()
	if c.Objective.Generates() {
		return 1 // a picture takes less than a step
	}
	pictures := c.Generate.Chains*c.Generate.Steps + c.Filmstrip.Chains*c.Filmstrip.Steps
	epoch := t.Batches() * c.BatchSize
	if t.Buffer() != nil { // else there is one step for each image, not a chain
		epoch *= max(1, c.Sampler.Steps)
	}
	const share = 20
	return max(1, (share*pictures+epoch-1)/epoch)
}

// modelBeside is where pictures in a run's folder say that the model is.
const modelBeside = "../model.safetensors"

// drawing is samples of a trainer's model.
type drawing struct {
	model   *joule.Model
	cfg     joule.SampleConfig
	samples *joule.Samples
}

// newDrawing draws chains from the trainer's model as it is, always from the same
// noise, so that the pictures of a run show the same chains. It is not
// interrupted: it takes about as long as ten batches, and the epoch would lack
// its picture.
func newDrawing(t *joule.Trainer, chains, steps, every int) (*drawing, error) {
	d := &drawing{model: t.Model(), cfg: t.Config().Generation()}
	d.cfg.N, d.cfg.Sampler.Steps, d.cfg.Every, d.cfg.Threads = chains, steps, every, t.Threads()
	var err error
	d.samples, err = t.Sample(context.Background(), d.cfg)
	return d, err
}

// write writes a picture of a kind.
func (d *drawing) write(w io.Writer, kind string) error {
	p, err := picture.DefaultLayout(kind).Fit(d.cfg, d.samples.C, d.samples.H, d.samples.W)
	if err != nil {
		return err
	}
	v := picture.Describe(d.model, d.cfg, p)
	v.Path = modelBeside
	return v.Write(w, d.samples)
}

// Filmstrip returns a callback that draws chains from uniform noise and shows
// pictures of each on its way, evenly apart, the last after the last step; where a
// generator makes the samples it shows nothing. Chain
// i is logged as "generation_i", and all in rows as the file samples/chain=E.png.
func Filmstrip(t *joule.Trainer, c joule.FilmstripConfig) joule.Callback {
	if t.Config().Objective.Generates() {
		return joule.Callback{} // a generator has nothing on the way
	}
	return every(t, c.EveryNEpochs, func(e joule.EpochInfo) error {
		if c.Steps < c.Pictures {
			return nil
		}
		d, err := newDrawing(t, c.Chains, c.Steps, c.Steps/c.Pictures)
		if err != nil {
			return err
		}
		r := joule.Record{Epoch: e.Epoch, Step: e.Step, Figures: []joule.Figure{{
			File:   fmt.Sprintf("samples/chain=%d.png", e.Epoch),
			Encode: func(w io.Writer) error { return d.write(w, picture.Filmstrip) },
		}}}
		for i := range c.Chains {
			r.Figures = append(r.Figures, joule.Figure{
				Tag:    fmt.Sprintf("generation_%d", i),
				Encode: func(w io.Writer) error { return d.writeChain(w, i) },
			})
		}
		return t.Log(r)
	})
}

// writeChain writes the pictures of one chain side by side.
func (d *drawing) writeChain(w io.Writer, i int) error {
	s := d.samples
	size := s.C * s.H * s.W
	var strip []float32
	for _, f := range s.Frames {
		strip = append(strip, f[i*size:(i+1)*size]...)
	}
	opt := grid.DefaultOptions()
	opt.Columns, opt.Lo, opt.Hi = len(s.Frames), d.cfg.Sampler.Min, d.cfg.Sampler.Max
	return grid.EncodePNG(w, grid.Make(strip, len(s.Frames), s.C, s.H, s.W, opt), nil)
}

// SampleGrid returns a callback that draws samples and shows them in rows of
// eight, as "samples" and the file samples/epoch=E.png.
func SampleGrid(t *joule.Trainer, c joule.GenerateConfig) joule.Callback {
	return every(t, c.EveryNEpochs, func(e joule.EpochInfo) error {
		d, err := newDrawing(t, c.Chains, c.Steps, 0)
		if err != nil {
			return err
		}
		return t.Log(joule.Record{Epoch: e.Epoch, Step: e.Step, Figures: []joule.Figure{{
			Tag:    "samples",
			File:   fmt.Sprintf("samples/epoch=%d.png", e.Epoch),
			Encode: func(w io.Writer) error { return d.write(w, picture.Grid) },
		}}})
	})
}

// Snapshot returns a callback that shows images drawn from the replay
// buffer, as "replay_buffer" and the file samples/buffer=E.png.
func Snapshot(t *joule.Trainer, c joule.SnapshotConfig) joule.Callback {
	if t.Buffer() == nil {
		return joule.Callback{}
	}
	return every(t, c.EveryNEpochs, func(e joule.EpochInfo) error {
		channels, h, w := t.Shape()
		opt, cfg := grid.DefaultOptions(), t.Config()
		images := make([]float32, c.Images*channels*h*w)
		t.Buffer().Show(images, t.Stream(random.Snapshot), 0, uint32(e.Step))
		opt.Lo, opt.Hi = cfg.Sampler.Min, cfg.Sampler.Max
		return t.Log(joule.Record{Epoch: e.Epoch, Step: e.Step, Figures: []joule.Figure{{
			Tag:  "replay_buffer",
			File: fmt.Sprintf("samples/buffer=%d.png", e.Epoch),
			Encode: func(out io.Writer) error {
				// By its text a folder of images leaves it out.
				text := picture.Describe(t.Model(), cfg.Generation(), picture.Layout{}).Text()
				return grid.EncodePNG(out, grid.Make(images, c.Images, channels, h, w, opt), text)
			},
		}}})
	})
}
