// Package objective is what a training minimises: from a batch of real images
// to the update of the weights. Each objective is one file that reads from top
// to bottom; New makes the one that the settings name, and a trainer calls its
// Step once for every batch.
package objective

import (
	"context"
	"slices"
	"strings"

	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
	"github.com/joule-ml/joule/setting"
)

// An Objective trains an energy. It is for one goroutine at a time.
type Objective interface {
	// Parts returns the networks that are trained, the energy first.
	Parts() []*Part
	// Buffer returns the samples that chains go on from, nil where the
	// objective has none.
	Buffer() *replay.Buffer
	// Figures lists what Step measures besides the loss.
	Figures() []metric.Figure
	// Step trains on a batch and says in r how it went. What is not finite
	// ends it before the weights change, with a [*engine.NonFiniteError]. So
	// does ctx when it is done, with ctx's error: the same step can then be
	// taken again.
	Step(ctx context.Context, b Batch, r *Result) error
}

// A Batch is what a step trains on.
type Batch struct {
	Real   []float32     // real images, N×C×H×W, which the step may change
	N      int           // at most Setup.BatchSize
	Epoch  int           // epochs done
	Step   uint32        // training steps done
	Chain  uint32        // sampler steps done by each chain's slot in the batch
	Stream random.Stream // of the run's seed and retry; the purpose is for the step to say
}

// A Result is what a step says of itself.
type Result struct {
	Loss         float64
	GradNorm     float64 // of the weights, before clipping
	LearningRate float64
	// ImageGradients is the number of gradients of the energy with respect
	// to an image that the step took, and ChainSteps that of sampler steps
	// of each chain.
	ImageGradients, ChainSteps int
	Values                     []float64 // of the figures, in their order
}

// Config says which objective it is, and holds what the objectives have of
// their own.
type Config struct {
	Kind      string  `yaml:"kind"`
	Alpha     float64 `yaml:"alpha"`      // of contrastive divergence
	DataNoise float32 `yaml:"data_noise"` // of contrastive divergence
	Sigma     float32 `yaml:"sigma"`      // of score matching

	Margin      float64 `yaml:"margin"`       // of an EBGAN
	PullingAway float64 `yaml:"pulling_away"` // of an EBGAN
	Latent      string  `yaml:"latent"`       // of a generator: Uniform or Gaussian
}

// Generates says whether the objective trains a generator beside the energy.
func (c Config) Generates() bool { return c.Kind == EBGAN || c.Kind == GAN }

// Setup is all that an objective is made of. The settings that it points to may
// change between steps, as they do when a guard changes one.
type Setup struct {
	Network   nn.Spec // of the energy
	Generator nn.Spec // where the objective has one
	BatchSize int
	Objective *Config
	Sampler   *sampler.Config
	Buffer    *replay.Config
	Restart   *replay.Restart
	Optimizer *optim.Config
	Schedule  *optim.Schedule
	EMA       *optim.EMA
	Extra     int // images that the replay buffer keeps beyond its size
}

// A kind is one objective.
type kind struct {
	name string
	make func(Setup) (Objective, error)
}

// kinds lists the objectives, the default one first.
func kinds() []kind {
	return []kind{
		{ContrastiveDivergence, newContrastive},
		{ScoreMatching, newScore},
		{EBGAN, newEBGAN},
		{GAN, newGAN},
	}
}

// Kinds returns the names of the objectives, the default one first.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// New returns the objective of s.Objective.Kind. Its weights are zero and its
// buffer is empty: see [Init].
func New(s Setup) (Objective, error) {
	if err := s.Objective.Validate(); err != nil {
		return nil, setting.Under("objective", err)
	}
	i := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == s.Objective.Kind })
	return kinds()[i].make(s)
}

// Init draws the first weights of o from the seed, and fills a buffer with one
// batch of uniform noise.
func Init(o Objective, seed uint64, batchSize int) {
	for _, p := range o.Parts() {
		p.Init(seed)
	}
	if b := o.Buffer(); b != nil {
		b.Fill(batchSize, random.Stream{Seed: seed, Purpose: random.InitialNoise})
	}
}

// Settings lists the keys of c.
func (c *Config) Settings() setting.List {
	return setting.List{
		{Key: "kind", Value: &c.Kind, Names: Kinds(), About: "what training minimises: " + strings.Join(Kinds(), ", ")},
		{Key: "alpha", Value: &c.Alpha, Hi: 1e6, About: "weight of the squared energies in the loss"},
		{Key: "data_noise", Value: &c.DataNoise, Hi: 1e3, About: "standard deviation of the noise on real images"},
		{Key: "sigma", Value: &c.Sigma, Hi: 1e3, About: "standard deviation of the noise that score matching removes"},
		{Key: "margin", Value: &c.Margin, Hi: 1e6, About: "energy up to which an ebgan raises samples; above 0"},
		{Key: "pulling_away", Value: &c.PullingAway, Hi: 1e6, About: "weight of an ebgan's pulling-away term; 0 for none"},
		{Key: "latent", Value: &c.Latent, Names: []string{Uniform, Gaussian}, About: "what a generator's z is drawn from: uniform in -1 to 1, or gaussian"},
	}
}

// Validate reports settings that are out of range, or with which the objective
// cannot work, as a [*setting.Error].
func (c Config) Validate() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	if c.Kind == ScoreMatching && c.Sigma == 0 {
		return &setting.Error{Key: "sigma", Problem: "0 leaves no noise for objective.kind = " + ScoreMatching + " to learn from", Hint: "set objective.sigma=0.3"}
	}
	if c.Kind == EBGAN && c.Margin == 0 {
		return &setting.Error{Key: "margin", Problem: "0 leaves objective.kind = " + EBGAN + " nothing to raise samples to", Hint: "set objective.margin=10"}
	}
	return nil
}

func mean(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x)
	}
	return sum / float64(len(v))
}

// finite reports whether v is neither NaN nor infinite: only then is v − v
// zero.
func finite(v float64) bool { return v-v == 0 }
