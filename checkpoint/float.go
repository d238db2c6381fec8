package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
)

// floatReader returns what reads a number of the type as float32, or nil for
// a type that is not of floating point.
func floatReader(dtype string) func(b []byte) float32 {
	switch dtype {
	case "F32":
		return func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
	case "F64": // rounded; infinite where float32 has nothing as large
		return func(b []byte) float32 {
			return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case "BF16": // the upper half of a float32
		return func(b []byte) float32 {
			return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
		}
	case "F16":
		return func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) }
	}
	return nil
}

// Floats returns the numbers in b, which are little-endian and of the type F32,
// F16, BF16 or F64, as Read gives them. It panics for other types and for a b
// that ends within a number.
func Floats(dtype string, b []byte) []float32 {
	get, width := floatReader(dtype), int(sizeOf(dtype))
	if get == nil || len(b)%width != 0 {
		panic(fmt.Sprintf("checkpoint: Floats of %d bytes of %s", len(b), dtype))
	}
	data := make([]float32, len(b)/width)
	for i := range data {
		data[i] = get(b[i*width:])
	}
	return data
}

// A Half is a number of IEEE 754 binary16, as its bits. A tensor of them takes
// half the room of float32 and is read as that.
type Half uint16

// Float32 returns the number, which float32 has exactly.
func (h Half) Float32() float32 { return half(uint16(h)) }

// ToHalf returns the nearest Half; where two are equally near, the one whose
// last bit is 0. Magnitudes from 65520 on become infinity. NaN stays NaN.
func ToHalf(v float32) Half {
	b := math.Float32bits(v)
	sign, magnitude := b>>16&0x8000, b&0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return Half(sign | 0x7e00)
	case magnitude >= 0x477ff000: // 65520
		return Half(sign | 0x7c00)
	case magnitude < 0x38800000: // below 2⁻¹⁴ a step is 2⁻²⁴, which is 1 there
		steps := math.RoundToEven(math.Ldexp(float64(math.Float32frombits(magnitude)), 24))
		return Half(sign | uint32(steps))
	}
	// Of 23 bits of fraction ten stay. A carry out of them raises the exponent,
	// as it should.
	magnitude += 0xfff + magnitude>>13&1
	return Half(sign | (magnitude-(127-15)<<23)>>13)
}

// half returns the value of an IEEE 754 binary16: a sign, five bits of
// exponent biased by 15 and ten of fraction.
func half(b uint16) float32 {
	exponent, fraction := int(b>>10&31), uint32(b&1023)
	var v float32
	switch exponent {
	case 0:
		v = float32(math.Ldexp(float64(fraction), -24))
	case 31:
		v = math.Float32frombits(0x7f800000 | fraction<<13)
	default:
		v = math.Float32frombits(uint32(exponent+127-15)<<23 | fraction<<13)
	}
	if b>>15 != 0 {
		v = -v
	}
	return v
}
