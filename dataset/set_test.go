package dataset

import (
	"math"
	"math/big"
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

func TestImage(t *testing.T) {
	s := &Set{N: 3, C: 2, H: 1, W: 2, Pixels: []byte{0, 0, 0, 0, 255, 0, 255, 0, 0, 255, 255, 255}}
	x := make([]float32, 4)
	for i, want := range [][4]float32{{-1, -1, -1, -1}, {1, -1, 1, -1}, {-1, 1, 1, 1}} {
		if s.Image(x, i); [4]float32(x) != want {
			t.Errorf("image %d is %v", i, x)
		}
	}
	for name, f := range map[string]func(){
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
