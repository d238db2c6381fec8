package dataset

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// TestScale computes what torchvision does with every rounding made explicit.
func TestScale(t *testing.T) {
	single := func(x float64) *big.Float { return new(big.Float).SetPrec(24).SetFloat64(x) }
	s := &Set{N: 1, C: 1, H: 16, W: 16, Pixels: make([]byte, 256)}
	for p := range s.Pixels {
		s.Pixels[p] = byte(p)
	}
	got := make([]float32, 256)
	s.Image(got, 0)
	for p, x := range got {
		unit := single(0).Quo(single(float64(p)), single(255)) // ToTensor
		unit.Sub(unit, single(0.5)).Quo(unit, single(0.5))     // Normalize
		want, _ := unit.Float32()
		if math.Float32bits(x) != math.Float32bits(want) {
			t.Errorf("byte %d becomes %v, not %v", p, x, want)
		}
		if math.Abs(float64(x)-(float64(p)/127.5-1)) > 1.2e-7 {
			t.Errorf("byte %d becomes %v", p, x)
		}
	}
	if got[0] != -1 || got[255] != 1 {
		t.Errorf("the ends are %v and %v", got[0], got[255])
	}
}

func TestSplit(t *testing.T) {
	s := &Set{Name: "ten", N: 10, C: 1, H: 1, W: 2}
	for i := range byte(s.N) {
		s.Pixels, s.Labels = append(s.Pixels, i, 100+i), append(s.Labels, 200+i)
	}
	for n, want := range map[int][]byte{0: {}, 1: {9}, 3: {3, 6, 9}, 5: {1, 3, 5, 7, 9}, 10: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		rest, held := s.Split(n)
		var got []byte
		for i := range held.N {
			got = append(got, held.Pixels[2*i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d held out are %v, want %v", n, got, want)
		}
		seen := map[byte]bool{}
		for _, p := range []*Set{rest, held} {
			p.check()
			for i := range p.N {
				seen[p.Pixels[2*i]] = true
				if p.Pixels[2*i+1] != 100+p.Pixels[2*i] || p.Labels[i] != 200+p.Pixels[2*i] || p.Name != s.Name {
					t.Errorf("n %d: image %d has the pixels %v and the label %d", n, i, p.Pixels[2*i:2*i+2], p.Labels[i])
				}
			}
		}
		if rest.N != 10-n || held.N != n || len(seen) != 10 {
			t.Errorf("n %d: %d and %d images, %d different", n, rest.N, held.N, len(seen))
		}
	}
	s.Labels = nil
	if rest, held := s.Split(2); rest.Labels != nil || held.Labels != nil {
		t.Error("labels of a set that has none")
	}
}

func TestImage(t *testing.T) {
	s := &Set{N: 3, C: 2, H: 1, W: 2, Pixels: []byte{0, 0, 0, 0, 255, 0, 255, 0, 0, 255, 255, 255}}
	x := make([]float32, 4)
	for i, want := range [][4]float32{{-1, -1, -1, -1}, {1, -1, 1, -1}, {-1, 1, 1, 1}} {
		if s.Image(x, i); [4]float32(x) != want {
			t.Errorf("image %d is %v", i, x)
		}
	}
	for name, f := range map[string]func(){
		"split −1":    func() { s.Split(-1) },
		"split 4":     func() { s.Split(4) },
		"image −1":    func() { s.Image(x, -1) },
		"image 3":     func() { s.Image(x, 3) },
		"short":       func() { s.Image(x[:3], 0) },
		"long":        func() { s.Image(make([]float32, 5), 0) },
		"few pixels":  func() { NewLoader(&Set{N: 2, C: 1, H: 2, W: 2, Pixels: make([]byte, 7)}, 1, 0, true) },
		"few labels":  func() { NewLoader(&Set{N: 1, C: 1, H: 1, W: 1, Pixels: []byte{1}, Labels: []byte{}}, 1, 0, true) },
		"zero batch":  func() { NewLoader(s, 0, 0, true) },
		"far batch":   func() { NewLoader(s, 2, 0, true).Seek(0, 3) },
		"epoch −1":    func() { NewLoader(s, 2, 0, true).Seek(-1, 0) },
		"small batch": func() { NewLoader(s, 2, 0, true).Next(make([]float32, 7)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
