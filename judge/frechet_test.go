package judge

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

func TestFrechetAgreesWithSciPy(t *testing.T) {
	f := readFixtures(t).Frechet
	if len(f) < 6 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		d := must[float64](t)(FrechetDistance(c.A.features(), c.B.features()))
		near(t, fmt.Sprint("by factors ", i), d, c.Want.Factors, 1e-7)
		near(t, fmt.Sprint("by sqrtm ", i), d, c.Want.Sqrtm, 1e-6)
	}
}

func TestFit(t *testing.T) {
	g := must[Gaussian](t)(Fit(Features{3, 2, []float32{1, 2, 3, 8, 5, -1}}))
	// By hand: deviations (−2, −1), (0, 5), (2, −4).
	for i, want := range []float64{3, 3, 4, -3, -3, 21} {
		got := append(append([]float64{}, g.Mean...), g.Cov.At(0, 0), g.Cov.At(0, 1), g.Cov.At(1, 0), g.Cov.At(1, 1))[i]
		near(t, fmt.Sprint("number ", i), got, want, 1e-15)
	}
	// More points than are taken at a time.
	f := normal(1, 600, 3)
	g = must[Gaussian](t)(Fit(f))
	for a := range 3 {
		for b := range 3 {
			sum := 0.0
			for i := range f.N {
				sum += (float64(f.Row(i)[a]) - g.Mean[a]) * (float64(f.Row(i)[b]) - g.Mean[b])
			}
			near(t, fmt.Sprint("covariance ", a, b), g.Cov.At(a, b), sum/599, 1e-12)
		}
	}
}

// diagonal has the given variances.
func diagonal(mean, variances []float64) Gaussian {
	g := Gaussian{Mean: mean, Cov: mat.NewSymDense(len(mean), nil)}
	for i, v := range variances {
		g.Cov.SetSym(i, i, v)
	}
	return g
}

// outer has the covariance uuᵀ.
func outer(u ...float64) Gaussian {
	g := Gaussian{Mean: make([]float64, len(u)), Cov: mat.NewSymDense(len(u), nil)}
	g.Cov.SymRankOne(g.Cov, 1, mat.NewVecDense(len(u), u))
	return g
}

func TestFrechetClosedForms(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Gaussian
		want float64
	}{
		{"diagonal", diagonal([]float64{0, 1, 2}, []float64{4, 9, 1}), diagonal([]float64{1, 1, 0}, []float64{1, 16, 1}), 5 + 1 + 1},
		{"equal", diagonal([]float64{0, 1}, []float64{4, 9}), diagonal([]float64{0, 1}, []float64{4, 9}), 0},
		{"a point", diagonal([]float64{0, 0}, []float64{0, 0}), diagonal([]float64{3, 4}, []float64{2, 7}), 25 + 9},
		{"two points", diagonal([]float64{0, 0}, []float64{0, 0}), diagonal([]float64{3, 4}, []float64{0, 0}), 25},
		{"other subspaces", diagonal([]float64{0, 0}, []float64{4, 0}), diagonal([]float64{0, 0}, []float64{0, 9}), 13},
		// |u|² + |v|² − 2|u·v|
		{"lines", outer(1, 2, 2), outer(0, 3, -4), 9 + 25 - 2*2},
		{"equal lines", outer(1, 2, 2), outer(1, 2, 2), 0},
	} {
		got := must[float64](t)(Frechet(c.a, c.b))
		if math.Abs(got-c.want) > 1e-13*(mat.Trace(c.a.Cov)+mat.Trace(c.b.Cov)) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// In two dimensions tr (Σ₁Σ₂)^½ = √(tr Σ₁Σ₂ + 2 √det Σ₁Σ₂).
func TestFrechetInThePlane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaussian := func(name string) Gaussian {
			// The covariance is LLᵀ.
			a, b, c := rapid.Float64Range(-3, 3).Draw(t, name), rapid.Float64Range(-3, 3).Draw(t, name), rapid.Float64Range(-3, 3).Draw(t, name)
			return Gaussian{Mean: []float64{a, c}, Cov: mat.NewSymDense(2, []float64{a * a, a * b, a * b, b*b + c*c})}
		}
		x, y := gaussian("first"), gaussian("second")
		var product mat.Dense
		product.Mul(x.Cov, y.Cov)
		det := (x.Cov.At(0, 0)*x.Cov.At(1, 1) - x.Cov.At(0, 1)*x.Cov.At(0, 1)) *
			(y.Cov.At(0, 0)*y.Cov.At(1, 1) - y.Cov.At(0, 1)*y.Cov.At(0, 1))
		u, v := x.Mean[0]-y.Mean[0], x.Mean[1]-y.Mean[1]
		traces := mat.Trace(x.Cov) + mat.Trace(y.Cov)
		want := u*u + v*v + traces - 2*math.Sqrt(max(mat.Trace(&product), 0)+2*math.Sqrt(max(det, 0)))
		got := must[float64](t)(Frechet(x, y))
		back := must[float64](t)(Frechet(y, x))
		// The determinant of what is nearly singular is good to ε, its
		// fourth root less.
		if math.Abs(got-want) > 1e-6*traces || math.Abs(got-back) > 1e-13*traces {
			t.Fatalf("%v one way and %v the other, want %v", got, back, want)
		}
	})
}

