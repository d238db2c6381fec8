package torchfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// folder has files that PyTorch wrote; make.py there says how.
var folder = filepath.Join("..", "..", "testdata", "torch")

// files returns the paths of some of them, of every version of PyTorch.
func files(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(b []byte) (*File, error) { return Decode(bytes.NewReader(b), int64(len(b))) }

// tensors returns the numbers of all tensors of floating point that are in
// the dict v or in dicts in it.
func tensors(f *File, v any, depth int) (map[string][]float32, error) {
	all := map[string][]float32{}
	d, ok := v.(*Dict)
	if !ok || depth > 3 {
		return all, nil
	}
	for _, item := range d.Items {
		name, _ := item.Key.(string)
		if t, ok := item.Value.(*Tensor); ok && t.IsFloat() {
			numbers, err := f.Float32(t)
			if err != nil {
				return nil, err
			}
			all[name] = numbers
		}
		inner, err := tensors(f, item.Value, depth+1)
		if err != nil {
			return nil, err
		}
		for k, v := range inner {
			all[k] = v
		}
	}
	return all, nil
}

type expected struct {
	Odd map[string]struct {
		Shape   []int
		Numbers []float32
	}
	Weights map[string][]float32
}

func expectations(t testing.TB) (e expected) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, filepath.Join(folder, "expected.json")), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func bits(v []float32) []uint32 {
	b := make([]uint32, len(v))
	for i, x := range v {
		b[i] = math.Float32bits(x)
	}
	return b
}

// TestTensors reads windows, strides and every type, of both formats.
func TestTensors(t *testing.T) {
	want := expectations(t).Odd
	for _, path := range files(t, "odd*.pt") {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		d := f.Root.(*Dict)
		if len(d.Items) != len(want) {
			t.Errorf("%s: %d tensors", path, len(d.Items))
		}
		for name, w := range want {
			v, _ := Lookup(d, name)
			tensor, ok := v.(*Tensor)
			if !ok || !tensor.IsFloat() || !slices.Equal(tensor.Shape, w.Shape) {
				t.Errorf("%s: %s is %+v", path, name, v)
				continue
			}
			numbers, err := f.Float32(tensor)
			if err != nil {
				t.Error(err)
			}
			if !slices.Equal(bits(numbers), bits(w.Numbers)) {
				t.Errorf("%s: %s is %v, want %v", path, name, numbers, w.Numbers)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStateDict looks at the tensors of Lightning's checkpoints.
func TestStateDict(t *testing.T) {
	weights := expectations(t).Weights
	for _, path := range files(t, "lightning*.ckpt") {
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		v, _ := Lookup(f.Root, "state_dict")
		state := v.(*Dict)
		if len(state.Items) != len(weights) {
			t.Errorf("%s: %d tensors", path, len(state.Items))
		}
		for name, want := range weights {
			tensor, _ := Lookup(state, "cnn."+name)
			got, err := f.Float32(tensor.(*Tensor))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s is %v, want %v, error %v", path, name, got, want, err)
			}
		}
		f.Close()
	}
}

// TestTruncated cuts files at every length.
func TestTruncated(t *testing.T) {
	for _, path := range files(t, "odd*1.13.pt") {
		whole := readFile(t, path)
		for n := range whole {
			f, err := decode(whole[:n])
			if err == nil {
				_, err = tensors(f, f.Root, 0)
			}
			var e *Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("%s: of %d bytes: %v", path, n, err)
			}
		}
	}
}

// TestDamaged changes every byte: an archive's checksums find what the
// numbers would not show, and nothing panics.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, "odd*2.15.pt") {
		whole := readFile(t, path)
		sound, err := decode(whole)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tensors(sound, sound.Root, 0)
		if err != nil {
			t.Fatal(err)
		}
		harmless, found := 0, 0
		for i := range whole {
			for _, change := range []byte{0x01, 0x80, 0xff} {
				b := slices.Clone(whole)
				b[i] ^= change
				f, err := decode(b)
				var got map[string][]float32
				if err == nil {
					got, err = tensors(f, f.Root, 0)
				}
				var e *Error
				switch {
				case errors.As(err, &e):
					found++
				case err != nil:
					t.Fatalf("%s: byte %d: %v", path, i, err)
				case len(got) != len(want):
				default:
					harmless++
					if strings.Contains(path, "legacy") {
						continue // it has no checksums
					}
					for name, numbers := range want {
						if !slices.Equal(bits(got[name]), bits(numbers)) {
							t.Fatalf("%s: byte %d changes %s without an error", path, i, name)
						}
					}
				}
			}
		}
		if found < len(whole)/2 {
			t.Errorf("%s: %d changes found, %d harmless", path, found, harmless)
		}
	}
}

