package evaluate

import (
	"encoding/json"
	"math"
	"runtime"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/sampler"
)

// A Report is what was found. Its JSON has the keys below; every number has
// its n, seed and settings beside it.
type Report struct {
	Date    time.Time `json:"date"`
	Seconds float64   `json:"seconds"`
	Joule   string    `json:"joule_version"`
	Kernel  string    `json:"kernel"`
	Suite   string    `json:"suite"`
	Seed    uint64    `json:"seed"`
	Model   ModelInfo `json:"model"`
	// Classifier names the weights in whose features samples are judged.
	Classifier Classifier         `json:"classifier"`
	Samples    Samples            `json:"samples"`
	Outliers   map[string]Outlier `json:"outliers"`
	// Threshold is an energy above which at most FalsePositiveRate of the
	// test images lie. The one of joule score is by the images held out in
	// training, see [joule.Card.Threshold].
	Threshold Threshold `json:"threshold"`
	// Chains is by the number of steps.
	Chains map[string]Chain `json:"chains"`
	// AIS bounds log Z at T = 1; nil where it was left out.
	AIS *AIS `json:"ais"`

	images, last []float32 // samples, and those after the longest chains, to be shown
	shape        [3]int
	energies     map[string][]float64
}

// ModelInfo says what was judged.
type ModelInfo struct {
	Hash       string `json:"hash"`
	Parameters int    `json:"parameters"`
	Epochs     int    `json:"epochs"` // 0 where it is not known
	Steps      int    `json:"steps"`
	Data       string `json:"data,omitempty"`
}

// Classifier names the classifier.
type Classifier struct {
	Hash         string  `json:"hash"`
	TestAccuracy float64 `json:"test_accuracy"`
}

// SamplerInfo is a sampler's settings and the temperature that follows from
// them.
type SamplerInfo struct {
	By          string  `json:"by,omitempty"`     // joule.ByGenerator, whose samples take no steps; empty for chains
	Method      string  `json:"method,omitempty"` // empty for Langevin
	Steps       int     `json:"steps"`
	StepSize    float32 `json:"step_size"`
	Noise       float32 `json:"noise"`
	Anneal      float32 `json:"anneal"`
	BurnIn      int     `json:"burn_in"`
	BurnInScale float32 `json:"burn_in_scale"`
	GradClip    float64 `json:"grad_clip"` // 0 for none
	// Temperature is noise²/(2·step_size), at which unclipped steps would
	// draw from exp(−E/T): 1.25e-6 for the default recipe, which is
	// nearly plain descent.
	Temperature float64 `json:"temperature"`
}

func samplerInfo(c sampler.Config, by string) SamplerInfo {
	if by == joule.ByGenerator {
		return SamplerInfo{By: by}
	}
	i := SamplerInfo{Method: c.Other(), Steps: c.Steps, StepSize: c.StepSize, Noise: c.Noise, Anneal: c.Anneal, BurnIn: c.BurnIn, BurnInScale: c.BurnInScale, GradClip: float64(c.GradClip)}
	if math.IsInf(i.GradClip, 0) {
		i.GradClip = 0
	}
	if c.StepSize > 0 {
		i.Temperature = float64(c.Noise) * float64(c.Noise) / (2 * float64(c.StepSize))
	}
	return i
}