// rotated returns f turned by a random rotation and moved.
func rotated(f Features, seed uint64, shift float64) Features {
	var qr mat.QR
	random := normal(seed, f.D, f.D)
	m := mat.NewDense(f.D, f.D, nil)
	m.Apply(func(i, j int, _ float64) float64 { return float64(random.Row(i)[j]) }, m)
	qr.Factorize(m)
	var q mat.Dense
	qr.QTo(&q)
	out := Features{f.N, f.D, make([]float32, len(f.X))}
	for i := range f.N {
		for j := range f.D {
			sum := shift
			for k, v := range f.Row(i) {
				sum += float64(v) * q.At(k, j)
			}
			out.Row(i)[j] = float32(sum)
		}
	}
	return out
}

func TestFrechetInvariances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 12).Draw(t, "dimensions")
		x := normal(rapid.Uint64().Draw(t, "x"), rapid.IntRange(2, 40).Draw(t, "n"), d)
		y := normal(rapid.Uint64().Draw(t, "y"), rapid.IntRange(2, 40).Draw(t, "m"), d)
		want := must[float64](t)(FrechetDistance(x, y))
		check := func(name string, x, y Features, factor float64) {
			got := must[float64](t)(FrechetDistance(x, y))
			if math.Abs(got-want*factor) > 1e-4*factor*float64(d) {
				t.Fatalf("%s: %v, want %v", name, got, want*factor)
			}
		}
		check("swapped", y, x, 1)
		seed := rapid.Uint64().Draw(t, "rotation")
		check("turned and moved", rotated(x, seed, 3), rotated(y, seed, 3), 1)
		double := func(f Features) Features {
			out := Features{f.N, f.D, make([]float32, len(f.X))}
			for i, v := range f.X {
				out.X[i] = 2 * v
			}
			return out
		}
		check("doubled", double(x), double(y), 4)
		if self := must[float64](t)(FrechetDistance(x, rotated(x, seed, 3))); self < 0 {
			t.Fatalf("distance %v", self)
		}
		if self := must[float64](t)(FrechetDistance(x, x)); self > 1e-12*float64(d) {
			t.Fatalf("%v from itself", self)
		}
	})
}

func TestFrechetFaults(t *testing.T) {
	good := normal(1, 5, 2)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30} {
		bad := normal(1, 5, 2)
		bad.X[3] = float32(v)
		for _, pair := range [][2]Features{{good, bad}, {bad, good}} {
			_, err := FrechetDistance(pair[0], pair[1])
			wantError(t, err, fmt.Sprintf("feature 1 of image 1 is %v", float32(v)))
		}
	}
	_, err := FrechetDistance(good, Features{1, 2, good.X[:2]})
	wantError(t, err, "samples: 1 given where at least 2 are needed")
	_, err = Frechet(diagonal([]float64{0, 0}, []float64{1, -1}), diagonal([]float64{0, 0}, []float64{1, 1}))
	wantError(t, err, "first distribution: the covariance has the negative eigenvalue -1")
	_, err = Frechet(diagonal([]float64{0, 0}, []float64{1, 1}), diagonal([]float64{0, 0}, []float64{1, math.NaN()}))
	wantError(t, err, "second distribution: element 1, 1 of the covariance is NaN")
	_, err = Frechet(diagonal([]float64{0, math.Inf(1)}, []float64{1, 1}), diagonal([]float64{0, 0}, []float64{1, 1}))
	wantError(t, err, "first distribution, mean: value 1 of 2 is +Inf")
	wantPanic(t, "judge: features of 2 and of 3 dimensions", func() { FrechetDistance(good, normal(1, 5, 3)) })
	wantPanic(t, "judge: 9 values for 5 points in 2 dimensions", func() { Fit(Features{5, 2, good.X[:9]}) })
}

func wantError(t *testing.T, err error, fault string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Input+": "+e.Fault != fault && e.Fault != fault {
		t.Errorf("error %v, want %q", err, fault)
	}
}

func wantPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panic %v, want %v", got, want)
		}
	}()
	f()
}
