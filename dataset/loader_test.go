package dataset

import (
	"fmt"
	"slices"
	"testing"

	"github.com/joule-ml/joule/random"
)

// counted returns a set whose image i is two bytes that tell i.
func counted(n int) *Set {
	s := &Set{Name: "counted", N: n, C: 1, H: 1, W: 2}
	for i := range n {
		s.Pixels = append(s.Pixels, byte(i>>8), byte(i))
	}
	return s
}

func pixel(x float32) int { return int((x+1)*127.5 + 0.5) }

// rest returns the numbers of the images that l still hands out, and the
// sizes of its batches.
func rest(l *Loader, batch int) (images, sizes []int) {
	x := make([]float32, 2*batch)
	for n := l.Next(x); n > 0; n = l.Next(x) {
		for i := range n {
			images = append(images, pixel(x[2*i])<<8|pixel(x[2*i+1]))
		}
		sizes = append(sizes, n)
	}
	return images, sizes
}

func TestLoader(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 1000} {
		for _, batch := range []int{1, 7, 8, 64} {
			for _, shuffle := range []bool{false, true} {
				s := counted(n)
				l := NewLoader(s, batch, 42, shuffle)
				for _, epoch := range []int{0, 1, 5} {
					l.Seek(epoch, 0)
					all, sizes := rest(l, batch)
					want := make([]int, n)
					for i := range want {
						want[i] = i
					}
					if shuffle {
						for i, p := range (random.Stream{Seed: 42, Purpose: random.Shuffle}).Permutation(n, uint32(epoch)) {
							want[i] = int(p)
						}
					}
					if !slices.Equal(all, want) {
						t.Fatalf("n %d, batch %d, epoch %d: order %v, not %v", n, batch, epoch, all, want)
					}
					if len(sizes) != l.Batches() {
						t.Errorf("n %d: %d batches of %d, not %d", n, len(sizes), batch, l.Batches())
					}
					for i, size := range sizes {
						if size != min(batch, n-i*batch) {
							t.Errorf("n %d: batch %d has %d images of %d", n, i, size, batch)
						}
					}
					if l.Next(nil) != 0 {
						t.Error("more after the end of the epoch")
					}
					for k := range l.Batches() + 1 {
						fresh := NewLoader(s, batch, 42, shuffle)
						fresh.Seek(epoch, k)
						if got, _ := rest(fresh, batch); !slices.Equal(got, all[min(k*batch, n):]) {
							t.Errorf("n %d, batch %d: batch %d of epoch %d cannot be found again", n, batch, k, epoch)
						}
						if k == 20 {
							break
						}
					}
				}
			}
		}
	}
}

func TestLoaderOrder(t *testing.T) {
	s := counted(100)
	order := func(seed uint64, epoch, batch int) []int {
		l := NewLoader(s, batch, seed, true)
		l.Seek(epoch, 0)
		all, _ := rest(l, batch)
		return all
	}
	base := order(1, 0, 8)
	if !slices.Equal(base, order(1, 0, 33)) {
		t.Error("the order depends on the batch size")
	}
	if slices.Equal(base, order(2, 0, 8)) || slices.Equal(base, order(1, 1, 8)) || slices.IsSorted(base) {
		t.Error("the order does not depend on seed and epoch")
	}
	l := NewLoader(s, 8, 1, true)
	l.Seek(3, 2)
	l.Next(make([]float32, 16))
	l.Seek(0, 0)
	if again, _ := rest(l, 8); !slices.Equal(base, again) {
		t.Error("the order depends on what was read before")
	}
}

func TestLoaderAllocations(t *testing.T) {
	l := NewLoader(counted(6000), 64, 1, true)
	x := make([]float32, 2*64)
	if n := testing.AllocsPerRun(50, func() { l.Next(x) }); n != 0 {
		t.Errorf("Next allocates %v times", n)
	}
}

func ExampleLoader() {
	set := &Set{Name: "steps", N: 5, C: 1, H: 1, W: 1, Pixels: []byte{0, 51, 102, 204, 255}}
	l := NewLoader(set, 2, 42, false)
	x := make([]float32, 2*set.Size())
	for n := l.Next(x); n > 0; n = l.Next(x) {
		fmt.Printf("%.1f\n", x[:n*set.Size()])
	}
	// Output:
	// [-1.0 -0.6]
	// [-0.2 0.6]
	// [1.0]
}

func BenchmarkNext(b *testing.B) {
	l := NewLoader(&Set{N: 60000, C: 1, H: 28, W: 28, Pixels: make([]byte, 60000*28*28)}, 64, 42, true)
	x := make([]float32, 64*28*28)
	b.SetBytes(int64(len(x)))
	for b.Loop() {
		if l.Next(x) == 0 {
			l.Seek(0, 0)
		}
	}
}

// Labels come with their images.
func TestLoaderLabels(t *testing.T) {
	s := counted(100)
	for i := range s.N {
		s.Labels = append(s.Labels, byte(3*i))
	}
	l := NewLoader(s, 7, 1, true)
	x, labels, seen := make([]float32, 14), make([]byte, 7), 0
	for n := l.NextLabelled(x, labels); n > 0; n = l.NextLabelled(x, labels) {
		for i, label := range labels[:n] {
			if image := pixel(x[2*i])<<8 | pixel(x[2*i+1]); label != byte(3*image) {
				t.Errorf("image %d has label %d", image, label)
			}
			seen++
		}
	}
	if seen != 100 {
		t.Errorf("%d images", seen)
	}
}
