package judge_test

import (
	"math"
	"os"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/judge"
	"github.com/joule-ml/joule/lane"
)

// The model of MNIST that is published with the notebook which the default recipe
// comes from, trained for 60 epochs, as a detector of outliers. What PyTorch, NumPy and scikit-learn made
// of it, with random numbers of their own, is written below. JOULE_ANCHOR is
// the path of its weights in a format that exchange reads.
func TestPublishedModelAsDetector(t *testing.T) {
	path := os.Getenv("JOULE_ANCHOR")
	if path == "" {
		t.Skip("JOULE_ANCHOR is not set")
	}
	r, err := exchange.Read(path, exchange.Options{Output: joule.OutputF, Height: 28, Width: 28})
	if err != nil {
		t.Fatal(err)
	}
	_, test, err := dataset.Open(t.Context(), "mnist", dataset.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	_, fashion, err := dataset.Open(t.Context(), "fashion-mnist", dataset.Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	shape := lane.Shape{C: 1, H: 28, W: 28}
	score := func(images judge.Images) []float64 {
		x, energies := make([]float32, test.N*shape.Len()), make([]float32, test.N)
		for i := range test.N {
			images.Image(x[i*shape.Len():(i+1)*shape.Len()], i)
		}
		r.Model.Energies(energies, x)
		scores := make([]float64, test.N)
		for i, e := range energies {
			scores[i] = -float64(e)
		}
		return scores
	}
	// Sets without chance agree to the last digit given.
	type figure struct{ auroc, tolerance float64 }
	want := map[string]figure{
		"uniform": {1, 0.0005}, "inverted": {1, 0.0005}, "shuffled": {0.994, 0.004}, "gray": {0.976, 0.004},
		"noise-0.3": {0.977, 0.002}, "noise-0.1": {0.691, 0.002}, "half-size": {0.173, 0.0006},
		"rotated-180": {0.640, 0.0006}, "blank": {0.108, 0.0006}, "hflip": {0.649, 0.0006}, "vflip": {0.656, 0.0006},
		"fashion-mnist": {0.986, 0.0006},
	}
	in := score(test)
	for _, s := range append(judge.Outliers(test, shape, 42), judge.OtherSet("fashion-mnist", fashion, shape)) {
		got, err := judge.AUROCInterval(in, score(s), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-14s AUROC %v", s.Name, got)
		if f, ok := want[s.Name]; ok && math.Abs(got.Value-f.auroc) > f.tolerance {
			t.Errorf("%s: AUROC %v, want %v", s.Name, got, f.auroc)
		}
		delete(want, s.Name)
	}
	for name := range want {
		t.Errorf("no set of outliers is called %s", name)
	}
}
