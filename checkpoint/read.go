package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/joule-ml/joule/internal/regular"
)

// Read reads the file at path. Tensors come in the order of their numbers,
// which is the order they were written in.
func Read(path string) (*File, error) { return ReadSome(path, all) }

// ReadHalves is Read, but leaves tensors of F16 as []Half.
func ReadHalves(path string) (f *File, err error) {
	err = open(path, func(r io.ReaderAt, size int64) error {
		f, err = decode(r, size, all, true)
		return err
	})
	return f, err
}

func all(string) bool { return true }

// ReadSome reads the metadata and those tensors whose name is wanted. The
// others cost neither time nor memory, so that the weights of a training
// checkpoint come without its replay buffer.
func ReadSome(path string, wanted func(name string) bool) (f *File, err error) {
	err = open(path, func(r io.ReaderAt, size int64) error {
		f, err = decode(r, size, wanted, false)
		return err
	})
	return f, err
}

// ReadHeader tells what the file at path holds.
func ReadHeader(path string) (h *Header, err error) {
	err = open(path, func(r io.ReaderAt, size int64) error {
		metadata, entries, _, err := readHeader(r, size)
		if err != nil {
			return err
		}
		h = &Header{Metadata: metadata, Tensors: make([]Info, len(entries))}
		for i, e := range entries {
			h.Tensors[i] = e.Info
		}
		return nil
	})
	return h, err
}

// Decode reads a safetensors file of size bytes. It never allocates more than
// a small multiple of size, whatever the file claims.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	return decode(r, size, all, false)
}

// open calls read with the file at path and puts path into its errors.
func open(path string, read func(r io.ReaderAt, size int64) error) error {
	f, err := regular.Open(path)
	var kind *regular.Error
	if errors.As(err, &kind) {
		return &Error{Path: path, Fault: kind.Error(), Hint: hintForeign}
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	err = read(f, info.Size())
	if e, ok := err.(*Error); ok {
		e.Path = path
	}
	return err
}

func decode(r io.ReaderAt, size int64, wanted func(string) bool, halves bool) (*File, error) {
	metadata, entries, start, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return !wanted(e.Name) })
	for _, e := range entries {
		if sizeOf(e.DType) == 0 {
			return nil, &Error{Fault: fmt.Sprintf("tensor %.100q has type %s, which Joule does not read", e.Name, e.DType), Hint: hintDType}
		}
	}
	sums := make(chan error, 1)
	go func() { sums <- compareSums(r, start, size, entries) }()
	f := &File{Metadata: metadata}
	buf := make([]byte, min(chunk, size))
	for _, e := range entries {
		var data any
		if data, err = e.read(r, start, buf, halves); err != nil {
			break
		}
		f.Tensors = append(f.Tensors, Tensor{Name: e.Name, Shape: e.Shape, Data: data})
	}
	// r may be closed once this returns, so the sums come first in any case.
	if fault := <-sums; err == nil {
		err = fault
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// read reads the numbers of a tensor with the help of buf, halves as such or as
// float32.
func (e entry) read(r io.ReaderAt, start int64, buf []byte, halves bool) (any, error) {
	bytes, at := e.end-e.begin, start+e.begin
	if bytes > math.MaxInt {
		return nil, damaged("tensor %q does not fit into memory", e.Name)
	}
	switch e.DType {
	case "F16":
		if halves {
			data := make([]Half, bytes/2)
			return data, unstream(r, buf, at, data, 2, func(data []Half, b []byte) {
				for i := range data {
					data[i] = Half(binary.LittleEndian.Uint16(b[i*2:]))
				}
			})
		}
	case "U8":
		data := make([]uint8, bytes)
		return data, readFull(r, data, at)
	case "I64":
		data := make([]int64, bytes/8)
		return data, unstream(r, buf, at, data, 8, func(data []int64, b []byte) {
			for i := range data {
				data[i] = int64(binary.LittleEndian.Uint64(b[i*8:]))
			}
		})
	case "F32":
		data := make([]float32, bytes/4)
		return data, unstream(r, buf, at, data, 4, decodeF32)
	}
	width, get := int(sizeOf(e.DType)), floatReader(e.DType)
	data := make([]float32, bytes/int64(width))
	return data, unstream(r, buf, at, data, width, func(data []float32, b []byte) {
		for i := range data {
			data[i] = get(b[i*width:])
		}
	})
}

// unstream fills data from offset off, width bytes a value, a buffer at a
// time.
func unstream[T any](r io.ReaderAt, buf []byte, off int64, data []T, width int, get func(data []T, b []byte)) error {
	for len(data) > 0 {
		n := min(len(data), len(buf)/width)
		b := buf[:n*width]
		if err := readFull(r, b, off); err != nil {
			return err
		}
		get(data[:n], b)
		data, off = data[n:], off+int64(len(b))
	}
	return nil
}

// decodeF32 is apart from the other types because nearly all numbers are of it,
// and a call for each would take longer than reading them.
func decodeF32(data []float32, b []byte) {
	for i := range data {
		data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[i*4:]))
	}
}
