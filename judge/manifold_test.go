package judge

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestManifoldAgreesWithScikitLearn(t *testing.T) {
	f := readFixtures(t).Manifold
	if len(f) < 12 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		m := must[Manifold](t)(NewManifold(t.Context(), pool, c.A.features(), c.B.features(), c.K))
		nearManifold(t, fmt.Sprint(i), m, c.Want)
	}
}

func nearManifold(t *testing.T, name string, got, want Manifold) {
	t.Helper()
	near(t, name+": precision", got.Precision, want.Precision, 1e-14)
	near(t, name+": recall", got.Recall, want.Recall, 1e-14)
	near(t, name+": density", got.Density, want.Density, 1e-14)
	near(t, name+": coverage", got.Coverage, want.Coverage, 1e-14)
}

func line(x ...float32) Features { return Features{len(x), 1, x} }

func TestManifoldByHand(t *testing.T) {
	copied := normal(1, 50, 3)
	far := normal(2, 40, 3)
	for i := range far.X {
		far.X[i] += 1000
	}
	for _, c := range []struct {
		name          string
		real, samples Features
		k             int
		want          Manifold
	}{
		// Balls of the real points 0, 1, 3, 7: radii 1, 1, 2, 4. Of the
		// samples 2, 2.5, 20: ½, ½, 17½. The sample 2 is in the balls of 1 and
		// 3, 2.5 in that of 3 alone; the ball of 20 reaches 2.5 and holds the
		// real 3 and 7, that of 2.5 holds 3.
		{"a line", line(0, 1, 3, 7), line(2, 2.5, 20), 1, Manifold{1, 2. / 3, 2. / 4, 3. / 3, 2. / 4}},
		// Each ball has its centre and k others.
		{"itself", copied, copied, 4, Manifold{4, 1, 1, 5. / 4, 1}},
		{"apart", copied, far, 4, Manifold{4, 0, 0, 0, 0}},
		// Balls that are points hold what equals them.
		{"one image", line(5, 5, 5), line(5, 5, 5, 5), 1, Manifold{1, 1, 1, 3, 1}},
		{"another image", line(5, 5, 5), line(6, 6, 6, 6), 1, Manifold{1, 0, 0, 0, 0}},
		// Samples of one mode, copied: each is in the balls of 0 and of 1; the
		// latter reaches from 0 to 2.
		{"collapse", line(0, 1, 10, 11), line(0, 0, 0), 1, Manifold{1, 1, 1. / 4, 2, 2. / 4}},
	} {
		nearManifold(t, c.name, must[Manifold](t)(NewManifold(t.Context(), pool, c.real, c.samples, c.k)), c.want)
	}
}

// slowManifold is the definition.
func slowManifold(real, samples Features, k int) Manifold {
	ball := func(f Features, i int) float64 {
		var d []float64
		for j := range f.N {
			if j != i {
				d = append(d, squared(f.Row(i), f.Row(j)))
			}
		}
		slices.Sort(d)
		return d[k-1]
	}
	m := Manifold{K: k}
	for j := range samples.N {
		n := 0
		for i := range real.N {
			if squared(real.Row(i), samples.Row(j)) <= ball(real, i) {
				n++
			}
		}
		m.Density += float64(n) / float64(k*samples.N)
		if n > 0 {
			m.Precision += 1 / float64(samples.N)
		}
	}
	for i := range real.N {
		nearest, inside := math.Inf(1), false
		for j := range samples.N {
			d := squared(real.Row(i), samples.Row(j))
			nearest = min(nearest, d)
			inside = inside || d <= ball(samples, j)
		}
		if inside {
			m.Recall += 1 / float64(real.N)
		}
		if nearest <= ball(real, i) {
			m.Coverage += 1 / float64(real.N)
		}
	}
	return m
}

// On small whole numbers float32 is exact and distances are often equal.
func TestManifoldOnGrids(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 5).Draw(t, "dimensions")
		points := func(name string) Features {
			n := rapid.IntRange(2, 40).Draw(t, name)
			x := rapid.SliceOfN(rapid.IntRange(-3, 3), n*d, n*d).Draw(t, name)
			f := Features{n, d, make([]float32, n*d)}
			for i, v := range x {
				f.X[i] = float32(v)
			}
			return f
		}
		real, samples := points("real"), points("samples")
		k := rapid.IntRange(1, min(real.N, samples.N)-1).Draw(t, "k")
		got := must[Manifold](t)(NewManifold(t.Context(), pool, real, samples, k))
		want := slowManifold(real, samples, k)
		if math.Abs(got.Precision-want.Precision)+math.Abs(got.Recall-want.Recall)+
			math.Abs(got.Density-want.Density)+math.Abs(got.Coverage-want.Coverage) > 1e-12 {
			t.Fatalf("%v, want %v", got, want)
		}
		// Recall is the precision of the real images by the samples' balls.
		if back := must[Manifold](t)(NewManifold(t.Context(), pool, samples, real, k)); back.Precision != got.Recall || back.Recall != got.Precision {
			t.Fatalf("%v one way and %v the other", got, back)
		}
	})
}

// For equal distributions density is 1 and coverage 1 − Π (N−i)/(2N−i−1)
// over i < k, by Naeem et al., lemmas 1 and 2.
func TestManifoldOfEqualDistributions(t *testing.T) {
	const k, n = 5, 1000
	m := must[Manifold](t)(NewManifold(t.Context(), pool, normal(1, n, 16), normal(2, n, 16), k))
	product := 1.0
	for i := range k {
		product *= float64(n-1-i) / float64(2*n-1-i)
	}
	if math.Abs(m.Density-1) > 0.1 || math.Abs(m.Coverage-(1-product)) > 0.02 {
		t.Errorf("%v, want density 1 and coverage %v", m, 1-product)
	}
}

func TestManifoldFaults(t *testing.T) {
	x := normal(1, 6, 2)
	_, err := NewManifold(t.Context(), pool, x, normal(2, 5, 2), 5)
	wantError(t, err, "samples: 5 given where at least 6 are needed")
	x.X[0] = float32(math.NaN())
	_, err = NewManifold(t.Context(), pool, x, normal(2, 6, 2), 5)
	wantError(t, err, "real images: feature 0 of image 0 is NaN")
	wantPanic(t, "judge: NewManifold with no neighbours", func() { NewManifold(t.Context(), pool, x, x, 0) })
}
