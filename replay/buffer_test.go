package replay

import (
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/random"
)

// tiny returns an empty buffer of images of two values.
func tiny(limit int) *Buffer {
	return New(lane.Shape{C: 1, H: 1, W: 2}, Config{Size: limit, Policy: FIFO}, Restart{Uniform: 1}, -1, 1, 0)
}

// image returns a copy of image i.
func (b *Buffer) image(i int) []float32 {
	x := make([]float32, b.size)
	b.Image(x, i)
	return x
}

// put adds images without chains behind them.
func (b *Buffer) put(images []float32) { b.Add(images, random.Stream{}, 0) }

func contents(r *Buffer) (v []float32) {
	for i := range r.n {
		v = append(v, r.image(i)[0])
	}
	return v
}

// The default recipe's buffer: newest batch first, in the batch's order, cut to the
// limit.
func TestOrder(t *testing.T) {
	r := tiny(7)
	var want []float32
	next := float32(0)
	for _, n := range []int{3, 3, 3, 1, 7, 2, 9, 3} {
		batch := make([]float32, 2*n)
		var values []float32
		for i := range n {
			batch[2*i], batch[2*i+1] = next, -next
			values = append(values, next)
			next++
		}
		r.put(batch)
		want = append(values, want...)
		want = want[:min(len(want), 7)]
		if got := contents(r); !slices.Equal(got, want) {
			t.Fatalf("after a batch of %d the buffer holds %v, want %v", n, got, want)
		}
		before := contents(r)
		var f checkpoint.File
		r.Save(&f)
		saved := f.Tensors[0]
		if got := contents(r); !slices.Equal(got, before) || saved.Shape[0] != r.n {
			t.Fatalf("saving turned %v into %v", before, got)
		}
		for i := range r.n {
			if slices.Concat(saved.Data.([][]float32)...)[2*i] != before[i] {
				t.Fatalf("saved %v, want %v", saved.Data, before)
			}
		}
	}
}

func TestStartsWithNoise(t *testing.T) {
	r := tiny(100)
	r.Fill(64, random.Stream{Seed: 42, Purpose: random.InitialNoise})
	if r.n != 64 {
		t.Fatalf("%d images, want a batch of 64", r.n)
	}
	distinct := map[float32]bool{}
	for i := range 64 {
		for _, v := range r.image(i) {
			if v < -1 || v >= 1 {
				t.Fatalf("%v lies outside [-1, 1)", v)
			}
			distinct[v] = true
		}
	}
	if len(distinct) < 120 {
		t.Errorf("%d distinct values in 128", len(distinct))
	}
}

// Draws are uniform over the buffer, with replacement; restarts come first
// and their number is binomial.
func TestDraw(t *testing.T) {
	const images, batch, draws, p = 5, 8, 4000, 0.25
	r := tiny(images)
	fill := make([]float32, 2*images)
	for i := range images {
		fill[2*i] = float32(10 + i)
	}
	r.put(fill)
	var counts [images]int
	var fresh, squares float64
	duplicates := 0
	x := make([]float32, 2*batch)
	for step := range uint32(draws) {
		n := r.Draw(x, x, p, random.Stream{Seed: 42}, step)
		fresh += float64(n)
		squares += float64(n * n)
		seen := map[float32]bool{}
		for i := range batch {
			v := x[2*i]
			if i < n {
				if v < -1 || v >= 1 {
					t.Fatalf("restart %d of %d holds %v", i, n, v)
				}
				continue
			}
			if v < 10 {
				t.Fatalf("draw %d after %d restarts holds %v", i, n, v)
			}
			counts[int(v)-10]++
			if seen[v] {
				duplicates++
			}
			seen[v] = true
		}
	}
	mean := fresh / draws
	variance := squares/draws - mean*mean
	// Binomial(8, ¼): mean 2 ± 0.019, variance 1.5 ± 0.034 (one error each).
	if math.Abs(mean-batch*p) > 0.08 || math.Abs(variance-batch*p*(1-p)) > 0.14 {
		t.Errorf("restarts have mean %v and variance %v, want 2 and 1.5", mean, variance)
	}
	total := float64(batch*draws) - fresh
	for i, c := range counts {
		if want := total / images; math.Abs(float64(c)-want) > 4.5*math.Sqrt(want) {
			t.Errorf("image %d drawn %d times of %v, want %v", i, c, total, want)
		}
	}
	if duplicates == 0 {
		t.Error("no image was drawn twice into a batch: draws must replace")
	}
}

// A step draws the same batch again, but not in another try.
func TestDrawAgain(t *testing.T) {
	const images, batch, p = 5, 8, 0.25
	r := tiny(images)
	fill := make([]float32, 2*images)
	for i := range fill {
		fill[i] = float32(10 + i)
	}
	r.put(fill)
	x, again := make([]float32, 2*batch), make([]float32, 2*batch)
	r.Draw(x, x, p, random.Stream{Seed: 42}, 7)
	r.Draw(again, again, p, random.Stream{Seed: 42}, 7)
	if !slices.Equal(x, again) {
		t.Error("the same step drew another batch")
	}
	r.Draw(again, again, p, random.Stream{Seed: 42, Retry: 1}, 7)
	if slices.Equal(x, again) {
		t.Error("a retry replays the draws that failed")
	}
}
