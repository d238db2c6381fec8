package tensorboard

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestHistogram(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		values    []float32
		count     float64
		nonfinite float64
	}{
		{nil, 0, 0},
		{[]float32{nan, inf, -inf}, 0, 3},
		{[]float32{nan, 1, inf, 2, -inf, 2, nan}, 3, 4},
		{[]float32{math.MaxFloat32, -math.MaxFloat32}, 2, 0},
		{[]float32{math.SmallestNonzeroFloat32, 0}, 2, 0},
		{[]float32{7}, 1, 0},
	}
	for step, tt := range tests {
		w, b := memory()
		check(t, w.Histogram("h", step, tt.values))
		check(t, w.Close())
		events, err := readAll(b)
		check(t, err)
		var h []Bucket
		nonfinite := 0.0
		for _, e := range events {
			v := e.Values[0]
			if x, ok := v.Scalar(); ok && v.Tag == "h/nonfinite" {
				nonfinite = float64(x)
			} else if h, ok = v.Histogram(); !ok || v.Tag != "h" || h == nil {
				t.Errorf("%v: %+v", tt.values, v)
			}
			if e.Step != int64(step) {
				t.Errorf("%v: step %d", tt.values, e.Step)
			}
		}
		count := 0.0
		for i, x := range h {
			count += x.Count
			if !(x.Left <= x.Right) || math.IsInf(x.Right-x.Left, 0) || i > 0 && x.Left < h[i-1].Right {
				t.Errorf("%v: buckets %v", tt.values, h)
			}
		}
		want := 0
		if tt.count > 0 {
			want++
		}
		if tt.nonfinite > 0 {
			want++
		}
		if count != tt.count || nonfinite != tt.nonfinite || len(events) != want {
			t.Errorf("%v: buckets %v, %g not finite, %d events", tt.values, h, nonfinite, len(events))
		}
	}
}

// TestHistogramCounts holds the buckets to a count one by one.
func TestHistogramCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32), 1, 300).Draw(t, "values")
		h, _ := histogram(values)
		low, high := h[0].Left, h[len(h)-1].Right
		if low != float64(slices.Min(values)) || high != float64(slices.Max(values)) {
			t.Fatalf("from %g to %g", low, high)
		}
		// A value at an edge may be on either side of it, by rounding.
		slack := (high - low) * 1e-12
		for _, x := range h {
			inner, outer := 0.0, 0.0
			for _, v := range values {
				v := float64(v)
				if v > x.Left+slack && v < x.Right-slack {
					inner++
				}
				if v >= x.Left-slack && v <= x.Right+slack {
					outer++
				}
			}
			if x.Count < inner || x.Count > outer {
				t.Fatalf("%v of %d values", x, len(values))
			}
		}
	})
}

func BenchmarkHistogram(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, _ := memory()
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(math.Sin(float64(i)))
			}
			b.ReportAllocs()
			for step := 0; b.Loop(); step++ {
				if err := w.Histogram("weights", step, values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
