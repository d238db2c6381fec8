package checkpoint

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	metadataKey = "__metadata__"
	maxHeader   = 100_000_000 // the reference implementation's limit
	maxRank     = 64          // NumPy's limit
	maxDepth    = 120         // of what stands in the header and has no meaning here; the reference's is little more
)

// An entry is a tensor's line in the header; begin and end are bytes from the
// start of the numbers.
type entry struct {
	Info
	begin, end int64
	sum        uint32 // of its bytes, where summed
	summed     bool
}

// readHeader reads and checks the header of a file of size bytes: afterwards
// the entries, in the order of their numbers, fill the file to its last byte.
// start is where the numbers begin.
func readHeader(r io.ReaderAt, size int64) (metadata map[string]string, entries []entry, start int64, err error) {
	head := make([]byte, min(max(size, 0), HeadSize))
	if err := readFull(r, head, 0); err != nil {
		return nil, nil, 0, err
	}
	if what, remedy := Recognize(head); what != "" {
		return nil, nil, 0, &Error{Fault: "not a safetensors file: it is " + what, Hint: cmp.Or(remedy, hintForeign)}
	}
	if size < 8 {
		return nil, nil, 0, damaged("a file of %d bytes is too short for a safetensors header", size)
	}
	n := binary.LittleEndian.Uint64(head)
	if n > maxHeader {
		return nil, nil, 0, &Error{Fault: "not a safetensors file: its first 8 bytes give no sensible header length", Hint: hintForeign}
	}
	if int64(n) > size-8 {
		return nil, nil, 0, damaged("a header of %d bytes does not fit into a file of %d", n, size)
	}
	b := make([]byte, n)
	if err := readFull(r, b, 8); err != nil {
		return nil, nil, 0, err
	}
	if text := bytes.TrimLeft(b, " \t\r\n"); len(text) < 2 || text[0] != '{' {
		return nil, nil, 0, &Error{Fault: "not a safetensors file: the header is not a JSON object", Hint: hintForeign}
	}
	metadata, entries, fault := parseHeader(b)
	if fault != nil {
		return nil, nil, 0, damaged("header: %v", fault)
	}
	start = 8 + int64(n)
	if err := checkEntries(entries, size-start); err != nil {
		return nil, nil, 0, err
	}
	if err := takeChecksums(metadata, entries); err != nil {
		return nil, nil, 0, err
	}
	return metadata, entries, start, nil
}

// readFull fills b from offset off; an end of file that comes too early is a
// fault of the file.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return damaged("the file ends at byte %d, before its time", off+int64(n))
	}
	return fmt.Errorf("checkpoint: %w", err)
}

// checkEntries sorts the entries by the places of their numbers and checks
// that these follow one another without gap or overlap, fill size bytes
// exactly, and are as many as type and shape ask for.
func checkEntries(entries []entry, size int64) error {
	for _, e := range entries {
		width := bitsOf(e.DType)
		if width == 0 {
			return damaged("tensor %.100q has type %.20q, which safetensors does not know", e.Name, e.DType)
		}
		n, ok := elements(e.Shape)
		if !ok || n > math.MaxInt64/width {
			return damaged("tensor %.100q: impossible shape %s", e.Name, show(e.Shape))
		}
		if e.begin > e.end || e.end > size {
			return damaged("tensor %.100q: bytes %d to %d of %d", e.Name, e.begin, e.end, size)
		}
		if bits := n * width; bits%8 != 0 || e.end-e.begin != bits/8 {
			return damaged("tensor %.100q: %d bytes for shape %s of %s", e.Name, e.end-e.begin, show(e.Shape), e.DType)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return damaged("tensor %.100q begins at byte %d of the data, not at %d", e.Name, e.begin, at)
		}
		at = e.end
	}
	if at != size {
		return damaged("the tensors take %d bytes, but the file has %d", at, size)
	}
	return nil
}

