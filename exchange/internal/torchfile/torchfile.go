// Package torchfile reads what torch.save wrote: the archives of PyTorch 1.6
// and later, and the single stream of those before. Start with Open, look at
// Root, and take numbers with Float32.
//
// Such a file holds a Python pickle, a program that builds objects by calling
// any function that it names. Nothing is called here: the few functions that
// build tensors and dictionaries have their meaning in this package, and
// whatever else a pickle calls becomes an [Object], which says what it was.
//
// The formats, in PyTorch's source: torch/serialization.py (_save,
// _legacy_save) and torch/_utils.py (_rebuild_tensor_v2). The opcodes, in
// Python's: Lib/pickletools.py.
package torchfile

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/joule-ml/joule/checkpoint"
)

// Limits of what is read. Memory beyond them is in proportion to the file:
// some hundred bytes for each byte of the pickle, and what tensors hold.
const (
	maxFile    = 2 << 30  // bytes
	maxPickle  = 16 << 20 // bytes: the objects without the tensors' numbers
	maxSteps   = 2 << 20  // opcodes, and so objects, memo entries and depth
	maxTensors = 1 << 16
	maxRank    = 16       // dimensions of a tensor
	maxName    = 1000     // bytes of the name of a class or function
	maxZip     = 16 << 20 // bytes read to learn what an archive holds
)

// A File is an open file and the objects in it. It is for one goroutine.
type File struct {
	Root any // see [Lookup] for the types there are

	storages map[string]*storage
	read     func(*storage) ([]byte, error) // the bytes of all its numbers
	left     int64                          // numbers that Float32 may still give
	close    func() error
}

// A storage is a row of numbers that tensors are windows on.
type storage struct {
	key   string
	dtype dtype
	n     int64 // numbers
	at    int64 // where they begin in the file, in the format of old; 0 if nowhere
	data  []byte
}

// A dtype is a type of numbers.
type dtype struct {
	name  string // as in safetensors; empty for those that are not read
	width int64  // bytes
}

// dtypes are those of PyTorch's storage classes: FloatStorage and so on.
var dtypes = map[string]dtype{
	"Float": {"F32", 4}, "Double": {"F64", 8}, "Half": {"F16", 2}, "BFloat16": {"BF16", 2},
	"Long": {"", 8}, "Int": {"", 4}, "Short": {"", 2}, "Char": {"", 1}, "Byte": {"", 1}, "Bool": {"", 1},
	"ComplexFloat": {"", 8}, "ComplexDouble": {"", 16},
	"QInt8": {"", 1}, "QUInt8": {"", 1}, "QInt32": {"", 4}, "QUInt4x2": {"", 1}, "QUInt2x4": {"", 1}, "Untyped": {"", 1},
}

// A Tensor is a window on numbers. All it reaches is within them.
type Tensor struct {
	Shape []int

	storage *storage
	offset  int64
	stride  []int64
	n       int64 // product of Shape
}

// IsFloat tells whether the tensor holds numbers of floating point.
func (t *Tensor) IsFloat() bool { return t.storage.dtype.name != "" }

