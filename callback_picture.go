package joule

import (
	"context"
	"fmt"
	"io"

	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/random"
)

// due reports whether something that happens every n epochs, never where n is
// 0, happens after this one.
func due(n, epoch int) bool { return n > 0 && epoch%n == 0 }

// sample draws chains from the trainer's model as it is, always from the same
// noise, so that the pictures of a run show the same chains. It is not
// interrupted: it takes about as long as ten batches, and the epoch would lack
// its picture.
func (t *Trainer) sample(chains, steps, every int) (*Model, SampleConfig, *Samples, error) {
	c := t.cfg.Generation()
	c.N, c.Sampler.Steps, c.Every, c.Threads = chains, steps, every, t.engine.Threads()
	m := t.Model()
	m.path = t.modelPath
	s, err := m.Sample(context.Background(), c)
	return m, c, s, err
}

// Generate is a callback that draws chains from uniform noise and shows
// pictures of each on its way: the document's GenerateCallback, which has 8
// chains of 256 steps with 8 pictures each. Chain i is logged as
// "generation_i", and all in rows as the file samples/chain=E.png.
type Generate struct {
	Chains, Steps int
	Pictures      int // of each chain, evenly apart, the last after the last step
	EveryNEpochs  int // 0 never
}

// OnEpoch draws and logs the chains.
func (c *Generate) OnEpoch(t *Trainer, e EpochInfo) error {
	if !due(c.EveryNEpochs, e.Epoch) || c.Steps < c.Pictures {
		return nil
	}
	m, cfg, s, err := t.sample(c.Chains, c.Steps, c.Steps/c.Pictures)
	if err != nil {
		return err
	}
	r := Record{Epoch: e.Epoch, Step: e.Step, Figures: []Figure{{
		File:   fmt.Sprintf("samples/chain=%d.png", e.Epoch),
		Encode: func(w io.Writer) error { return WriteFilmstrip(w, m, cfg, s) },
	}}}
	for i := range c.Chains {
		r.Figures = append(r.Figures, Figure{
			Tag:    fmt.Sprintf("generation_%d", i),
			Encode: func(w io.Writer) error { return writeChain(w, s, cfg, i) },
		})
	}
	return t.Log(r)
}

// writeChain writes the pictures of one chain side by side.
func writeChain(w io.Writer, s *Samples, c SampleConfig, i int) error {
	size := s.C * s.H * s.W
	var strip []float32
	for _, f := range s.Frames {
		strip = append(strip, f[i*size:(i+1)*size]...)
	}
	opt := grid.DefaultOptions()
	opt.Columns, opt.Lo, opt.Hi = len(s.Frames), c.Sampler.Min, c.Sampler.Max
	return grid.EncodePNG(w, grid.Make(strip, len(s.Frames), s.C, s.H, s.W, opt), nil)
}

// SampleGrid is a callback that draws samples and shows them in rows of eight,
// as "samples" and the file samples/epoch=E.png.
type SampleGrid struct {
	Chains, Steps int
	EveryNEpochs  int // 0 never
}

// OnEpoch draws and logs the samples.
func (c *SampleGrid) OnEpoch(t *Trainer, e EpochInfo) error {
	if !due(c.EveryNEpochs, e.Epoch) {
		return nil
	}
	m, cfg, s, err := t.sample(c.Chains, c.Steps, 0)
	if err != nil {
		return err
	}
	return t.Log(Record{Epoch: e.Epoch, Step: e.Step, Figures: []Figure{{
		Tag:    "samples",
		File:   fmt.Sprintf("samples/epoch=%d.png", e.Epoch),
		Encode: func(w io.Writer) error { return WriteSamples(w, m, cfg, s) },
	}}})
}

// BufferSnapshot is a callback that shows images drawn from the replay buffer,
// as "replay_buffer" and the file samples/buffer=E.png.
type BufferSnapshot struct {
	Images       int
	EveryNEpochs int // 0 never
}

