package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Read reads the file at path. Tensors come in the order of their numbers,
// which is the order they were written in.
func Read(path string) (*File, error) {
	return ReadSome(path, func(string) bool { return true })
}

// ReadSome reads the metadata and those tensors whose name is wanted. The
// others cost neither time nor memory, so that the weights of a training
// checkpoint come without its replay buffer.
func ReadSome(path string, wanted func(name string) bool) (f *File, err error) {
	err = open(path, func(r io.ReaderAt, size int64) error {
		f, err = decode(r, size, wanted)
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
	return decode(r, size, func(string) bool { return true })
}

// open calls read with the file at path and puts path into its errors.
func open(path string, read func(r io.ReaderAt, size int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &Error{Path: path, Fault: "not a regular file", Hint: hintForeign}
	}
	err = read(f, info.Size())
	if e, ok := err.(*Error); ok {
		e.Path = path
	}
	return err
}

func decode(r io.ReaderAt, size int64, wanted func(string) bool) (*File, error) {
	metadata, entries, start, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata}
	var buf []byte
	for _, e := range entries {
		if !wanted(e.Name) {
			continue
		}
		if buf == nil {
			buf = make([]byte, min(chunk, size))
		}
		t := Tensor{Name: e.Name, Shape: e.Shape}
		bytes := e.end - e.begin
		if bytes > math.MaxInt {
			return nil, damaged("tensor %q does not fit into memory", e.Name)
		}
		switch e.DType {
		case "U8":
			data := make([]uint8, bytes)
			err = readFull(r, data, start+e.begin)
			t.Data = data
		case "I64":
			data := make([]int64, bytes/8)
			err = unstream(r, buf, start+e.begin, data, 8, func(b []byte) int64 {
				return int64(binary.LittleEndian.Uint64(b))
			})
			t.Data = data
		default: // of floating point
			width := sizeOf(e.DType)
			data := make([]float32, bytes/width)
			err = unstream(r, buf, start+e.begin, data, int(width), floatReader(e.DType))
			t.Data = data
		}
		if err != nil {
			return nil, err
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

// unstream fills data from offset off, width bytes a value, a buffer at a
// time.
func unstream[T any](r io.ReaderAt, buf []byte, off int64, data []T, width int, get func([]byte) T) error {
	for len(data) > 0 {
		n := min(len(data), len(buf)/width)
		b := buf[:n*width]
		if err := readFull(r, b, off); err != nil {
			return err
		}
		for i := range n {
			data[i] = get(b[i*width:])
		}
		data, off = data[n:], off+int64(len(b))
	}
	return nil
}
