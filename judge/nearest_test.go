package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/joule-ml/joule/dataset"
	"pgregory.net/rapid"
)

func TestNearestAgreesWithScikitLearn(t *testing.T) {
	f := readFixtures(t).Nearest
	if len(f) < 3 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		b := c.B.features()
		b.N = min(b.N, 40)
		b.X = b.X[:b.N*b.D]
		for j, n := range must[[]Neighbour](t)(Nearest(t.Context(), pool, b, c.A.features())) {
			if n.Index != c.Want.Index[j] {
				t.Errorf("%d: the nearest of point %d is %d, want %d", i, j, n.Index, c.Want.Index[j])
			}
			near(t, fmt.Sprint("distance ", i), n.Distance, c.Want.Distance[j], 1e-6)
		}
	}
}

// Small whole numbers, where distances are exact and often equal.
func TestNearestOnGrids(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]int{1, 2, 3, 130}).Draw(t, "dimensions")
		points := func(name string) Features {
			n := rapid.IntRange(1, 50).Draw(t, name)
			random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name), 0))
			f := Features{n, d, make([]float32, n*d)}
			for i := range f.X {
				f.X[i] = float32(random.IntN(5))
			}
			return f
		}
		x, y := points("points"), points("reference")
		for i, n := range must[[]Neighbour](t)(Nearest(t.Context(), pool, x, y)) {
			best := 0
			for j := range y.N {
				if squared(x.Row(i), y.Row(j)) < squared(x.Row(i), y.Row(best)) {
					best = j
				}
			}
			if want := math.Sqrt(squared(x.Row(i), y.Row(best))); n.Index != best || n.Distance != want {
				t.Fatalf("point %d: %v, want %d at %v", i, n, best, want)
			}
		}
	})
}

func testSet(seed uint64, n int) *dataset.Set {
	s := &dataset.Set{N: n, C: 2, H: 6, W: 7, Pixels: make([]byte, n*84)}
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range s.Pixels {
		s.Pixels[i] = byte(random.Uint32())
	}
	return s
}

func floats(s *dataset.Set) Features {
	f := Features{s.N, s.Size(), make([]float32, s.N*s.Size())}
	for i := range s.N {
		s.Image(f.Row(i), i)
	}
	return f
}

func TestCopiesAreFound(t *testing.T) {
	training, heldOut := testSet(1, 1500), testSet(2, 200)
	samples := normal(3, 60, 84)
	for i := range 20 {
		training.Image(samples.Row(3*i), 7*i)
	}
	got := must[[]Neighbour](t)(NearestImages(t.Context(), pool, samples.X, training))
	if want := must[[]Neighbour](t)(Nearest(t.Context(), pool, samples, floats(training))); !slices.Equal(got, want) {
		t.Error("bytes and numbers differ")
	}
	for i := range 20 {
		if got[3*i] != (Neighbour{7 * i, 0}) {
			t.Errorf("sample %d: %v, want the copy %d", 3*i, got[3*i], 7*i)
		}
	}
	held := must[[]Neighbour](t)(NearestOf(t.Context(), pool, heldOut, training))
	if want := must[[]Neighbour](t)(NearestImages(t.Context(), pool, floats(heldOut).X, training)); !slices.Equal(held, want) {
		t.Error("a set and its images differ")
	}
	// The other samples are noise of deviation 1, farther than any.
	c := must[Copying](t)(NewCopying(got, held))
	if c.Copies != 20 || c.Nearer != 20./60 || c.Samples.Min != 0 || c.Samples.N != 60 || c.HeldOut.N != 200 {
		t.Errorf("%+v", c)
	}
	if c = must[Copying](t)(NewCopying(held, held)); c.Nearer != 0.5 || c.Copies != 0 {
		t.Errorf("held-out images beside themselves: %+v", c)
	}
	if c = must[Copying](t)(NewCopying(got[:1], held)); c.Nearer != 1 || c.Copies != 1 || c.Samples.Median != 0 {
		t.Errorf("a copy: %+v", c)
	}
}

func TestDistances(t *testing.T) {
	var v []float64
	for i := range 201 {
		v = append(v, float64((i*7)%201)/2)
	}
	got := newDistances(v)
	if want := (Distances{201, 50, 0, 1, 5, 50, 95, 99, 100}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// numpy.quantile([1, 2, 4, 8], [0.1, 0.5, 0.9])
	for i, want := range []float64{1.3, 3, 6.8} {
		near(t, "quantile", quantile([]float64{1, 2, 4, 8}, []float64{0.1, 0.5, 0.9}[i]), want, 1e-15)
	}
}

func TestNearestFaults(t *testing.T) {
	good := &dataset.Set{N: 1, C: 1, H: 1, W: 1, Pixels: []byte{1}}
	for _, bad := range []*dataset.Set{nil, {}, {N: 2, C: 1, H: 1, W: 1, Pixels: []byte{1}}} {
		if _, err := NearestOf(t.Context(), pool, bad, good); err == nil {
			t.Errorf("images of %+v", bad)
		}
		if _, err := NearestImages(t.Context(), pool, []float32{1}, bad); err == nil {
			t.Errorf("training images of %+v", bad)
		}
	}
	x := normal(1, 3, 84)
	_, err := NearestImages(t.Context(), pool, nil, testSet(1, 2))
	wantError(t, err, "images: 0 given where at least 1 are needed")
	_, err = NearestImages(t.Context(), pool, x.X, &dataset.Set{C: 2, H: 6, W: 7})
	wantError(t, err, "training images: there are none")
	_, err = NearestOf(t.Context(), pool, testSet(1, 0), testSet(1, 2))
	wantError(t, err, "images: there are none to compare")
	x.X[100] = float32(math.Inf(1))
	_, err = NearestImages(t.Context(), pool, x.X, testSet(1, 2))
	wantError(t, err, "images: feature 16 of image 1 is +Inf")
	_, err = NewCopying(nil, []Neighbour{{0, 1}})
	wantError(t, err, "samples: there are none")
	_, err = NewCopying([]Neighbour{{0, 1}}, nil)
	wantError(t, err, "held-out images: there are none")
	wantPanic(t, "judge: 85 values of images of 84", func() { NearestImages(t.Context(), pool, make([]float32, 85), testSet(1, 2)) })
}
