package joule_test

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/setting"
)

// TestTrainingLowersTheLoss: training works, and steps say where they are.
func TestTrainingLowersTheLoss(t *testing.T) {
	c := joule.TinyConfig()
	c.Epochs = 12
	var first, last float64
	var steps []joule.StepInfo
	var epochs []joule.EpochInfo
	tr := joule.TinyTrainer(t, c)
	joule.FitTiny(t, tr, joule.Callback{
		Step:  func(i joule.StepInfo) error { steps = append(steps, i); return nil },
		Epoch: func(i joule.EpochInfo) error { epochs = append(epochs, i); return nil },
	})
	if len(steps) != 60 || len(epochs) != 12 || tr.Steps() != 60 || tr.Epochs() != 12 {
		t.Fatalf("%d steps and %d epochs, want 60 and 12", len(steps), len(epochs))
	}
	first, last = epochs[0].Divergence, epochs[11].Divergence
	if !(last < first && last < -0.1) {
		t.Errorf("validation divergence went from %v to %v, want it to fall", first, last)
	}
	for i, s := range steps {
		want := 10
		if i%5 == 4 {
			want = 7
		}
		if s.Step != i+1 || s.Epoch != i/5 || s.Batch != i%5 || s.Batches != 5 || s.ImageGradients != want*5 {
			t.Fatalf("step %d describes itself as %+v", i, s)
		}
		if lr := 1e-2 * math.Pow(0.97, float64(s.Epoch)); math.Abs(s.LearningRate-lr) > 1e-12 {
			t.Fatalf("step %d: learning rate %v, want %v", i, s.LearningRate, lr)
		}
	}
}

// TestSameBitsForAnyNumberOfCores: the bits depend on the seed alone.
func TestSameBitsForAnyNumberOfCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []byte
	for _, cores := range []int{1, 2, 3, 7} {
		runtime.GOMAXPROCS(cores)
		tr := joule.TinyTrainer(t, joule.TinyConfig())
		joule.FitTiny(t, tr, joule.Callback{})
		got := joule.Saved(t, tr)
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("GOMAXPROCS=%d gives other bits than 1", cores)
		}
	}
	c := joule.TinyConfig()
	c.Seed++
	tr := joule.TinyTrainer(t, c)
	joule.FitTiny(t, tr, joule.Callback{})
	if bytes.Equal(joule.Saved(t, tr), want) {
		t.Error("another seed gives the same bits")
	}
}

// TestDivergenceStops: a step that meets a number that is not finite is an error,
// and leaves the trainer as it was.
func TestDivergenceStops(t *testing.T) {
	for name, spoil := range map[string]func(*joule.Trainer){
		"NaN weight":      func(tr *joule.Trainer) { tr.Engine().Network().Params()[3] = float32(math.NaN()) },
		"infinite weight": func(tr *joule.Trainer) { tr.Engine().Network().Params()[3] = float32(math.Inf(1)) },
		"huge weights": func(tr *joule.Trainer) {
			for i := range tr.Engine().Network().Params() {
				tr.Engine().Network().Params()[i] *= 1e15
			}
		},
		"NaN in the buffer": func(tr *joule.Trainer) {
			x := make([]float32, toy.Shape.Len())
			x[5] = float32(math.NaN())
			for i := range tr.Buffer().Len() {
				tr.Buffer().Set(i, x)
			}
		},
	} {
		c := joule.TinyConfig()
		c.Epochs = 5
		bad := joule.TinyTrainer(t, c)
		spoil(bad)
		bad.Engine().Network().Pack()
		before := joule.Saved(t, bad)
		_, err := bad.Step()
		var notFinite *engine.NonFiniteError
		if !errors.As(err, &notFinite) {
			t.Errorf("%s: error %v, want a NonFiniteError", name, err)
			continue
		}
		if !bytes.Equal(joule.Saved(t, bad), before) {
			t.Errorf("%s: the step that diverged changed the trainer", name)
		}
	}
}

// TestBufferTooLarge makes sure that the buffer is bounded before there is
// memory for it.
func TestBufferTooLarge(t *testing.T) {
	cfg := joule.TinyConfig()
	cfg.Buffer.Size = 1 << 20
	set := &dataset.Set{N: 1, C: 3, H: 64, W: 64, Pixels: make([]byte, 3*64*64)}
	_, err := joule.NewTrainer(cfg, set, set)
	var ce *setting.Error
	if !errors.As(err, &ce) || ce.Key != "buffer.size" || !strings.Contains(ce.Hint, "87381 or less") {
		t.Errorf("%v", err)
	}
}

// TestHoldout: with holdout, images of the training set stand in for the test images and
// are not trained on; a run goes on with the same ones.
func TestHoldout(t *testing.T) {
	c := joule.TinyConfig()
	c.Holdout = 7
	tr := joule.TinyTrainer(t, c)
	rest, held := toy.Strokes(47).Split(7)
	want, err := joule.NewTrainer(joule.TinyConfig(), rest, held)
	if err != nil {
		t.Fatal(err)
	}
	joule.FitTiny(t, tr, joule.Callback{})
	joule.FitTiny(t, want, joule.Callback{})
	if got, want := tr.Model(), want.Model(); got.Hash() != want.Hash() || got.Card().N != 7 || !slices.Equal(got.Card().Validation, want.Card().Validation) {
		t.Errorf("hash %s and %d images validated, want %s and 7", got.Hash(), got.Card().N, want.Hash())
	}
	joule.Resumed(t, joule.Saved(t, tr))
	// A share, and more than there are, which becomes a tenth.
	for holdout, want := range map[float64][2]float64{0.1: {5, 0.1}, 0.99: {46, 0.99}, 1e-9: {1, 1e-9}, 46: {46, 46}, 47: {4, 4}, 5000: {4, 4}} {
		c.Holdout = holdout
		tr := joule.TinyTrainer(t, c)
		info, err := tr.Validate()
		if got := tr.Model().Card().N; err != nil || float64(got) != want[0] || tr.Config().Holdout != want[1] {
			t.Errorf("%v: %d held out, %v, %v, %v", holdout, got, tr.Config().Holdout, info, err)
		}
	}
}

// TestRestartSchedule: the share of restarts falls as its schedule says.
func TestRestartSchedule(t *testing.T) {
	c := joule.TinyConfig()
	c.Epochs, c.Buffer.RestartProbability, c.Schedule.RestartGamma, c.Schedule.EveryNEpochs = 6, 1, 0.5, 2
	restarts, samples := map[int]int{}, map[int]int{}
	joule.FitTiny(t, joule.TinyTrainer(t, c), joule.Callback{Step: func(i joule.StepInfo) error {
		n, _ := i.Value(metric.Restarts)
		restarts[i.Epoch/2] += int(n)
		samples[i.Epoch/2] += i.ImageGradients / c.Sampler.Steps
		return nil
	}})
	for stage, want := range []float64{1, 0.5, 0.25} {
		if got := float64(restarts[stage]) / float64(samples[stage]); math.Abs(got-want) > 0.16 {
			t.Errorf("stage %d: a share of %v restarts, want %v", stage, got, want)
		}
	}
}
