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
	magnitude := b & 0x7fffffff
	if magnitude-least >= most-least {
		return toOddHalf(b>>16&0x8000, magnitude)
	}
	// Of 23 bits of fraction ten stay. A carry out of them raises the exponent,
	// as it should.
	return Half(b>>16&0x8000 | (magnitude+0xfff+magnitude>>13&1-(127-15)<<23)>>13)
}

// The bits of the magnitudes that become a half with an exponent of its own: from
// 2⁻¹⁴ to below 65520.
const least, most = 0x38800000, 0x477ff000

// toOddHalf is ToHalf for the other magnitudes.
func toOddHalf(sign, magnitude uint32) Half {
	switch {
	case magnitude > 0x7f800000:
		return Half(sign | 0x7e00)
	case magnitude >= most:
		return Half(sign | 0x7c00)
	}
	// A step is 2⁻²⁴, as that of float32 is from 0.5 on.
	steps := math.Float32bits(math.Float32frombits(magnitude)+0.5) - math.Float32bits(0.5)
	return Half(sign | steps)
}

// half returns the value of an IEEE 754 binary16: a sign, five bits of
// exponent biased by 15 and ten of fraction.
func half(b uint16) float32 {
	sign, magnitude := uint32(b&0x8000)<<16, uint32(b&0x7fff)<<13
	if magnitude-1<<23 >= 30<<23 {
		return oddHalf(sign, magnitude)
	}
	return math.Float32frombits(magnitude + (127-15)<<23 | sign)
}

// oddHalf is half for the least exponent and the greatest.
func oddHalf(sign, magnitude uint32) float32 {
	if magnitude >= 31<<23 { // infinity and NaN
		return math.Float32frombits(magnitude | 0x7f800000 | sign)
	}
	// A fraction of 2⁻¹⁴ without the leading 1.
	small := math.Float32frombits(magnitude+(127-14)<<23) - 0x1p-14
	return math.Float32frombits(math.Float32bits(small) | sign)
}
