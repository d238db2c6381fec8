package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/joule-ml/joule/lane"
)

var pool = lane.Pool{Workers: 2}

// unit, bell and what follows are defined in testdata/README.md.
func unit(seed, n int) float64 {
	z := (uint64(seed)<<32 + uint64(n) + 1) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>40) / (1 << 24)
}

func bell(seed, n int) float64 {
	return unit(seed, 3*n) + unit(seed, 3*n+1) + unit(seed, 3*n+2) - 1.5
}

// normal makes n points from a standard normal distribution in d dimensions.
func normal(seed uint64, n, d int) Features {
	random := rand.New(rand.NewPCG(seed, 0))
	f := Features{n, d, make([]float32, n*d)}
	for i := range f.X {
		f.X[i] = float32(random.NormFloat64())
	}
	return f
}

type cloud struct {
	Seed, N, D, Rank int
	Scale, Shift     float64
}

func (c cloud) features() Features {
	f := Features{c.N, c.D, make([]float32, c.N*c.D)}
	z := make([]float64, c.Rank)
	for i := range c.N {
		for r := range z {
			z[r] = bell(c.Seed, i*c.Rank+r)
		}
		for j := range c.D {
			x := z[j%c.Rank] + 0.5*z[(j+1)%c.Rank]
			f.X[i*c.D+j] = float32(float64(x*c.Scale) + c.Shift)
		}
	}
	return f
}

func testProbabilities(seed, n, classes int) Features {
	p := Features{n, classes, make([]float32, n*classes)}
	row := make([]float64, classes)
	for i := range n {
		total := 0.0
		for c := range row {
			u := unit(seed, i*classes+c)
			row[c] = float64(u*u*u*u) + 0.01
			total += row[c]
		}
		for c := range row {
			p.X[i*classes+c] = float32(row[c] / total)
		}
	}
	return p
}

func testScores(seed, n int, scale, shift float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = math.Floor((float64(bell(seed, i)*scale)+shift)*16) / 16
	}
	return s
}

func testChains(seed, m, n int, phi, spread float64) [][]float64 {
	chains := make([][]float64, m)
	for c := range chains {
		chains[c] = make([]float64, n)
		last := 0.0
		for t := range n {
			last = float64(last*phi) + bell(seed, c*n+t)
			chains[c][t] = last + float64(spread*float64(c))
		}
	}
	return chains
}

type pair struct{ A, B cloud }

type fixtures struct {
	Frechet []struct {
		pair
		Want struct{ Sqrtm, Factors float64 }
	}
	Manifold []struct {
		pair
		K    int
		Want Manifold
	}
	Diversity []struct {
		pair
		Want float64
	}
	Nearest []struct {
		pair
		Want struct {
			Index    []int
			Distance []float64
		}
	}
	Probabilities []struct {
		Seed, N, Classes, Splits int
		Want                     struct {
			Score, Mean, SD float64
			Count           []int
			Entropy         float64
			Doubt           []float64
		}
	}
	Detection []struct {
		Seed, M, N          int
		Scale, Shift, Level float64
		Want                struct {
			AUROC, Low, High, FPR95 float64
			FPR95Low                float64 `json:"fpr95_low"`
			FPR95High               float64 `json:"fpr95_high"`
		}
	}
	Chains []struct {
		Seed, M, N  int
		Phi, Spread float64
		Want        struct {
			SplitRHat float64 `json:"split_rhat"`
			RankRHat  float64 `json:"rank_rhat"`
			MeanESS   float64 `json:"mean_ess"`
			BulkESS   float64 `json:"bulk_ess"`
		}
	}
}

func readFixtures(t *testing.T) (f fixtures) {
	b, err := os.ReadFile("testdata/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// near fails unless got is want to the given relative error.
func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*max(math.Abs(want), 1e-300)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func must[T any](t interface {
	Helper()
	Fatal(...any)
}) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
