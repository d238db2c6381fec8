package record

import (
	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
)

// energies computes those of images that fill makes, a batch at a time: x is to
// hold the first'th and those that follow.
func energies(t *joule.Trainer, n int, fill func(x []float32, first int)) []float32 {
	c, h, w := t.Shape()
	size, batch := c*h*w, t.Config().BatchSize
	energy, images := make([]float32, n), make([]float32, min(n, batch)*size)
	for first := 0; first < n; first += batch {
		m := min(batch, n-first)
		fill(images[:m*size], first)
		t.Engine().Energies(energy[first:first+m], images[:m*size])
	}
	return energy
}

// Outliers returns a callback that logs the mean energy of images of uniform
// noise: what the model thinks of images that are nothing like its data.
func Outliers(t *joule.Trainer, c joule.OutlierConfig) joule.Callback {
	figure := metric.Named(metric.Outliers)[0]
	return every(t, c.EveryNEpochs, func(e joule.EpochInfo) error {
		s, cfg := t.Stream(random.Outliers), t.Config()
		channels, h, w := t.Shape()
		size := channels * h * w
		energy := energies(t, c.Images, func(x []float32, first int) {
			for i := range len(x) / size {
				s.Uniform(x[i*size:(i+1)*size], uint32(first+i), uint32(e.Epoch), cfg.Sampler.Min, cfg.Sampler.Max)
			}
		})
		var sum float64
		for _, v := range energy {
			sum += float64(v)
		}
		return t.Log(joule.Record{Epoch: e.Epoch, Step: e.Step, Scalars: map[string]float64{figure.Column: figure.In(sum / float64(len(energy)))}})
	})
}

// Histograms returns a callback that logs the distributions of the weights, as
// "weights/" and their names, and of energies: "energy/validation" of held-out
// images and "energy/replay_buffer" of samples.
func Histograms(t *joule.Trainer, c joule.LogConfig) joule.Callback {
	return every(t, c.HistogramsEveryNEpochs, func(e joule.EpochInfo) error {
		m := t.Model()
		r := joule.Record{Epoch: e.Epoch, Step: e.Step, Histograms: []joule.Histogram{{Tag: "energy/validation", Values: m.Card().Validation}}}
		if b := t.Buffer(); b != nil {
			const samples = 1024
			r.Histograms = append(r.Histograms, joule.Histogram{Tag: "energy/replay_buffer", Values: energies(t, samples, func(x []float32, first int) {
				b.Show(x, t.Stream(random.Snapshot), first, uint32(e.Step))
			})})
		}
		for _, v := range m.Tensors() {
			r.Histograms = append(r.Histograms, joule.Histogram{Tag: "weights/" + v.Name, Values: v.Data.([]float32)})
		}
		return t.Log(r)
	})
}
