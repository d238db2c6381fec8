package checkpoint

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFlips changes every byte of a file in several ways. What is read is an
// error or the same as before.
func TestFlips(t *testing.T) {
	f := sample()
	f.Tensors = append(f.Tensors, Tensor{"half", []int{2}, []Half{1, 2}})
	whole := encoded(t, f)
	want, err := Decode(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for _, flip := range []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[i] ^= flip
			got, err := Decode(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				if e := new(Error); !errors.As(err, &e) || e.Hint == "" {
					t.Fatalf("byte %d ^ %#x: error %v", i, flip, err)
				}
				continue
			}
			// In a file where the key of the checksums has changed they are metadata like any other.
			maps.DeleteFunc(got.Metadata, func(key, _ string) bool {
				_, ok := want.Metadata[key]
				return !ok && len(key) == len(checksumKey)
			})
			if !same(got, want) {
				t.Errorf("byte %d ^ %#x of %d is not noticed", i, flip, len(whole))
			}
		}
	}
}

// TestChecksums tells of each part of a file that has changed, by name.
func TestChecksums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	whole := string(encoded(t, sample()))
	for _, tt := range []struct{ old, new, want string }{
		{"energy", "engine", "the metadata"},
		{"cnn_layers.0.weight", "cnn_layers.1.weight", "the metadata, or the names and shapes"},
		{`"shape":[0,4]`, `"shape":[4,0]`, "the metadata, or the names and shapes"},
		{"\x00\x01\x02\xfe", "\x00\x01\x03\xfe", `tensor "buffer" does not fit its checksum`},
		{checksumKey + `":"`, checksumKey + `":"7`, "header"},
	} {
		changed := strings.Replace(whole, tt.old, tt.new, 1)
		if changed == whole {
			t.Fatalf("nothing of %q", tt.old)
		}
		if err := os.WriteFile(path, []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Fault, tt.want) || e.Hint == "" {
			t.Errorf("%q for %q: error %v", tt.new, tt.old, err)
		}
	}
}

// TestWithoutChecksums reads what earlier versions have written, and only
// the sound tensors of a damaged file.
func TestWithoutChecksums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	whole := string(encoded(t, sample()))
	whole = strings.Replace(whole, "\x00\x01\x02\xfe", "\x00\x01\x03\xfe", 1)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(whole, checksumKey, "other_crc32", 1))
	if _, err := Read(path); err != nil {
		t.Error(err)
	}
	write(whole)
	if _, err := ReadSome(path, func(name string) bool { return name != "buffer" }); err != nil {
		t.Error(err)
	}
	if _, err := ReadHeader(path); err != nil {
		t.Error(err)
	}
}

// The benchmarks are of a file of 100 MB.
func benchmarkFile(b *testing.B) (string, *File) {
	f := &File{Tensors: []Tensor{{"buffer", []int{25 << 20}, make([]float32, 25<<20)}}}
	b.SetBytes(100 << 20)
	return filepath.Join(b.TempDir(), "x.safetensors"), f
}

func BenchmarkWrite(b *testing.B) {
	path, f := benchmarkFile(b)
	for b.Loop() {
		if err := Write(path, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path, f := benchmarkFile(b)
	if err := Write(path, f); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