// Samples judges chains from uniform noise.
type Samples struct {
	N         int         `json:"n"`
	Seed      uint64      `json:"seed"`
	Sampler   SamplerInfo `json:"sampler"`
	Patch     float64     `json:"patch"`     // share of chains that start from a patch of noise
	Reference int         `json:"reference"` // training images compared with

	Frechet     float64 `json:"frechet"`      // distance of the samples' features to the reference's
	FrechetTest float64 `json:"frechet_test"` // the same of the test images

	InceptionScore     float64 `json:"inception_score"`
	InceptionMean      float64 `json:"inception_mean"` // over ten parts
	InceptionSD        float64 `json:"inception_sd"`
	InceptionScoreTest float64 `json:"inception_score_test"`

	ManifoldN int     `json:"manifold_n"` // images on either side of the next four
	Neighbour int     `json:"k"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	Density   float64 `json:"density"`
	Coverage  float64 `json:"coverage"`

	LabelHistogram []float64 `json:"label_histogram"` // shares
	LabelEntropy   float64   `json:"label_entropy"`

	Diversity     float64 `json:"diversity"`      // mean distance between samples' features
	DiversityTest float64 `json:"diversity_test"` // the same of test images

	// Nearer is the probability that a sample is nearer to its nearest
	// training image than a test image is to its own: ½ where nothing is
	// copied. Copies are nearer than every test image.
	Nearer float64 `json:"nearer"`
	Copies int     `json:"copies"`

	EnergyMean float64 `json:"energy_mean"`
	EnergySD   float64 `json:"energy_sd"`

	EnergyMeanTest float64 `json:"energy_mean_test"`
	EnergySDTest   float64 `json:"energy_sd_test"`
}

// Outlier tells a kind of images from the suite's test images by their energy.
type Outlier struct {
	N         int     `json:"n"`
	AUROC     float64 `json:"auroc"`
	AUROCLow  float64 `json:"auroc_low"` // of the 95 % interval
	AUROCHigh float64 `json:"auroc_high"`
	FPR95     float64 `json:"fpr95"` // share taken for the suite's images where 95 % of those are
	// Seen says that images of this kind were negatives or restarts in
	// training, so the row shows no generalisation.
	Seen       bool    `json:"seen"`
	EnergyMean float64 `json:"energy_mean"`
	EnergySD   float64 `json:"energy_sd"`
}

// Threshold is an energy to call outliers by.
type Threshold struct {
	FalsePositiveRate float64 `json:"false_positive_rate"`
	Energy            float64 `json:"energy"`
	N                 int     `json:"n"` // test images
}

// Chain judges chains from noise after a number of steps.
type Chain struct {
	N              int     `json:"n"`
	Seed           uint64  `json:"seed"`
	EnergyMean     float64 `json:"energy_mean"`
	EnergySD       float64 `json:"energy_sd"`
	Frechet        float64 `json:"frechet"`
	InceptionScore float64 `json:"inception_score"`
	Coverage       float64 `json:"coverage"`
	LargestShare   float64 `json:"largest_share"` // of one label
	// RHat and EffectiveSize are of the energies over the last half of the
	// steps, across chains; 0 where the chains are too short or stand still.
	RHat          float64 `json:"r_hat"`
	EffectiveSize float64 `json:"effective_size"`
}

// AIS holds bounds on log Z of exp(−E) over the images in [−1, 1] by annealed
// importance sampling, and what follows for test images. The energies of this
// recipe mean nothing at T = 1: its chains run near T = 0.
type AIS struct {
	Chains      int     `json:"chains"`
	Betas       int     `json:"betas"`
	Temperature float64 `json:"temperature"`
	Seed        uint64  `json:"seed"`
	// LogZ is below the truth in expectation; the interval is of 95 %.
	LogZ          float64 `json:"log_z"`
	LogZLow       float64 `json:"log_z_low"`
	LogZHigh      float64 `json:"log_z_high"`
	LogZReverse   float64 `json:"log_z_reverse"` // above it, from chains that start near the model's own samples
	EffectiveSize float64 `json:"effective_size"`
	// Nats is the mean log-likelihood of N test images; of pixels with 256
	// levels add 7 to the bits a dimension.
	N          int      `json:"n"`
	Nats       float64  `json:"nats"`
	BitsPerDim float64  `json:"bits_per_dim"`
	Warnings   []string `json:"warnings"`
}

func newReport(m *joule.Model, c Config) *Report {
	r := &Report{
		Date: time.Now().UTC().Truncate(time.Second), Joule: program.Version(), Kernel: kernelName(), Suite: c.Suite, Seed: c.Seed,
		Model:    ModelInfo{Hash: m.Hash(), Parameters: m.Parameters()},
		Outliers: map[string]Outlier{}, Chains: map[string]Chain{}, energies: map[string][]float64{},
	}
	if card := m.Card(); card != nil {
		r.Model.Epochs, r.Model.Steps, r.Model.Data = card.Epochs, card.Steps, card.Config.Data
	}
	return r
}

// JSON returns the report for programs.
func (r *Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

func workers(threads int) int {
	if threads > 0 {
		return threads
	}
	return runtime.GOMAXPROCS(0)
}
