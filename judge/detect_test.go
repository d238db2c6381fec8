package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDetectionAgreesWithScikitLearn(t *testing.T) {
	f := readFixtures(t).Detection
	if len(f) < 3 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		in, out := testScores(c.Seed, c.M, 1, 0), testScores(c.Seed+1, c.N, c.Scale, c.Shift)
		e := must[Estimate](t)(AUROCInterval(in, out, c.Level))
		near(t, fmt.Sprint("AUROC ", i), e.Value, c.Want.AUROC, 1e-13)
		near(t, fmt.Sprint("AUROC, low ", i), e.Low, c.Want.Low, 1e-10)
		near(t, fmt.Sprint("AUROC, high ", i), e.High, c.Want.High, 1e-10)
		near(t, fmt.Sprint("AUROC alone ", i), must[float64](t)(AUROC(in, out)), e.Value, 0)
		e = must[Estimate](t)(FPRInterval(in, out, 0.95, c.Level, 1))
		near(t, fmt.Sprint("FPR95 ", i), e.Value, c.Want.FPR95, 1e-13)
		near(t, fmt.Sprint("FPR95 alone ", i), must[float64](t)(FPR(in, out, 0.95)), e.Value, 0)
		// Two bootstraps differ by chance.
		near(t, fmt.Sprint("FPR95, low ", i), e.Low, c.Want.FPR95Low, 0.02)
		near(t, fmt.Sprint("FPR95, high ", i), e.High, c.Want.FPR95High, 0.02)
	}
}

// drawScores draws some scores, many of them equal.
func drawScores(t *rapid.T, name string) []float64 {
	v := rapid.SliceOfN(rapid.IntRange(-8, 8), 2, 60).Draw(t, name)
	s := make([]float64, len(v))
	for i := range v {
		s[i] = float64(v[i]) / 4
	}
	return s
}

func TestDetectionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := drawScores(t, "in"), drawScores(t, "out")
		kept := slices.Clone(in)
		got := must[float64](t)(AUROC(in, out))
		want := 0.0
		for _, a := range in {
			for _, b := range out {
				if a > b {
					want++
				} else if a == b {
					want += 0.5
				}
			}
		}
		want /= float64(len(in) * len(out))
		if math.Abs(got-want) > 1e-15 {
			t.Fatalf("AUROC %v, want %v", got, want)
		}
		if back := must[float64](t)(AUROC(out, in)); math.Abs(got+back-1) > 1e-15 {
			t.Fatalf("AUROC %v one way and %v the other", got, back)
		}
		if self := must[float64](t)(AUROC(in, in)); self != 0.5 {
			t.Fatalf("AUROC %v of the same scores", self)
		}
		warp := func(s []float64) []float64 {
			w := make([]float64, len(s))
			for i, v := range s {
				w[i] = math.Exp(3*v) - 5
			}
			return w
		}
		tpr := rapid.SampledFrom([]float64{0.05, 0.5, 0.9, 0.95, 0.99}).Draw(t, "tpr")
		fpr := must[float64](t)(FPR(in, out, tpr))
		if must[float64](t)(AUROC(warp(in), warp(out))) != got || must[float64](t)(FPR(warp(in), warp(out), tpr)) != fpr {
			t.Fatal("an increasing function of the scores changes the result")
		}
		e := must[Estimate](t)(AUROCInterval(in, out, 0.95))
		r := must[Estimate](t)(AUROCInterval(out, in, 0.95))
		if e.Value != got || e.Low > got || e.High < got || e.Low < 0 || e.High > 1 ||
			math.Abs(e.Low+r.High-1) > 1e-12 || math.Abs(e.High+r.Low-1) > 1e-12 {
			t.Fatalf("AUROC %v one way and %v the other", e, r)
		}

		// FPR: the best of all thresholds that let enough through.
		best := 1.0
		for _, threshold := range in {
			if share(in, threshold) >= tpr-1e-12 {
				best = min(best, share(out, threshold))
			}
		}
		if fpr != best {
			t.Fatalf("FPR %v, want %v", fpr, best)
		}
		if !slices.Equal(in, kept) {
			t.Fatal("the scores were put in another order")
		}
	})
}

// share returns the fraction of scores that are t or more.
func share(scores []float64, t float64) float64 {
	n := 0.0
	for _, s := range scores {
		if s >= t {
			n++
		}
	}
	return n / float64(len(scores))
}