// TestNewTensor compares what is let through with a count of all indices.
func TestNewTensor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := &storage{dtype: dtypes["Float"], n: int64(rapid.IntRange(0, 30).Draw(r, "n"))}
		rank := rapid.IntRange(0, 3).Draw(r, "rank")
		shape := rapid.SliceOfN(rapid.Int64Range(0, 4), rank, rank).Draw(r, "shape")
		stride := rapid.SliceOfN(rapid.Int64Range(-1, 9), rank, rank).Draw(r, "stride")
		offset := rapid.Int64Range(-1, 31).Draw(r, "offset")
		reached := []int64{offset}
		for d := range shape {
			var next []int64
			for _, at := range reached {
				for i := range shape[d] {
					next = append(next, at+i*stride[d])
				}
			}
			reached = next
		}
		within := offset >= 0 && offset <= s.n && !slices.ContainsFunc(stride, func(x int64) bool { return x < 0 })
		for _, at := range reached {
			within = within && at < s.n
		}
		tensor, err := newTensor(s, s.dtype, offset, shape, stride)
		if (err == nil) != within {
			r.Fatalf("error %v for indices %v of %d", err, reached, s.n)
		}
		if err != nil || len(reached) == 0 {
			return
		}
		s.data = make([]byte, s.n*4)
		for i := range s.n {
			s.data[4*i] = byte(i)
		}
		got := tensor.gather()
		for i, at := range reached {
			if got[4*i] != byte(at) {
				r.Fatalf("number %d is from %d, want %d", i, got[4*i], at)
			}
		}
	})
	s := &storage{dtype: dtypes["Float"], n: 10}
	for _, c := range []struct{ shape, stride []int64 }{
		{[]int64{math.MaxInt64}, []int64{1}},
		{[]int64{1 << 31}, []int64{1}},
		{[]int64{1 << 30, 1 << 30, 1 << 30}, []int64{0, 0, 0}},
		{[]int64{2, 2}, []int64{math.MaxInt64, math.MaxInt64}},
		{[]int64{2, 2}, []int64{1 << 62, 1 << 62}},
		{[]int64{1 << 30, 4}, []int64{0, 0}},
		{[]int64{-1}, []int64{1}},
		{[]int64{1, 1}, []int64{1}},
		{make([]int64, maxRank+1), make([]int64, maxRank+1)},
	} {
		if _, err := newTensor(s, s.dtype, 0, c.shape, c.stride); err == nil {
			t.Errorf("a tensor of %v, %v is let through", c.shape, c.stride)
		}
	}
}

func TestOpenFaults(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, t.TempDir()} {
		_, err := Open(path)
		var e *Error
		if runtime.GOOS == "windows" && !errors.As(err, &e) {
			continue // where a folder is opened like no file
		}
		if !errors.As(err, &e) || e.Path != path || e.Hint == "" || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v", err)
		}
	}
	// Size alone is enough, before anything is read.
	if _, err := Decode(nil, maxFile+1); err == nil {
		t.Error("a file too large is read")
	}
}

// TestSniff tells safetensors files apart whose length of the header begins
// as others' files do.
func TestSniff(t *testing.T) {
	for _, path := range append(files(t, "*.p*t*"), files(t, "*.ckpt")...) {
		if b := readFile(t, path); !Sniff(b[:HeadSize]) {
			t.Errorf("%s is not known", path)
		}
	}
	for _, head := range []string{"", "\x80", "PK\x03\x04", "\x80\x02\x00\x00\x00\x00\x00\x00{\"__metadata__\"", "PK\x03\x04\x00\x00\x00\x00{\"", "\x89PNG\r\n\x1a\n0000"} {
		if Sniff([]byte(head)) {
			t.Errorf("%q is taken for a file of PyTorch's", head)
		}
	}
}
