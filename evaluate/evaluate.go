// Package evaluate judges models: the samples that they draw, what they take
// for unlikely, and how their chains behave. Start with Run, which makes a
// Report; WriteHTML shows it.
package evaluate

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/classify"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/judge"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/sampler"
)

// Data is what a model is judged against: the images that its kind is trained
// on, held-out images, and held-out images of another kind.
type Data struct {
	Train, Test, Other *dataset.Set
}

// Suites returns the data sets that models can be judged on.
func Suites() []string { return classify.Names() }

// Other returns the data set that a suite takes its foreign images from.
func Other(suite string) string {
	for _, name := range Suites() {
		if name != suite {
			return name
		}
	}
	return ""
}

// Config says how thoroughly to judge.
type Config struct {
	Suite     string         // a name of Suites
	Samples   int            // to judge
	By        string         // how they are drawn, see joule.SampleConfig
	Sampler   sampler.Config // of these; Steps is their length
	Patch     float64        // share of chains that start from a patch of noise, see joule.SampleConfig
	Seed      uint64
	Outliers  int   // images of each outlier set, at most the test images; 0 takes all
	Reference int   // training images that samples are compared with; 0 takes all
	LongRun   []int // lengths of the chains whose long-run behaviour is looked at; may be empty
	Chains    int   // number of these
	Betas     int   // temperatures of the bounds on log Z; 0 leaves them out
	Threads   int   // 0 takes all cores
	// Progress, where not nil, is told what begins.
	Progress func(what string)
}

// DefaultConfig returns the usual settings for a model, whose samples are drawn
// as its own settings say, or else the default recipe's.
func DefaultConfig(suite string, m *joule.Model) Config {
	c := Config{Suite: suite, Samples: 2048, Sampler: joule.DefaultConfig().Generation().Sampler, Seed: 42, LongRun: []int{60, 256, 1000, 3000}, Chains: 256, Betas: 1000}
	if card := m.Card(); card != nil {
		g := card.Config.Generation()
		c.Sampler, c.Patch = g.Sampler, g.Patch
	}
	return c
}

// Quick returns c for rough numbers in a part of the time.
func (c Config) Quick() Config {
	c.Samples, c.Outliers, c.Reference, c.LongRun, c.Chains = min(c.Samples, 512), 2000, 10000, []int{60, 256}, 128
	c.Betas = 100
	return c
}

// neighbours is the k of the manifolds, and splits the number of parts that
// the inception score's spread is over: those of the papers.
const (
	neighbours = 5
	splits     = 10
	// manifold bounds the images on either side of a manifold, whose cost
	// is quadratic, and of the pairs that diversity is measured on.
	manifold = 5000
)

// Validate reports the first setting that is out of range.
func (c Config) Validate() error {
	switch {
	case c.Samples < 10*splits || c.Samples > 1<<17:
		return fmt.Errorf("evaluate: %d samples, want %d to %d", c.Samples, 10*splits, 1<<17)
	case c.Chains < 2*lane.Width || c.Chains > 1<<14:
		return fmt.Errorf("evaluate: %d chains, want %d to %d", c.Chains, 2*lane.Width, 1<<14)
	case !(c.Patch >= 0 && c.Patch <= 1):
		return fmt.Errorf("evaluate: a share %v of patches, want 0 to 1", c.Patch)
	case c.Betas < 0 || c.Betas > 1e6:
		return fmt.Errorf("evaluate: %d temperatures, want 0 to 1000000", c.Betas)
	case c.Outliers < 0 || c.Reference < 0:
		return fmt.Errorf("evaluate: %d outliers and %d reference images, want 0 or more", c.Outliers, c.Reference)
	}
	for _, steps := range c.LongRun {
		if steps < 1 || steps > sampler.MaxSteps {
			return fmt.Errorf("evaluate: chains of %d steps, want 1 to %d", steps, int(sampler.MaxSteps))
		}
	}
	if err := c.Sampler.Validate(); err != nil {
		return fmt.Errorf("evaluate: sampler: %w", err)
	}
	return nil
}

// MemoryUse estimates what Run takes, besides the data: samples and chains at a
// time, and the traces of some.
func MemoryUse(m *joule.Model, c Config) []joule.MemoryUse {
	list := m.MemoryUse(joule.SampleConfig{N: c.Samples, Threads: c.Threads})
	if len(c.LongRun) > 0 {
		list = append(list, m.MemoryUse(joule.SampleConfig{N: min(64, c.Chains), Sampler: sampler.Config{Steps: 2 * traced}, Every: 1})[1])
	}
	return list
}

