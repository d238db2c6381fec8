package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// raw makes a file of a header, as it is, and n bytes of data.
func raw(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

var bad = []struct {
	name, want string
	file       []byte
}{
	{"empty", "not a safetensors file: it is an empty file", nil},
	{"seven bytes", "too short", make([]byte, 7)},
	{"no header", "not a JSON object", make([]byte, 8)},
	{"PyTorch", "it is a zip archive", []byte("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00")},
	{"negative length", "not a safetensors file", append(bytes.Repeat([]byte{255}, 8), "{}"...)},
	{"long header", "does not fit", []byte("\xff\xff\x00\x00\x00\x00\x00\x00{}")},
	{"array", "not a JSON object", raw(`[]`, 0)},
	{"space alone", "not a JSON object", raw("  \n", 0)},
	{"open object", "header:", raw(`{"a":`, 0)},
	{"trailing JSON", "something follows", raw(`{}{}`, 0)},
	{"trailing text", "something follows", raw(`{} x`, 0)},
	{"not UTF-8", "not UTF-8", raw("{\"\xff\":{}}", 0)},
	{"deep", "was expected", raw(`{"a":`+strings.Repeat("[", 1<<20), 0)},
	{"deep shape", "was expected", raw(`{"a":{"shape":`+strings.Repeat("[", 1<<20), 0)},
	{"tensor is a number", "was expected", raw(`{"a":1}`, 0)},
	{"tensor is null", "was expected", raw(`{"a":null}`, 0)},
	{"metadata array", "an object was expected", raw(`{"__metadata__":[]}`, 0)},
	{"escapes", `"\x1b]0;x\a" where { was expected`, raw(`{"w":"\u001b]0;x\u0007"}`, 0)},
	{"escapes in a shape", `"\x1b[2J" where a whole number`, raw(`{"w":{"shape":["\u001b[2J"]}}`, 0)},
	{"metadata number", "string was expected", raw(`{"__metadata__":{"a":1}}`, 0)},
	{"metadata twice", `"__metadata__" appears twice`, raw(`{"__metadata__":{},"__metadata__":{}}`, 0)},
	{"metadata key twice", `metadata "a" appears twice`, raw(`{"__metadata__":{"a":"1","\u0061":"2"}}`, 0)},
	{"name twice", `"a" appears twice`, raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2)},
	{"name twice, same place", `"a" appears twice`, raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)},
	{"shape twice", `"shape" appears twice`, raw(`{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}`, 1)},
	{"unknown key, broken", "breaks off", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":[{"y":`, 1)},
	{"unknown key, deep", "nested in more than 120", raw(`{"a":{"dtype":"U8","x":`+strings.Repeat("[", 1<<20), 1)},
	{"no dtype", "missing", raw(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1)},
	{"no shape", "missing", raw(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1)},
	{"one offset", "missing", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1)},
	{"three offsets", "more than 2", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1)},
	{"65 dimensions", "more than 64", raw(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 64)+`1],"data_offsets":[0,1]}}`, 1)},
	{"unknown type", `tensor "a" has type "F9", which safetensors does not know`, raw(`{"a":{"dtype":"F9","shape":[1],"data_offsets":[0,1]}}`, 1)},
	{"half a byte", "2 bytes for shape [3] of F4", raw(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2)},
	{"short bfloat", "1 bytes for shape [1] of BF16", raw(`{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,1]}}`, 1)},
	{"negative dimension", "whole number", raw(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1)},
	{"fraction", "whole number", raw(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1)},
	{"exponent", "whole number", raw(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1)},
	{"text dimension", "whole number", raw(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, 1)},
	{"dimension of 64 bits", "whole number", raw(`{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}`, 1)},
	{"product overflows", "impossible shape", raw(`{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0)},
	{"bytes overflow", "impossible shape", raw(`{"a":{"dtype":"I64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0)},
	{"huge", "bytes 0 to 4000000000000 of 4", raw(`{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}`, 4)},
	{"backwards", "bytes 4 to 0", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4)},
	{"size against shape", "8 bytes for shape [1] of F32", raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, 8)},
	{"gap at the start", "begins at byte 1 of the data, not at 0", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2)},
	{"gap", "begins at byte 2", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3)},
	{"overlap", "begins at byte 1", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3)},
	{"shared", "begins at byte 0", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2)},
	{"trailing byte", "take 1 bytes, but the file has 2", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2)},
	{"only data", "take 0 bytes", raw(`{}`, 1)},
}

