package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestKeep holds every kernel to the words of Philox, for both widths, and counts
// what is dropped.
func TestKeep(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	var c Counter
	for l := range MaxWidth {
		c.Key0[l], c.Key1[l], c.Stream[l], c.Chain[l], c.Step[l] = rng.Uint32(), rng.Uint32(), rng.Uint32(), uint32(l), 7
	}
	for _, width := range []int{Width, MaxWidth} {
		for n := range 23 {
			d, intact := guarded(n*width, rng.IntN(8), func() float32 { return guard })
			want := make([]float32, len(d))
			Keep(width, d, &c, 5, 1<<23, 2)
			keepGeneric(width, want, &c, 5, 1<<23, 2, 0)
			sameAs(t, "Keep", width, d, want)
			if !intact() {
				t.Fatal("Keep wrote outside")
			}
		}
	}
	d, dropped := make([]float32, 4000*Width), 0.0
	Keep(Width, d, &c, 0, 1<<24/5, 1.25)
	for _, v := range d {
		if v == 0 {
			dropped++
		} else if v != 1.25 {
			t.Fatalf("a value of %v", v)
		}
	}
	if share := dropped / float64(len(d)); share < 0.19 || share > 0.21 { // six standard errors are 0.013
		t.Errorf("%v are dropped, want 0.2", share)
	}
}

func BenchmarkKeep(b *testing.B) {
	d, c := make([]float32, 1024*Width), counter()
	b.SetBytes(int64(4 * len(d)))
	for b.Loop() {
		Keep(Width, d, c, 0, 1<<23, 2)
	}
}
