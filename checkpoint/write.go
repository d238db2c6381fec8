package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// chunk is how many bytes are encoded or decoded at a time, so that a large
// tensor is never in memory twice.
const chunk = 64 << 10

// Write replaces the file at path with f, whole and durably: whatever
// happens, path holds the earlier file or all of f. The same f gives the same
// bytes.
func Write(path string, f *File) error {
	header, fault := encodeHeader(f)
	if fault != nil {
		fault.Path = path
		return fault
	}
	if err := atomicfile.Write(path, func(w io.Writer) error { return encode(w, header, f) }); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// Encode writes f to w as Write does to a file.
func Encode(w io.Writer, f *File) error {
	header, fault := encodeHeader(f)
	if fault != nil {
		return fault
	}
	if err := encode(w, header, f); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// encodeHeader returns everything that comes before the numbers.
func encodeHeader(f *File) ([]byte, *Error) {
	metadata := maps.Clone(f.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	var err *Error
	if metadata[checksumKey], err = checksumsOf(f); err != nil {
		return nil, err
	}
	b := append(make([]byte, 8), `{"__metadata__":{`...)
	for i, key := range slices.Sorted(maps.Keys(metadata)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		b = appendString(b, metadata[key])
	}
	b = append(b, '}')
	offset := int64(0)
	for _, t := range f.Tensors {
		dtype, n := dtypeOf(t.Data)
		end := offset + int64(n)*sizeOf(dtype)
		b = append(appendString(append(b, ','), t.Name), `:{"dtype":"`...)
		b = append(append(b, dtype...), `","shape":`...)
		b = append(appendShape(b, t.Shape, ","), `,"data_offsets":[`...)
		b = append(strconv.AppendInt(b, offset, 10), ',')
		b = append(strconv.AppendInt(b, end, 10), "]}"...)
		offset = end
	}
	b = append(b, '}')
	for len(b)%8 != 0 { // the reference aligns the numbers so
		b = append(b, ' ')
	}
	if len(b)-8 > maxHeader {
		return nil, &Error{Fault: fmt.Sprintf("names and metadata take %d bytes; the format allows %d", len(b)-8, maxHeader)}
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, nil
}

// checksumsOf returns the checksums of f, or what cannot be written of it.
func checksumsOf(f *File) (string, *Error) {
	for key, value := range f.Metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return "", &Error{Fault: fmt.Sprintf("metadata %q is not UTF-8", key)}
		}
	}
	var tensors []Info
	sums := make(map[string]uint32, len(f.Tensors))
	buf := make([]byte, chunk)
	for _, t := range f.Tensors {
		dtype, have := dtypeOf(t.Data)
		n, ok := elements(t.Shape)
		_, twice := sums[t.Name]
		switch {
		case t.Name == metadataKey || !utf8.ValidString(t.Name):
			return "", &Error{Fault: fmt.Sprintf("a tensor cannot be named %q", t.Name)}
		case twice:
			return "", &Error{Fault: fmt.Sprintf("two tensors named %q", t.Name)}
		case dtype == "":
			return "", &Error{Fault: fmt.Sprintf("tensor %q: cannot write %T, only []float32, []uint8, []int64, []Half, and parts of them", t.Name, t.Data)}
		case !ok || len(t.Shape) > maxRank:
			return "", &Error{Fault: fmt.Sprintf("tensor %q: impossible shape %s", t.Name, show(t.Shape))}
		case n != int64(have):
			return "", &Error{Fault: fmt.Sprintf("tensor %q: %d values for shape %s", t.Name, have, show(t.Shape))}
		}
		tensors = append(tensors, Info{t.Name, dtype, t.Shape})
		sums[t.Name] = sumOf(t.Data, buf)
	}
	return checksums(f.Metadata, tensors, sums), nil
}

func encode(w io.Writer, header []byte, f *File) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for _, t := range f.Tensors {
		err := encodeTensor(t.Data, buf, func(b []byte) error { _, err := w.Write(b); return err })
		if err != nil {
			return err
		}
	}
	return nil
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("checkpoint: " + err.Error()) // a string always has a JSON form
	}
	return append(b, quoted...)
}

func appendShape(b []byte, shape []int, comma string) []byte {
	b = append(b, '[')
	for i, d := range shape {
		if i > 0 {
			b = append(b, comma...)
		}
		b = strconv.AppendInt(b, int64(d), 10)
	}
	return append(b, ']')
}

// elements returns the product of shape, and false if it has no meaning or
// more digits than an int64.
func elements(shape []int) (int64, bool) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}