// OnEpoch draws and logs the images.
func (c *BufferSnapshot) OnEpoch(t *Trainer, e EpochInfo) error {
	if !due(c.EveryNEpochs, e.Epoch) {
		return nil
	}
	in, opt := t.net.Input(), grid.DefaultOptions()
	images := make([]float32, c.Images*in.Len())
	t.snapshot(images, 0)
	opt.Lo, opt.Hi = t.cfg.Sampler.Min, t.cfg.Sampler.Max
	return t.Log(Record{Epoch: e.Epoch, Step: e.Step, Figures: []Figure{{
		Tag:  "replay_buffer",
		File: fmt.Sprintf("samples/buffer=%d.png", e.Epoch),
		Encode: func(w io.Writer) error {
			return grid.EncodePNG(w, grid.Make(images, c.Images, in.C, in.H, in.W, opt), nil)
		},
	}}})
}

// snapshot fills x with images drawn from the buffer, uniformly with
// replacement: the first'th and those that follow.
func (t *Trainer) snapshot(x []float32, first int) {
	size, s := t.net.Input().Len(), t.stream(random.Snapshot)
	for i := range len(x) / size {
		w := s.Words(uint32(first+i), uint32(t.place.Step), 0)
		copy(x[i*size:(i+1)*size], t.replay.at(int(uint64(w[0])*uint64(t.replay.n)>>32)))
	}
}

// energies computes those of images that fill makes, a batch at a time in
// the trainer's own memory: x is to hold the first'th and those that follow.
func (t *Trainer) energies(energy []float32, fill func(x []float32, first int)) {
	size := t.net.Input().Len()
	for first := 0; first < len(energy); first += t.cfg.BatchSize {
		n := min(t.cfg.BatchSize, len(energy)-first)
		x := t.images[1][:n*size]
		fill(x, first)
		t.judge().Energies(energy[first:first+n], x)
	}
}

// Outliers is a callback that logs the mean f = −E of images of uniform noise
// as "rand_out": what the model thinks of images that are nothing like its
// data.
type Outliers struct {
	Images       int
	EveryNEpochs int // 0 never
}

// OnEpoch draws and judges the images.
func (c *Outliers) OnEpoch(t *Trainer, e EpochInfo) error {
	if !due(c.EveryNEpochs, e.Epoch) {
		return nil
	}
	size, s := t.net.Input().Len(), t.stream(random.Outliers)
	energy := make([]float32, c.Images)
	t.energies(energy, func(x []float32, first int) {
		for i := range len(x) / size {
			s.Uniform(x[i*size:(i+1)*size], uint32(first+i), uint32(e.Epoch), t.cfg.Sampler.Min, t.cfg.Sampler.Max)
		}
	})
	return t.Log(Record{Epoch: e.Epoch, Step: e.Step, Scalars: map[string]float64{tagOutliers: -mean(energy)}})
}

// Histograms is a callback that logs the distributions of the weights, as
// "weights/" and their names, and of energies: "energy/validation" of held-out
// images and "energy/replay_buffer" of samples.
type Histograms struct {
	EveryNEpochs int // 0 never
}

// OnEpoch logs the distributions.
func (c *Histograms) OnEpoch(t *Trainer, e EpochInfo) error {
	if !due(c.EveryNEpochs, e.Epoch) {
		return nil
	}
	const samples = 1024
	energy := make([]float32, samples)
	t.energies(energy, t.snapshot)
	r := Record{Epoch: e.Epoch, Step: e.Step, Histograms: []Histogram{
		{Tag: "energy/validation", Values: t.validation.Validation},
		{Tag: "energy/replay_buffer", Values: energy},
	}}
	for _, v := range t.net.Named(t.weights()) {
		r.Histograms = append(r.Histograms, Histogram{Tag: "weights/" + v.Name, Values: v.Data})
	}
	return t.Log(r)
}