// evaluation is a Run under way.
type evaluation struct {
	ctx        context.Context
	cfg        Config
	model      *joule.Model
	classifier *classify.Classifier
	data       Data
	pool       lane.Pool
	real       judge.Gaussian // of the reference images' features
	reference  judge.Features
	test       judge.Features
	certain    judge.Features // the probabilities of the test images' classes
	report     *Report
}

// Run judges a model. It takes some minutes at the default settings and stops
// with ctx's error when ctx is done.
func Run(ctx context.Context, m *joule.Model, data Data, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	classifier, err := classify.BuiltIn(cfg.Suite)
	if err != nil {
		return nil, err
	}
	channels, h, w := m.Shape()
	for _, s := range []*dataset.Set{data.Train, data.Test, data.Other} {
		if err := s.Validate(); err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
		if s.C != channels || s.H != h || s.W != w {
			return nil, fmt.Errorf("evaluate: the model is for images of %d×%d×%d, those of %s are %d×%d×%d", channels, h, w, s.Name, s.C, s.H, s.W)
		}
	}
	e := &evaluation{
		ctx: ctx, cfg: cfg, model: m.WithContext(ctx), classifier: classifier, data: data,
		pool: lane.Pool{Workers: workers(cfg.Threads)}, report: newReport(m, cfg),
	}
	for _, part := range []struct {
		what string
		run  func() error
		none bool // not asked for
	}{
		{"reading the data's features", e.references, false},
		{fmt.Sprintf("drawing %d samples", cfg.Samples), e.samples, false},
		{"scoring outliers", e.outliers, false},
		{"following chains", e.chains, len(cfg.LongRun) == 0},
		{"bounding log Z", e.likelihood, cfg.Betas == 0},
	} {
		if part.none {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if cfg.Progress != nil {
			cfg.Progress(part.what)
		}
		err := part.run()
		if ctx.Err() != nil { // energies that ended early may have led to any other error
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	e.report.Seconds = time.Since(e.report.Date).Seconds()
	return e.report, nil
}

// references computes the features of training and test images.
func (e *evaluation) references() (err error) {
	n := e.data.Train.N
	if e.cfg.Reference > 0 {
		n = min(n, e.cfg.Reference)
	}
	e.reference, _ = e.look(e.data.Train, n)
	e.test, e.certain = e.look(e.data.Test, e.data.Test.N)
	e.real, err = judge.Fit(e.reference)
	return err
}

// chunk is how many images are in memory as numbers at a time.
const chunk = 1000

// look gives images to the classifier.
func (e *evaluation) look(images judge.Images, n int) (features, probabilities judge.Features) {
	c, h, w := e.model.Shape()
	size := c * h * w
	features = judge.Features{N: n, D: e.classifier.FeatureLen()}
	probabilities = judge.Features{N: n, D: e.classifier.Classes()}
	features.X = make([]float32, n*features.D)
	probabilities.X = make([]float32, n*probabilities.D)
	buf := make([]float32, chunk*size)
	for first := 0; first < n && e.ctx.Err() == nil; first += chunk { // Run looks at ctx afterwards
		m := min(chunk, n-first)
		for i := range m {
			images.Image(buf[i*size:(i+1)*size], first+i)
		}
		e.classifier.Features(features.X[first*features.D:(first+m)*features.D], buf[:m*size])
		e.classifier.Probabilities(probabilities.X[first*probabilities.D:(first+m)*probabilities.D], buf[:m*size])
	}
	return features, probabilities
}

// array is images in memory.
type array struct {
	x    []float32
	size int
}

func (a array) Image(dst []float32, i int) { copy(dst, a.x[i*a.size:(i+1)*a.size]) }

// scores returns f = −E of images.
func (e *evaluation) scores(images judge.Images, n int) []float64 {
	c, h, w := e.model.Shape()
	size := c * h * w
	buf, energy, f := make([]float32, chunk*size), make([]float32, chunk), make([]float64, n)
	for first := 0; first < n && e.ctx.Err() == nil; first += chunk {
		m := min(chunk, n-first)
		for i := range m {
			images.Image(buf[i*size:(i+1)*size], first+i)
		}
		e.model.Energies(energy[:m], buf[:m*size])
		for i, v := range energy[:m] {
			f[first+i] = -float64(v)
		}
	}
	return f
}

// first returns the first n rows.
func first(f judge.Features, n int) judge.Features {
	n = min(n, f.N)
	return judge.Features{N: n, D: f.D, X: f.X[:n*f.D]}
}

// spread returns mean and standard deviation.
func spread(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(sd)
}

func kernelName() string { return kernel.Name() }