// Of n+1 scores, at most the fraction rate lies below the threshold made of
// the others. That is the whole of the guarantee, with chance left out.
func TestThresholdHoldsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.01, 0.05, 0.07, 0.29, 0.5}).Draw(t, "rate")
		n := rapid.IntRange(int(math.Ceil(1/rate)), 250).Draw(t, "n")
		scores := make([]float64, n)
		for i := range scores {
			scores[i] = float64(rapid.IntRange(0, 300).Draw(t, "score"))
		}
		flagged := 0
		for i, s := range scores {
			if s < must[float64](t)(Threshold(slices.Concat(scores[:i], scores[i+1:]), rate)) {
				flagged++
			}
		}
		if float64(flagged) > rate*float64(n)+1e-9 {
			t.Fatalf("%d of %d flagged at a rate of %v", flagged, n, rate)
		}
	})
	// It is not needlessly low: scores 1 … 99, of which the fifth is the
	// highest with which 5 % of 100 places lie below.
	scores := make([]float64, 99)
	for i := range scores {
		scores[i] = float64(99 - i)
	}
	for rate, want := range map[float64]float64{0.01: 1, 0.05: 5, 0.07: 7, 0.29: 29} {
		if got := must[float64](t)(Threshold(scores, rate)); got != want {
			t.Errorf("threshold %v at a rate of %v, want %v", got, rate, want)
		}
	}
	_, err := Threshold(scores[:18], 0.05)
	wantError(t, err, "held-out scores: 18 are too few for a false-positive rate of 0.05")
	if e, ok := err.(*Error); !ok || e.Hint != "Score 19 at least, or allow a higher rate." {
		t.Errorf("hint of %#v", err)
	}
	if got := must[float64](t)(Threshold(scores[:19], 0.05)); got != 81 {
		t.Errorf("threshold %v, want the lowest", got)
	}
}

func TestIntervalsOfPerfectDetection(t *testing.T) {
	in, out := []float64{5, 6, 7, 8}, []float64{1, 2, 3}
	far := math.Cbrt(0.025)
	for _, c := range []struct{ got, want Estimate }{
		{must[Estimate](t)(AUROCInterval(in, out, 0.95)), Estimate{1, far, 1}},
		{must[Estimate](t)(AUROCInterval(out, in, 0.95)), Estimate{0, 0, 1 - far}},
		{must[Estimate](t)(FPRInterval(in, out, 0.95, 0.95, 1)), Estimate{0, 0, 1 - far}},
		{must[Estimate](t)(FPRInterval(out, in[:3], 0.95, 0.95, 1)), Estimate{1, far, 1}},
	} {
		near(t, "value", c.got.Value, c.want.Value, 0)
		near(t, "low", c.got.Low, c.want.Low, 1e-14)
		near(t, "high", c.got.High, c.want.High, 1e-14)
	}
}

// Intervals hold the true value as often as they say, or nearly: of 200
// experiments with 100 normal scores on each side.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const experiments, n, shift = 200, 100, 1.5
	// AUROC is Φ(shift/√2), and the threshold Φ⁻¹(0.05) of the images.
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	auroc, fpr := phi(shift/math.Sqrt2), 1-phi(normalQuantile(0.05)+shift)
	holds := func(e Estimate, truth float64) float64 {
		if e.Low <= truth && truth <= e.High {
			return 1
		}
		return 0
	}
	random := rand.New(rand.NewPCG(1, 2))
	a, f := 0.0, 0.0
	in, out := make([]float64, n), make([]float64, n)
	for e := range uint64(experiments) {
		for i := range n {
			in[i], out[i] = random.NormFloat64(), random.NormFloat64()-shift
		}
		a += holds(must[Estimate](t)(AUROCInterval(in, out, 0.95)), auroc) / experiments
		f += holds(must[Estimate](t)(FPRInterval(in, out, 0.95, 0.95, e)), fpr) / experiments
	}
	t.Logf("intervals of 95 %% hold the AUROC in %.3f of the experiments, the FPR in %.3f", a, f)
	// The standard error of a fraction is 0.015. Few scores lie near the
	// threshold, which the bootstrap does not allow for in full.
	if a < 0.9 || a > 0.99 || f < 0.88 || f > 0.99 {
		t.Errorf("intervals of 95 %% hold the AUROC in %v of the experiments, the FPR in %v", a, f)
	}
}

func TestDetectionFaults(t *testing.T) {
	good, nan := []float64{1, 2}, []float64{1, math.NaN()}
	for _, f := range []func(in, out []float64) error{
		func(in, out []float64) error { _, err := AUROC(in, out); return err },
		func(in, out []float64) error { _, err := FPR(in, out, 0.95); return err },
		func(in, out []float64) error { _, err := AUROCInterval(in, out, 0.95); return err },
		func(in, out []float64) error { _, err := FPRInterval(in, out, 0.95, 0.95, 1); return err },
	} {
		wantError(t, f(good, nan), "scores of outliers: value 1 of 2 is NaN")
		wantError(t, f(nan, good), "scores of the model's images: value 1 of 2 is NaN")
		if f(good, nil) == nil {
			t.Error("no error for no scores")
		}
	}
	_, err := AUROCInterval(good, good[:1], 0.95)
	wantError(t, err, "scores of outliers: 1 given where at least 2 are needed")
	_, err = Threshold([]float64{0, math.Inf(-1)}, 0.5)
	wantError(t, err, "held-out scores: value 1 of 2 is -Inf")
	wantPanic(t, "judge: FPR with a rate of 95", func() { FPR(good, good, 95) })
	wantPanic(t, "judge: Threshold with a rate of 0", func() { Threshold(good, 0) })
}
