package lane

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

func TestPackUnpack(t *testing.T) {
	for _, width := range []int{Width, Max} {
		for n := 1; n <= width; n++ {
			testPackUnpack(t, n, width)
		}
	}
}

func testPackUnpack(t *testing.T, n, width int) {
	s := Shape{C: 2, H: 3, W: 5}
	images := make([]float32, n*s.Len())
	for i := range images {
		images[i] = float32(i)
	}
	block := make([]float32, s.BlockLen(width))
	Pack(block, images, s)
	for l := range width {
		c, y, x := 1, 2, 3
		want := images[min(l, n-1)*s.Len()+(c*s.H+y)*s.W+x]
		if got := block[((y*s.W+x)*s.C+c)*width+l]; got != want {
			t.Fatalf("%d images: lane %d of %d holds %v, want %v", n, l, width, got, want)
		}
	}
	back := make([]float32, len(images))
	Unpack(back, block, s)
	if !slices.Equal(back, images) {
		t.Fatalf("%d images do not come back from %d lanes", n, width)
	}
}

func TestPoolVisitsEveryBlockOnce(t *testing.T) {
	for workers := range 6 {
		for n := range 20 {
			visits := make([]atomic.Int32, n)
			Pool{Workers: workers}.Each(n, func(worker, block int) {
				if worker < 0 || worker >= max(workers, 1) {
					panic(fmt.Sprint("worker ", worker))
				}
				visits[block].Add(1)
			})
			for b := range visits {
				if visits[b].Load() != 1 {
					t.Fatalf("%d workers: block %d of %d visited %d times", workers, b, n, visits[b].Load())
				}
			}
		}
	}
}