// odd are files that the reference implementation reads, and how: the number of
// tensors and the metadata.
var odd = []struct {
	name     string
	file     []byte
	tensors  int
	metadata map[string]string
}{
	{"unknown key", raw(`{"a":{"dtype":"U8","x":1,"shape":[1],"y":{"z":[null,"]"]},"data_offsets":[0,1],"x":{}}}`, 1), 1, nil},
	{"unknown key of depth 100", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}}`, 1), 1, nil},
	{"metadata null", raw(`{"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), 1, nil},
	{"metadata last", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"b":"1"}}`, 1), 1, map[string]string{"b": "1"}},
	{"space around", raw("\n {\t\"a\" : {\"dtype\":\"U8\",\"shape\":[ 1 ],\"data_offsets\":[0,1]}}  \r\n", 1), 1, nil},
	{"another order", raw(`{"b":{"dtype":"F32","shape":[],"data_offsets":[1,5]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 5), 2, nil},
	{"nothing in the middle", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[0,4],"data_offsets":[1,1]},"c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), 3, nil},
	{"no tensors", raw(`{}`, 0), 0, nil},
	{"no name", raw(`{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), 1, nil},
}

// TestOdd reads what safetensors reads.
func TestOdd(t *testing.T) {
	for _, tt := range odd {
		f, err := Decode(bytes.NewReader(tt.file), int64(len(tt.file)))
		if err != nil || len(f.Tensors) != tt.tensors || !maps.Equal(f.Metadata, tt.metadata) {
			t.Errorf("%s: %+v, error %v", tt.name, f, err)
		}
	}
}

// everyType has a tensor x of each type that is not read, beside one that is.
func everyType() map[string][]byte {
	files := map[string][]byte{}
	for name, bits := range map[string]int{
		"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
		"I16": 16, "U16": 16, "I32": 32, "U32": 32, "U64": 64, "C64": 64,
	} {
		n := bits * 4 / 8
		files[name] = raw(fmt.Sprintf(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},"x":{"dtype":%q,"shape":[4],"data_offsets":[0,%d]}}`, n, n+1, name, n), n+1)
	}
	return files
}

// TestTypes reads what stands beside tensors of types that are not read.
func TestTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	for name, file := range everyType() {
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		h, err := ReadHeader(path)
		if err != nil || len(h.Tensors) != 2 || h.Tensors[0].DType != name {
			t.Errorf("%s: %+v, error %v", name, h, err)
		}
		f, err := ReadSome(path, func(name string) bool { return name == "a" })
		if err != nil || len(f.Tensors) != 1 {
			t.Errorf("%s: %+v, error %v", name, f, err)
		}
		var e *Error
		if _, err := Read(path); !errors.As(err, &e) || e.Fault != `tensor "x" has type `+name+", which Joule does not read" || e.Hint != hintDType {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.safetensors")
	for _, tt := range bad {
		if err := os.WriteFile(path, tt.file, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Fault, tt.want) || e.Hint == "" {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
			continue
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: an error of %d bytes", tt.name, len(err.Error()))
		}
		if _, err := ReadHeader(path); err == nil || err.Error() != e.Error() {
			t.Errorf("%s: ReadHeader says %v", tt.name, err)
		}
	}
}

// TestTruncated cuts a good file at every byte.
func TestTruncated(t *testing.T) {
	whole := encoded(t, sample())
	for n := range whole {
		if _, err := Decode(bytes.NewReader(whole[:n]), int64(n)); err == nil {
			t.Errorf("%d bytes of %d were read", n, len(whole))
		}
		// A file that shrinks while it is read.
		var e *Error
		if _, err := Decode(bytes.NewReader(whole[:n]), int64(len(whole))); !errors.As(err, &e) {
			t.Errorf("%d bytes of %d: error %v", n, len(whole), err)
		}
	}
}

// TestNoGreed opens files that claim to be large.
func TestNoGreed(t *testing.T) {
	for _, tt := range bad {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Decode(bytes.NewReader(tt.file), int64(len(tt.file)))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(20*len(tt.file)+1<<16) {
			t.Errorf("%s: %d bytes allocated for a file of %d", tt.name, got, len(tt.file))
		}
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing file: %v", err)
	}
	var e *Error
	if _, err := Read(dir); !errors.As(err, &e) || !strings.Contains(e.Fault, "not a regular file") {
		t.Errorf("folder: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	// Short, for the fuzzer spends its time on making what it finds shorter.
	f.Add(encoded(f, &File{Metadata: map[string]string{"a": "b"}, Tensors: []Tensor{{Name: "w", Shape: []int{1}, Data: []float32{2}}}}))
	f.Add(encoded(f, &File{}))
	f.Add(raw(`{"__metadata__":{"a":"1"},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8)) // no checksums stop what is made of it
	// What others write: numbers in another order than the header, no padding.
	f.Add(raw(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"shape":[],"data_offsets":[0,4],"dtype":"F32"}}`+"\n", 5))
	f.Add(raw(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F64","shape":[1],"data_offsets":[4,12]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}}`, 14))
	for _, tt := range odd {
		f.Add(tt.file)
	}
	for _, tt := range foreign {
		f.Add([]byte(tt.head))
	}
	for _, tt := range bad {
		if len(tt.file) < 300 {
			f.Add(tt.file)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := Decode(bytes.NewReader(data), int64(len(data)))
		halves, other := decode(bytes.NewReader(data), int64(len(data)), all, true)
		if (err == nil) != (other == nil) {
			t.Fatalf("%v, and with halves as such %v", err, other)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			return
		}
		for _, h := range halves.Tensors { // the numbers are the same
			if isHalves(&h) {
				values, err := halves.Float32(h.Name, h.Shape...)
				if err != nil || !same(&File{Tensors: []Tensor{{h.Name, h.Shape, values}}}, &File{Tensors: []Tensor{*first.Lookup(h.Name)}}) {
					t.Fatalf("%q: %v", h.Name, err)
				}
			}
		}
		b := encoded(t, first)
		second, err := Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil || !same(first, second) {
			t.Fatalf("%v\n%v\n%v", err, first, second)
		}
		if !bytes.Equal(b, encoded(t, second)) {
			t.Fatal("other bytes the second time")
		}
	})
}
