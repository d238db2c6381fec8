package judge

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestProbabilitiesAgreeWithSciPy(t *testing.T) {
	f := readFixtures(t).Probabilities
	if len(f) < 3 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		p, w := testProbabilities(c.Seed, c.N, c.Classes), c.Want
		s := must[Inception](t)(InceptionScore(p, c.Splits))
		near(t, fmt.Sprint("score ", i), s.Score, w.Score, 1e-12)
		near(t, fmt.Sprint("mean ", i), s.Mean, w.Mean, 1e-12)
		near(t, fmt.Sprint("sd ", i), s.SD, w.SD, 1e-10)
		l := must[Labels](t)(NewLabels(p))
		if !slices.Equal(l.Count, w.Count) {
			t.Errorf("labels %d: %v, want %v", i, l.Count, w.Count)
		}
		near(t, fmt.Sprint("entropy ", i), l.Entropy, w.Entropy, 1e-12)
		for k := range w.Doubt {
			near(t, fmt.Sprint("doubt ", i), l.Doubt[k], w.Doubt[k], 1e-12)
		}
	}
}

// oneHot are certain predictions of the given labels.
func oneHot(classes int, labels ...int) Features {
	p := Features{len(labels), classes, make([]float32, len(labels)*classes)}
	for i, l := range labels {
		p.Row(i)[l] = 1
	}
	return p
}

func TestInceptionScoreClosedForms(t *testing.T) {
	uniform := Features{4, 5, slices.Repeat([]float32{0.2}, 20)}
	for _, c := range []struct {
		name       string
		p          Features
		score, one float64 // of all, and of two halves on average
	}{
		{"all classes", oneHot(4, 0, 1, 2, 3, 0, 1, 2, 3), 4, 4},
		{"two classes of four", oneHot(4, 0, 2, 2, 0), 2, 2},
		{"a class in each half", oneHot(4, 1, 1, 3, 3), 2, 1},
		{"one class", oneHot(4, 1, 1, 1, 1), 1, 1},
		{"no idea", uniform, 1, 1},
		{"3 to 1", oneHot(2, 0, 0, 0, 1), math.Exp(-0.75*math.Log(0.75) - 0.25*math.Log(0.25)), 1.5},
	} {
		s := must[Inception](t)(InceptionScore(c.p, 2))
		near(t, c.name, s.Score, c.score, 1e-14)
		near(t, c.name+", halves", s.Mean, c.one, 1e-14)
	}
	s := must[Inception](t)(InceptionScore(oneHot(2, 0, 0, 0, 1), 2))
	near(t, "sd", s.SD, 0.5, 1e-14)
}

func TestInceptionScoreProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, classes := rapid.IntRange(1, 60).Draw(t, "n"), rapid.IntRange(1, 9).Draw(t, "classes")
		p := testProbabilities(rapid.IntRange(0, 1000).Draw(t, "seed"), n, classes)
		score := must[Inception](t)(InceptionScore(p, 1))
		if score.Score < 1 || score.Score > float64(classes)*(1+1e-12) || score.Mean != score.Score || score.SD != 0 {
			t.Fatalf("%+v of %d classes", score, classes)
		}
		order := rapid.Permutation(indices(n)).Draw(t, "order")
		classOrder := rapid.Permutation(indices(classes)).Draw(t, "class order")
		q := Features{n, classes, make([]float32, n*classes)}
		for i := range n {
			for c := range classes {
				q.Row(i)[c] = p.Row(order[i])[classOrder[c]]
			}
		}
		if got := must[Inception](t)(InceptionScore(q, 1)); math.Abs(got.Score-score.Score) > 1e-12 {
			t.Fatalf("%v in another order, %v before", got.Score, score.Score)
		}
	})
}

func indices(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

func TestLabels(t *testing.T) {
	p := Features{4, 3, []float32{
		0, 1, 0,
		0.5, 0.5, 0, // the first of equal ones
		0.25, 0.25, 0.5,
		1, 0, 0,
	}}
	l := must[Labels](t)(NewLabels(p))
	if !slices.Equal(l.Label, []int{1, 0, 2, 0}) || !slices.Equal(l.Count, []int{2, 1, 1}) {
		t.Errorf("%+v", l)
	}
	near(t, "entropy", l.Entropy, 1.5*math.Ln2, 1e-15)
	near(t, "doubt of 0", l.Doubt[0], math.Ln2/2, 1e-15)
	near(t, "doubt of 1", l.Doubt[1], 0, 0)
	near(t, "doubt of 2", l.Doubt[2], 1.5*math.Ln2, 1e-15)
	if l = must[Labels](t)(NewLabels(oneHot(3, 1))); !math.IsNaN(l.Doubt[0]) || l.Doubt[1] != 0 || l.Entropy != 0 {
		t.Errorf("an empty class: %+v", l)
	}
}

func TestProbabilityFaults(t *testing.T) {
	for _, c := range []struct {
		p    Features
		want string
	}{
		{Features{1, 2, []float32{2, -1}}, "that of class 1 for image 0 is -1"},
		{Features{2, 2, []float32{1, 0, 0.5, 0.25}}, "those for image 1 sum to 0.75"},
		{Features{1, 2, []float32{float32(math.NaN()), 1}}, "feature 0 of image 0 is NaN"},
		{Features{0, 2, nil}, "0 given where at least 1 are needed"},
	} {
		_, err := InceptionScore(c.p, 1)
		wantError(t, err, "probabilities: "+c.want)
		_, err = NewLabels(c.p)
		wantError(t, err, "probabilities: "+c.want)
	}
	_, err := InceptionScore(oneHot(2, 0, 1), 3)
	wantError(t, err, "probabilities: 2 given where at least 3 are needed")
	wantPanic(t, "judge: InceptionScore with no splits", func() { InceptionScore(oneHot(2, 0), 0) })
}
