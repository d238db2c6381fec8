// Package checkpoint reads and writes named tensors in the safetensors
// format, which Python's safetensors, PyTorch and JAX read too. Start with
// Read and Write; Float32 takes a tensor of known shape out of a File.
//
// A file may have tensors of any type of the format; those that a reader wants
// have to be of one that [Tensor] has.
//
// A file is eight bytes of header length, a JSON header with the names,
// types, shapes and places of the tensors, and their numbers, all
// little-endian:
// https://huggingface.co/docs/safetensors/index#format
package checkpoint

import (
	"fmt"
	"slices"
)

// A File is what a safetensors file holds.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// A Tensor is a named array in row-major order. Data is []float32 (F32),
// []uint8 (U8) or []int64 (I64) with as many values as the product of Shape;
// an empty Shape is a single value. []Half is written as F16. F16, BF16 and F64
// are read as float32, F64 rounded to it; only ReadHalves leaves F16 as []Half.
// A tensor that lies in memory in parts is written from [][]float32, [][]uint8
// or [][]Half, one part after the other.
type Tensor struct {
	Name  string
	Shape []int
	Data  any
}

// A Header tells what a file holds without the numbers.
type Header struct {
	Metadata map[string]string
	Tensors  []Info
}

// An Info is a tensor without its numbers.
type Info struct {
	Name  string
	DType string // as in the file; Read gives those of F32, U8, I64, F16, BF16 and F64
	Shape []int
}

// An Error is a file that is not what it should be: damaged, of another
// format, or without the tensor asked for.
type Error struct {
	Path  string // empty when not read from a file
	Fault string
	Hint  string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	if e.Path == "" {
		return "checkpoint: " + e.Fault
	}
	return "checkpoint: " + e.Path + ": " + e.Fault
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// What a user can do about a file that cannot be read.
const (
	hintDamaged = "the file is damaged or incomplete: copy it again, or use an earlier checkpoint"
	hintForeign = "give a .safetensors file; of PyTorch's .ckpt, .pt and .pth joule import makes one"
	hintDType   = "convert the tensor to F32, U8 or I64 with Python's safetensors"
	hintModel   = "the file belongs to another network or was written by another program"
)

func damaged(format string, args ...any) *Error {
	return &Error{Fault: fmt.Sprintf(format, args...), Hint: hintDamaged}
}

// Lookup returns the named tensor, or nil if f has none of that name.
func (f *File) Lookup(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

// Float32 returns the numbers of the named F32 tensor, or a copy of those of one
// of halves. It must have exactly the given shape; no shape at all is that of a
// single value.
func (f *File) Float32(name string, shape ...int) ([]float32, error) {
	if t := f.Lookup(name); t == nil || !isHalves(t) {
		return get[float32](f, name, shape)
	}
	halves, err := f.Halves(name, shape...)
	if err != nil {
		return nil, err
	}
	data := make([]float32, len(halves))
	for i, h := range halves {
		data[i] = h.Float32()
	}
	return data, nil
}

func isHalves(t *Tensor) bool {
	_, ok := t.Data.([]Half)
	return ok
}

// Halves is like Float32 for F16 tensors that [ReadHalves] has read.
func (f *File) Halves(name string, shape ...int) ([]Half, error) {
	return get[Half](f, name, shape)
}

// Uint8 is like Float32 for U8 tensors.
func (f *File) Uint8(name string, shape ...int) ([]uint8, error) {
	return get[uint8](f, name, shape)
}

// Int64 is like Float32 for I64 tensors.
func (f *File) Int64(name string, shape ...int) ([]int64, error) {
	return get[int64](f, name, shape)
}

func get[T float32 | uint8 | int64 | Half](f *File, name string, shape []int) ([]T, error) {
	t := f.Lookup(name)
	if t == nil {
		return nil, &Error{Fault: fmt.Sprintf("no tensor %q", name), Hint: hintModel}
	}
	data, ok := t.Data.([]T)
	if !ok {
		wanted, _ := dtypeOf([]T(nil))
		found, _ := dtypeOf(t.Data)
		return nil, &Error{Fault: fmt.Sprintf("tensor %q has type %s, want %s", name, found, wanted), Hint: hintModel}
	}
	if !slices.Equal(t.Shape, shape) {
		return nil, &Error{
			Fault: fmt.Sprintf("tensor %q has shape %v, want %v", name, show(t.Shape), show(shape)),
			Hint:  hintModel,
		}
	}
	return data, nil
}

// show prints a shape as 64×1×5×5 would be in Python: [64, 1, 5, 5].
func show(shape []int) string { return string(appendShape(nil, shape, ", ")) }

// dtypeOf returns the format's name for the type of data and its length, or
// "" for a type that files here do not hold.
func dtypeOf(data any) (name string, n int) {
	switch d := data.(type) {
	case []float32:
		return "F32", len(d)
	case []uint8:
		return "U8", len(d)
	case []int64:
		return "I64", len(d)
	case []Half:
		return "F16", len(d)
	case [][]float32:
		return "F32", total(d)
	case [][]uint8:
		return "U8", total(d)
	case [][]Half:
		return "F16", total(d)
	}
	return "", 0
}

// total returns the number of values in all parts.
func total[T any](parts [][]T) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// bitsOf returns the bits a value of the type takes, 0 for a type that the
// format does not have. Those that are not read may be in a file all the same.
func bitsOf(dtype string) int64 {
	switch dtype {
	case "F4":
		return 4
	case "F6_E2M3", "F6_E3M2":
		return 6
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
		return 8
	case "I16", "U16", "F16", "BF16":
		return 16
	case "I32", "U32", "F32":
		return 32
	case "I64", "U64", "F64", "C64":
		return 64
	}
	return 0
}

// sizeOf returns the bytes a value of the type takes, 0 for a type that is not
// read.
func sizeOf(dtype string) int64 {
	if dtype == "U8" || dtype == "I64" || floatReader(dtype) != nil {
		return bitsOf(dtype) / 8
	}
	return 0
}
