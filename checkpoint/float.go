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
		v = float32(math.Ldexp(float64(1024+fraction), exponent-25))
	}
	if b>>15 != 0 {
		v = -v
	}
	return v
}