// An Error is a file that is not as torch.save writes it, or of a kind that is
// not read.
type Error struct {
	Path  string // empty when not read from a file
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	if e.Path == "" {
		return "torchfile: " + e.Fault
	}
	return "torchfile: " + e.Path + ": " + e.Fault
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

const (
	hintDamaged = "the file is damaged or incomplete: copy it again"
	hintLimit   = "save the state dict on its own, with torch.save(model.state_dict(), …)"
	hintAgain   = "save it anew with a recent PyTorch: torch.save(torch.load(…), …)"
)

func damaged(format string, args ...any) error {
	return &Error{Fault: fmt.Sprintf(format, args...), Hint: hintDamaged}
}

func limited(format string, args ...any) error {
	return &Error{Fault: fmt.Sprintf(format, args...), Hint: hintLimit}
}

// HeadSize is how many bytes [Sniff] wants.
const HeadSize = 64

// Sniff tells whether a file that begins with head is one for Open. It may be
// another zip archive, but it is no safetensors file.
func Sniff(head []byte) bool { return isZip(head) || isLegacy(head) }

// A zip archive's first entry begins so; at byte 8, where safetensors' JSON
// has its brace, is the method of compression.
func isZip(head []byte) bool {
	return len(head) > 8 && string(head[:4]) == "PK\x03\x04" && head[8] != '{'
}

// A file of old begins with a pickle of the magic number alone.
func isLegacy(head []byte) bool {
	return len(head) > 2 && head[0] == opProto && bytes.Contains(head[:min(len(head), HeadSize)], []byte(magic))
}

// Open reads the objects of the file at path and leaves it open for the
// tensors' numbers. What is wrong with the file is an [*Error].
func Open(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	f, err := open(r)
	if err != nil {
		r.Close()
		if e, ok := err.(*Error); ok {
			e.Path = path
		}
		return nil, err
	}
	f.close = r.Close
	return f, nil
}

func open(r *os.File) (*File, error) {
	st, err := r.Stat()
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, &Error{Fault: "not a regular file", Hint: "give a file that torch.save wrote"}
	}
	return Decode(r, st.Size())
}

// Decode reads the objects of a file of size bytes. r has to stay readable
// while numbers are taken.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	if size > maxFile {
		return nil, limited("%d bytes, more than the %d that are read", size, int64(maxFile))
	}
	head := make([]byte, min(size, HeadSize))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	f := &File{storages: map[string]*storage{}, left: size}
	switch {
	case isZip(head):
		return f, f.decodeZip(r, size)
	case isLegacy(head):
		return f, f.decodeLegacy(r, size)
	}
	return nil, &Error{Fault: "not a file that torch.save wrote", Hint: "give a .ckpt, .pt or .pth file of PyTorch's"}
}

// Close closes the file.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// readFull reads all of b.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		if err == io.EOF {
			return damaged("it ends within %d bytes at %d", len(b), at)
		}
		return fmt.Errorf("torchfile: %w", err)
	}
	return nil
}

// Float32 returns the tensor's numbers in row-major order, those of float64
// rounded. All calls together give no more numbers than the file has bytes,
// which is ample unless tensors share them in a strange way.
func (f *File) Float32(t *Tensor) ([]float32, error) {
	s := t.storage
	if !t.IsFloat() {
		return nil, &Error{Fault: "a tensor does not hold numbers of floating point", Hint: "convert it with .float() before saving"}
	}
	if t.n == 0 {
		return []float32{}, nil
	}
	if t.n > f.left {
		return nil, limited("its tensors overlap: they have more numbers than the file has bytes")
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
	return checkpoint.Floats(s.dtype.name, t.gather()), nil
}

// gather returns the bytes of the tensor's numbers in row-major order.
func (t *Tensor) gather() []byte {
	w := t.storage.dtype.width
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

// newTensor makes a window on s, if all of it is within s.
func newTensor(s *storage, offset int64, shape, stride []int64) (*Tensor, error) {
	if len(shape) != len(stride) || len(shape) > maxRank {
		return nil, damaged("a tensor of %d dimensions and %d strides", len(shape), len(stride))
	}
	t := &Tensor{Shape: make([]int, len(shape)), storage: s, offset: offset, stride: stride, n: 1}
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
	if offset < 0 || offset > s.n || t.n > s.n {
		return nil, damaged("a tensor of %d numbers at %d is not within its storage of %d", t.n, offset, s.n)
	}
	last := offset
	for d, size := range shape {
		// The first test keeps the product from overflowing.
		if t.n > 0 && size > 1 && (stride[d] > s.n || (size-1)*stride[d] > s.n-last) {
			return nil, damaged("a tensor of shape %v reaches beyond its storage of %d numbers", shape, s.n)
		}
		last += max(size-1, 0) * stride[d]
	}
	if t.n > 0 && last >= s.n {
		return nil, damaged("a tensor of shape %v reaches beyond its storage of %d numbers", shape, s.n)
	}
	return t, nil
}
