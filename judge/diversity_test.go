package judge

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDiversityAgreesWithSciPy(t *testing.T) {
	f := readFixtures(t).Diversity
	if len(f) < 6 {
		t.Fatal("fixtures are missing")
	}
	for i, c := range f {
		d := must[Diversity](t)(NewDiversity(t.Context(), pool, c.A.features(), nil, 0))
		near(t, fmt.Sprint(i), d.Mean, c.Want, 1e-7)
		if d.Class != nil {
			t.Error("classes without labels")
		}
	}
}

func TestDiversityOfClasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const classes = 4
		n, d := rapid.IntRange(2, 120).Draw(t, "n"), rapid.SampledFrom([]int{1, 5, 900}).Draw(t, "d")
		f := normal(rapid.Uint64().Draw(t, "seed"), n, d)
		labels := rapid.SliceOfN(rapid.IntRange(0, classes-1), n, n).Draw(t, "labels")
		got := must[Diversity](t)(NewDiversity(t.Context(), pool, f, labels, classes))
		var sum, count [classes + 1]float64
		for i := range n {
			for j := range i {
				distance := math.Sqrt(squared(f.Row(i), f.Row(j)))
				sum[classes] += distance
				count[classes]++
				if labels[i] == labels[j] {
					sum[labels[i]] += distance
					count[labels[i]]++
				}
			}
		}
		for c, v := range append(got.Class, got.Mean) {
			want := sum[c] / count[c]
			if math.IsNaN(v) != math.IsNaN(want) || math.Abs(v-want) > 4e-6*want {
				t.Fatalf("class %d: %v, want %v", c, v, want)
			}
		}
	})
}

func TestDiversityFaults(t *testing.T) {
	_, err := NewDiversity(t.Context(), pool, normal(1, 1, 2), nil, 0)
	wantError(t, err, "features: 1 given where at least 2 are needed")
	wantPanic(t, "judge: label 2 of 2 classes", func() { NewDiversity(t.Context(), pool, normal(1, 2, 2), []int{0, 2}, 2) })
	wantPanic(t, "judge: 1 labels for 2 points", func() { NewDiversity(t.Context(), pool, normal(1, 2, 2), []int{0}, 2) })
}
