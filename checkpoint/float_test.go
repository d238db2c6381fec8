package checkpoint

import (
	"bytes"
	"fmt"
	"math"
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

// TestOtherFloats reads files of the types that are not written.
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
