package checkpoint

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestHalf(t *testing.T) {
	for b, want := range map[uint16]float32{
		0: 0, 1: 0x1p-24, 0x3ff: 1023 * 0x1p-24, 0x400: 0x1p-14, 0x3555: 0.333251953125, 0x3c00: 1, 0x3c01: 1 + 0x1p-10,
		0xc000: -2, 0x7bff: 65504, 0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := half(b); got != want {
			t.Errorf("%#04x is %v, want %v", b, got, want)
		}
	}
	for b := range uint16(0x7c00) {
		if x, y := half(b), half(b+1); !(x < y) || half(b|0x8000) != -x {
			t.Fatalf("%#04x is %v, the next %v, the negative %v", b, x, y, half(b|0x8000))
		}
		if b >= 0x400 && b < 0x7bff { // ten bits of fraction: a step is 2⁻¹⁰ of the power of two below
			_, e := math.Frexp(float64(half(b)))
			if step := float64(half(b+1)) - float64(half(b)); step != math.Ldexp(1, e-11) {
				t.Fatalf("the step at %#04x is %v", b, step)
			}
		}
	}
	for _, b := range []uint16{0x7c01, 0x7fff, 0xfe00} {
		if v := half(b); v == v {
			t.Errorf("%#04x is %v, want NaN", b, v)
		}
	}
	if v := half(0x8000); v != 0 || !math.Signbit(float64(v)) {
		t.Error("minus zero lost its sign")
	}
}

// ToHalf is held to a search for the nearest of all halves.
func TestToHalf(t *testing.T) {
	for b := range uint16(0x7c00) {
		x, y := float64(half(b)), float64(half(b+1))
		if b == 0x7bff {
			y = 65536 // where the next would be
		}
		middle := (x + y) / 2
		even := Half(b + b&1)
		for v, want := range map[float64]Half{
			x: Half(b), middle: even,
			float64(math.Nextafter32(float32(middle), 0)):   Half(b),
			float64(math.Nextafter32(float32(middle), 1e9)): Half(b + 1),
		} {
			if got := ToHalf(float32(v)); got != want {
				t.Fatalf("%v becomes %#04x, want %#04x", v, got, want)
			}
			if got := ToHalf(-float32(v)); got != want|0x8000 {
				t.Fatalf("%v becomes %#04x, want %#04x", -v, got, want|0x8000)
			}
		}
	}
	if v := ToHalf(float32(math.NaN())).Float32(); v == v {
		t.Errorf("NaN becomes %v", v)
	}
	if v := ToHalf(float32(math.Inf(-1))).Float32(); !math.IsInf(float64(v), -1) {
		t.Errorf("−∞ becomes %v", v)
	}
}

// TestAllHalves: every half is itself again, and NaN stays NaN.
func TestAllHalves(t *testing.T) {
	for b := range 1 << 16 {
		h := Half(b)
		if v := h.Float32(); ToHalf(v) != h && (v == v || ToHalf(v).Float32() == ToHalf(v).Float32()) {
			t.Fatalf("%#04x is %v and becomes %#04x", b, v, ToHalf(v))
		}
	}
}

func TestHalfTensor(t *testing.T) {
	var b bytes.Buffer
	if err := Encode(&b, &File{Tensors: []Tensor{{Name: "a", Shape: []int{3}, Data: []Half{ToHalf(1.5), ToHalf(-2), ToHalf(1. / 3)}}}}); err != nil {
		t.Fatal(err)
	}
	f, err := Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := f.Float32("a", 3); err != nil || v[0] != 1.5 || v[1] != -2 || v[2] != 0.333251953125 {
		t.Errorf("read as %v, %v", v, err)
	}
}

// TestParts: parts are written as the whole would be, and halves are read as such or
// as float32.
func TestParts(t *testing.T) {
	for _, c := range []struct{ whole, parts any }{
		{[]float32{1, 2, 3}, [][]float32{{1}, {2, 3}}},
		{[]uint8{1, 2, 3}, [][]uint8{{1, 2}, nil, {3}}},
		{[]Half{1, 2, 3}, [][]Half{{1, 2, 3}}},
	} {
		a := encoded(t, &File{Tensors: []Tensor{{"a", []int{3}, c.whole}}})
		if b := encoded(t, &File{Tensors: []Tensor{{"a", []int{3}, c.parts}}}); !bytes.Equal(a, b) {
			t.Errorf("%T: other bytes in parts", c.whole)
		}
		f, err := decode(bytes.NewReader(a), int64(len(a)), all, true)
		if err != nil || !reflect.DeepEqual(f.Tensors[0].Data, c.whole) {
			t.Errorf("read as %v, %v", f, err)
		}
		if !isHalves(&f.Tensors[0]) {
			continue
		}
		if v, err := f.Float32("a", 3); err != nil || !slices.Equal(v, []float32{0x1p-24, 0x1p-23, 3 * 0x1p-24}) {
			t.Errorf("halves become %v, %v", v, err)
		}
		if _, err := f.Float32("a", 4); err == nil {
			t.Error("halves of another shape are taken")
		}
	}
}

// TestOtherFloats reads files of all types of floating point but F32.
func TestOtherFloats(t *testing.T) {
	for dtype, data := range map[string]string{
		"F16":  "\x00\x3e\x00\xc0\x00\x7c",
		"BF16": "\xc0\x3f\x00\xc0\x80\x7f",
		"F64":  "\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\xf0\x7f",
	} {
		b := raw(fmt.Sprintf(`{"a":{"dtype":%q,"shape":[3],"data_offsets":[0,%d]}}`, dtype, len(data)), 0)
		b = append(b, data...)
		f, err := Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Errorf("%s: %v", dtype, err)
			continue
		}
		v, err := f.Float32("a", 3)
		if err != nil || v[0] != 1.5 || v[1] != -2 || !math.IsInf(float64(v[2]), 1) {
			t.Errorf("%s is read as %v, %v", dtype, v, err)
		}
	}
}

func TestFloats(t *testing.T) {
	for dtype, bytes := range map[string]string{
		"F32":  "\x00\x00\x80\x3f\x00\x00\x00\xc0",
		"F64":  "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\xc0",
		"BF16": "\x80\x3f\x00\xc0",
		"F16":  "\x00\x3c\x00\xc0",
	} {
		if got := Floats(dtype, []byte(bytes)); len(got) != 2 || got[0] != 1 || got[1] != -2 {
			t.Errorf("%s: %v", dtype, got)
		}
		if got := Floats(dtype, nil); len(got) != 0 {
			t.Errorf("%s of nothing: %v", dtype, got)
		}
		for _, wrong := range []struct{ dtype, bytes string }{{dtype, bytes[1:]}, {"I64", bytes}, {"", ""}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("no panic for %d bytes of %q", len(wrong.bytes), wrong.dtype)
					}
				}()
				Floats(wrong.dtype, []byte(wrong.bytes))
			}()
		}
	}
}
