package grid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// EncodeNPY writes values as an array of NumPy's format .npy, version 1.0:
// little-endian float32 of the given shape in C order, the last index
// fastest, as numpy.load reads it.
func EncodeNPY(w io.Writer, values []float32, shape ...int) error {
	n := 1
	dims := make([]string, len(shape))
	for i, d := range shape {
		n *= d
		dims[i] = fmt.Sprint(d)
	}
	if n != len(values) || len(shape) == 0 {
		panic(fmt.Sprintf("grid: %d values are not of the shape %v", len(values), shape))
	}
	tuple := strings.Join(dims, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	dict := "{'descr': '<f4', 'fortran_order': False, 'shape': (" + tuple + "), }"
	// The magic string, the version and the length of the header, which
	// spaces and a newline bring to a multiple of 64.
	const before = 10
	dict += strings.Repeat(" ", 63-(before+len(dict))%64) + "\n"
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(dict))))
	b.WriteString(dict)
	for len(values) > 0 {
		some := values[:min(len(values), 16<<10)]
		values = values[len(some):]
		for _, v := range some {
			b.Write(binary.LittleEndian.AppendUint32(b.AvailableBuffer(), math.Float32bits(v)))
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return fmt.Errorf("grid: writing NPY: %w", err)
		}
		b.Reset()
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("grid: writing NPY: %w", err)
	}
	return nil
}