// parseHeader reads the JSON of the header a token at a time: time and memory
// grow with its length alone, whatever it holds.
func parseHeader(b []byte) (map[string]string, []entry, error) {
	if !utf8.Valid(b) {
		return nil, nil, errors.New("not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(b))}
	d.UseNumber() // exact integers
	var metadata map[string]string
	var entries []entry
	seen := map[string]bool{}
	err := d.object(func(key string) error {
		if seen[key] {
			return fmt.Errorf("%.100q appears twice", key)
		}
		seen[key] = true
		if key == metadataKey {
			var err error
			metadata, err = d.metadata()
			return err
		}
		e, err := d.entry()
		if err != nil {
			return fmt.Errorf("tensor %.100q: %w", key, err)
		}
		e.Name = key
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return metadata, entries, nil
}

// A decoder reads the few forms that a header is made of.
type decoder struct{ *json.Decoder }

// metadata reads an object of strings, or null for none.
func (d decoder) metadata() (map[string]string, error) {
	t, err := d.token()
	if err != nil || t == nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, unexpected(t, "an object")
	}
	list := map[string]string{}
	err = d.members(func(key string) error {
		if _, dup := list[key]; dup {
			return fmt.Errorf("metadata %.100q appears twice", key)
		}
		value, err := d.string()
		list[key] = value
		return err
	})
	return list, err
}

// object reads an object; value is called after each key.
func (d decoder) object(value func(key string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	return d.members(value)
}

// members reads the rest of an object whose brace has been read.
func (d decoder) members(value func(key string) error) error {
	for d.More() {
		key, err := d.string()
		if err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return d.delim('}')
}

func (d decoder) delim(want json.Delim) error {
	t, err := d.token()
	if err == nil && t != want {
		err = unexpected(t, want.String())
	}
	return err
}

// unexpected is the error of a token that stands where another should. A
// string of the file is quoted, so that it cannot steer a terminal.
func unexpected(t json.Token, want string) error {
	if s, ok := t.(string); ok {
		return fmt.Errorf("%.100q where %s was expected", s, want)
	}
	return fmt.Errorf("%.100v where %s was expected", t, want)
}

// skip reads a value of any kind that has no meaning here.
func (d decoder) skip() error {
	for depth := 0; ; {
		t, err := d.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("a value nested in more than %d others", maxDepth)
		}
		if depth == 0 {
			return nil
		}
	}
}

func (d decoder) string() (string, error) {
	t, err := d.token()
	s, ok := t.(string)
	if err == nil && !ok {
		err = unexpected(t, "a string")
	}
	return s, err
}

// integers reads an array of at most limit numbers, none of them negative.
func (d decoder) integers(limit int) ([]int64, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for d.More() {
		t, err := d.token()
		if err != nil {
			return nil, err
		}
		number, _ := t.(json.Number)
		v, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil {
			return nil, unexpected(t, "a whole number")
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d numbers in an array", limit)
		}
		list = append(list, int64(v))
	}
	return list, d.delim(']')
}

func (d decoder) token() (json.Token, error) {
	t, err := d.Token()
	if err == io.EOF {
		err = errors.New("the JSON breaks off")
	}
	return t, err
}

// entry reads {"dtype": …, "shape": […], "data_offsets": [begin, end]} and
// passes over other keys, as the reference implementation does.
func (d decoder) entry() (entry, error) {
	var e entry
	var offsets []int64
	seen := map[string]bool{}
	err := d.object(func(key string) (err error) {
		switch key {
		case "dtype", "shape", "data_offsets":
			if seen[key] {
				return fmt.Errorf("%q appears twice", key)
			}
			seen[key] = true
		}
		switch key {
		case "dtype":
			e.DType, err = d.string()
		case "shape":
			var shape []int64
			shape, err = d.integers(maxRank)
			e.Shape = make([]int, len(shape))
			for i, v := range shape {
				if v > math.MaxInt {
					return fmt.Errorf("a dimension of %d", v)
				}
				e.Shape[i] = int(v)
			}
		case "data_offsets":
			offsets, err = d.integers(2)
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if !seen["dtype"] || !seen["shape"] || len(offsets) != 2 {
		return e, errors.New("dtype, shape or data_offsets is missing")
	}
	e.begin, e.end = offsets[0], offsets[1]
	return e, nil
}
