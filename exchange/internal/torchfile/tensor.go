package torchfile

import (
	"math"
	"slices"

	"github.com/joule-ml/joule/checkpoint"
)

// A storage is a row of numbers that tensors are windows on.
type storage struct {
	key   string
	dtype dtype
	n     int64 // numbers
	at    int64 // where they begin in the file, in the format of old; 0 if nowhere
	data  []byte

	whole *storage // what it is a part of, as PyTorch before 0.4 has them; may be nil
	first int64    // the number of the whole that it begins with
}

// A dtype is a type of numbers.
type dtype struct {
	name  string // as in safetensors; empty for those that are not read
	width int64  // bytes
	what  string // of those that are not read
}

// What the types that are not read hold.
const (
	Integers = "whole numbers"
	Booleans = "booleans"
	Complex  = "complex numbers"
	Small    = "numbers of 8 bits"
)

// dtypes are those of PyTorch's storage classes: FloatStorage and so on.
var dtypes = map[string]dtype{
	"Float": {name: "F32", width: 4}, "Double": {name: "F64", width: 8}, "Half": {name: "F16", width: 2}, "BFloat16": {name: "BF16", width: 2},
	"Long": integers(8), "Int": integers(4), "Short": integers(2), "Char": integers(1), "Byte": integers(1), "Bool": {width: 1, what: Booleans},
	"ComplexFloat": {width: 8, what: Complex}, "ComplexDouble": {width: 16, what: Complex},
	"QInt8": integers(1), "QUInt8": integers(1), "QInt32": integers(4), "QUInt4x2": integers(1), "QUInt2x4": integers(1), "Untyped": integers(1),
}

// named are the types as torch.float32 and so on name them.
var named = map[string]dtype{
	"float32": dtypes["Float"], "float64": dtypes["Double"], "float16": dtypes["Half"], "bfloat16": dtypes["BFloat16"],
	"int64": integers(8), "int32": integers(4), "int16": integers(2), "int8": integers(1), "uint8": integers(1), "bool": dtypes["Bool"],
	"uint16": integers(2), "uint32": integers(4), "uint64": integers(8),
	"complex32": {width: 4, what: Complex}, "complex64": dtypes["ComplexFloat"], "complex128": dtypes["ComplexDouble"],
	"float8_e4m3fn": small, "float8_e5m2": small, "float8_e4m3fnuz": small, "float8_e5m2fnuz": small, "float8_e8m0fnu": small,
}

var small = dtype{width: 1, what: Small}

func integers(width int64) dtype { return dtype{width: width, what: Integers} }

// A Tensor is a window on numbers. All it reaches is within them.
type Tensor struct {
	Shape []int

	storage  *storage
	dtype    dtype // of its numbers; the storage's, but where that is untyped
	offset   int64
	stride   []int64
	n        int64  // product of Shape
	negative bool   // its numbers are those of the storage with the other sign
	unknown  string // what is said of the numbers and not understood
}

// IsFloat tells whether the tensor holds numbers of floating point.
func (t *Tensor) IsFloat() bool { return t.dtype.name != "" }

// Numbers says what a tensor holds that is not of floating point: one of
// Integers, Booleans, Complex and Small.
func (t *Tensor) Numbers() string { return t.dtype.what }

// Float32 returns the tensor's numbers in row-major order, those of float64
// rounded. All calls together give no more numbers than the file has bytes, and
// a million, which is ample unless tensors share them in a strange way.
func (f *File) Float32(t *Tensor) ([]float32, error) {
	s := t.storage
	if !t.IsFloat() {
		return nil, &Error{Fault: "a tensor does not hold numbers of floating point but " + t.Numbers(), Hint: hintPlain}
	}
	if t.unknown != "" {
		return nil, &Error{Fault: "a tensor " + t.unknown + ", which is not understood", Hint: hintPlain}
	}
	if t.n == 0 {
		return []float32{}, nil
	}
	if t.n > f.left {
		return nil, limited("its tensors overlap: they have many more numbers than the file")
	}
	f.left -= t.n
	if s.data == nil {
		data, err := f.read(s)
		if err != nil {
			return nil, err
		}
		if int64(len(data)) != s.n*s.dtype.width {
			return nil, damaged("the numbers of storage %.50q take %d bytes, not %d", s.key, len(data), s.n*s.dtype.width)
		}
		s.data = data
	}
	b := t.gather()
	if f.swapped {
		b = slices.Clone(b)
		for at := int64(0); at < int64(len(b)); at += t.dtype.width {
			slices.Reverse(b[at:][:t.dtype.width])
		}
	}
	numbers := checkpoint.Floats(t.dtype.name, b)
	if t.negative {
		for i := range numbers {
			numbers[i] = -numbers[i]
		}
	}
	return numbers, nil
}

// gather returns the bytes of the tensor's numbers in row-major order.
func (t *Tensor) gather() []byte {
	w := t.dtype.width
	if t.contiguous() {
		return t.storage.data[t.offset*w:][:t.n*w]
	}
	b := make([]byte, 0, t.n*w)
	index := make([]int, len(t.Shape))
	at := t.offset
	for {
		b = append(b, t.storage.data[at*w:][:w]...)
		d := len(index) - 1
		for ; d >= 0; d-- { // the next index, as an odometer counts
			index[d]++
			at += t.stride[d]
			if index[d] < t.Shape[d] {
				break
			}
			at -= t.stride[d] * int64(index[d])
			index[d] = 0
		}
		if d < 0 {
			return b
		}
	}
}

// contiguous tells whether the numbers lie in the file as they are wanted.
func (t *Tensor) contiguous() bool {
	want := int64(1)
	for d := len(t.Shape) - 1; d >= 0; d-- {
		if t.Shape[d] != 1 && t.stride[d] != want {
			return false
		}
		want *= int64(t.Shape[d])
	}
	return true
}

// newTensor makes a window on s, whose numbers are of type d, if all of it is
// within s.
func newTensor(s *storage, d dtype, offset int64, shape, stride []int64) (*Tensor, error) {
	if len(shape) != len(stride) || len(shape) > maxRank {
		return nil, damaged("a tensor of %d dimensions and %d strides", len(shape), len(stride))
	}
	t := &Tensor{Shape: make([]int, len(shape)), storage: s, dtype: d, offset: offset, stride: stride, n: 1}
	n := s.n * s.dtype.width / d.width
	for d, size := range shape {
		if size < 0 || size > math.MaxInt32 || stride[d] < 0 {
			return nil, damaged("a tensor has a dimension of size %d and stride %d", size, stride[d])
		}
		t.Shape[d] = int(size)
		t.n *= size
		if t.n > maxFile { // before it can overflow
			return nil, damaged("a tensor of shape %v is larger than any file that is read", shape)
		}
	}
	if offset < 0 || offset > n {
		return nil, damaged("a tensor at %d is not within its storage of %d", offset, n)
	}
	last := offset
	for d, size := range shape {
		// The first test keeps the product from overflowing.
		if t.n > 0 && size > 1 && (stride[d] > n || (size-1)*stride[d] > n-last) {
			return nil, damaged("a tensor of shape %v reaches beyond its storage of %d numbers", shape, n)
		}
		last += max(size-1, 0) * stride[d]
	}
	if t.n > 0 && last >= n {
		return nil, damaged("a tensor of shape %v reaches beyond its storage of %d numbers", shape, n)
	}
	if s.whole != nil {
		t.storage, t.offset = s.whole, offset+s.first
	}
	return t, nil
}
