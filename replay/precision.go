package replay

import (
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/random"
)

// The precisions that the values of images are kept in.
const (
	Float32 = "float32"
	Float16 = "float16" // IEEE 754 binary16, rounded to the nearest
	Uint8   = "uint8"   // 256 levels over the range of pixels, see levels
)

// ValueBytes returns the bytes that a value takes.
func (c Config) ValueBytes() int {
	switch c.Precision {
	case Float16:
		return 2
	case Uint8:
		return 1
	}
	return 4
}

// MaxHalf is the greatest finite value of Float16.
const MaxHalf = 65504

// A value is what is kept of one.
type value interface {
	float32 | checkpoint.Half | uint8
}

// A codec turns values of images into what is kept of them, and back. dst and src
// have one length.
type codec[T value] interface {
	encode(dst []T, src []float32, d dither)
	decode(dst []float32, src []T)
}

// A dither is the randomness of rounding: that of a chain's image in a training
// step. The zero dither rounds to the nearest.
type dither struct {
	stream      random.Stream
	chain, step uint32
}

// plain keeps values as they are.
type plain struct{}

func (plain) encode(dst, src []float32, _ dither) { copy(dst, src) }
func (plain) decode(dst, src []float32)           { copy(dst, src) }

// halves keeps values as halves. Where the nearest half lies outside of the range
// of pixels, it stands for the end of that.
type halves struct{ lo, hi float32 }

func (halves) encode(dst []checkpoint.Half, src []float32, _ dither) {
	for i, v := range src {
		dst[i] = checkpoint.ToHalf(v)
	}
}

func (h halves) decode(dst []float32, src []checkpoint.Half) {
	for i, v := range src {
		x := v.Float32()
		if x < h.lo {
			x = h.lo
		} else if x > h.hi {
			x = h.hi
		}
		dst[i] = x
	}
}

// levels keeps a value as one of 256 that are evenly apart; the first and the last
// are the ends of the range of pixels.
//
// A chain may move by less than a level in a training step. Rounding to the
// nearest would then hold it where it is, and the samples of a whole training with
// it. So a value between two levels becomes the upper one with the probability
// that keeps the mean: at 30 % of the way, 30 % of the time (dithering). A chain
// that drifts then does so in the mean, whatever the levels.
type levels struct {
	lo, scale float32 // level = (value − lo)·scale
	values    [256]float32
}

func newLevels(lo, hi float32) *levels {
	l := &levels{lo: lo, scale: 255 / (hi - lo)}
	for i := range l.values {
		l.values[i] = float32(float64(lo) + (float64(hi)-float64(lo))*float64(i)/255)
	}
	return l
}

// encode takes a byte of randomness for each value, so that a level becomes itself
// whatever the error of the arithmetic, which is far below 1/512.
func (l *levels) encode(dst []uint8, src []float32, d dither) {
	const half = 0x7f7f7f7f // nearly half a level each: to the nearest
	words := [4]uint32{half, half, half, half}
	for first := 0; first < len(src); first += 16 {
		part := src[first:min(first+16, len(src))]
		to := dst[first : first+len(part)]
		if d.stream.Purpose != 0 {
			words = d.stream.Words(d.chain, d.step, uint32(first/16))
		}
		for i, v := range part {
			noise := words[i/4%4] >> (i % 4 * 8) & 0xff
			// The conversions keep the compiler from fusing two roundings into one.
			at := float32((v-l.lo)*l.scale) + float32((float32(int32(noise))+0.5)*(1./256))
			switch {
			case !(at > 0): // NaN too
				to[i] = 0
			case at >= 255:
				to[i] = 255
			default:
				to[i] = uint8(int32(at))
			}
		}
	}
}

func (l *levels) decode(dst []float32, src []uint8) {
	for i, v := range src {
		dst[i] = l.values[v]
	}
}
