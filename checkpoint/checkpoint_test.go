package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sample has every type, an empty tensor, a single value, and numbers whose
// bits are easily lost.
func sample() *File {
	return &File{
		Metadata: map[string]string{"output": "energy", "config": "seed: 42\n", "ünï": "\"<&>\u2028\x00"},
		Tensors: []Tensor{
			{"cnn_layers.0.weight", []int{2, 1, 1, 3}, []float32{0, -1, math.MaxFloat32, float32(math.Inf(-1)),
				math.Float32frombits(0x80000000), math.Float32frombits(0x7fa12345)}},
			{"cnn_layers.0.bias", []int{0, 4}, []float32{}},
			{"buffer", []int{5}, []uint8{0, 1, 2, 254, 255}}, // what follows is not aligned
			{"step", nil, []int64{math.MinInt64}},
			{"a \"quoted\" näme", []int{1, 2}, []int64{-1, math.MaxInt64}},
		},
	}
}

func encoded(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// same compares files to the bit; NaN equals itself.
func same(a, b *File) bool {
	if len(a.Metadata)+len(b.Metadata) > 0 && !reflect.DeepEqual(a.Metadata, b.Metadata) || len(a.Tensors) != len(b.Tensors) {
		return false
	}
	for i, x := range a.Tensors {
		y := b.Tensors[i]
		if x.Name != y.Name || show(x.Shape) != show(y.Shape) {
			return false
		}
		if p, ok := x.Data.([]float32); ok {
			q, ok := y.Data.([]float32)
			if !ok || len(p) != len(q) {
				return false
			}
			for j := range p {
				if math.Float32bits(p[j]) != math.Float32bits(q[j]) {
					return false
				}
			}
		} else if !reflect.DeepEqual(x.Data, y.Data) {
			return false
		}
	}
	return true
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	for _, f := range []*File{sample(), {}, {Metadata: map[string]string{"": ""}}} {
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !same(got, f) {
			t.Errorf("read %v, wrote %v", got, f)
		}
	}
}

func TestLayout(t *testing.T) {
	f := &File{
		Metadata: map[string]string{"b": "2", "a": "1"},
		Tensors:  []Tensor{{"w", []int{1, 2}, []float32{1, -2}}, {"n", []int{}, []int64{3}}},
	}
	header := `{"__metadata__":{"a":"1","b":"2","joule_crc32":"2eba8c8f ebadd88a c3872656"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},` +
		`"n":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := string([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}) + header +
		"\x00\x00\x80\x3f\x00\x00\x00\xc0\x03\x00\x00\x00\x00\x00\x00\x00"
	for range 20 { // the order of a map must not show
		if got := string(encoded(t, f)); got != want {
			t.Fatalf("got\n%q\nwant\n%q", got, want)
		}
	}
}

// TestChunks crosses the borders of the buffer.
func TestChunks(t *testing.T) {
	for _, n := range []int{1, chunk/8 - 1, chunk / 8, chunk/8 + 1, chunk / 4, chunk/4 + 1, chunk + 1} {
		f32, i64, u8 := make([]float32, n), make([]int64, n), make([]uint8, n)
		for i := range n {
			f32[i], i64[i], u8[i] = float32(i)+0.5, int64(i)<<33, uint8(i)
		}
		f := &File{Tensors: []Tensor{{"u", []int{n}, u8}, {"f", []int{n}, f32}, {"i", []int{n}, i64}}}
		b := encoded(t, f)
		got, err := Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil || !same(got, f) {
			t.Errorf("%d values: %v", n, err)
		}
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &File{Metadata: rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")}
		for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 6, rapid.ID).Draw(t, "names") {
			if name == metadataKey {
				continue
			}
			shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape")
			count, _ := elements(shape)
			n := int(count)
			tensor := Tensor{Name: name, Shape: shape}
			switch rapid.IntRange(0, 2).Draw(t, "type") {
			case 0:
				tensor.Data = rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "f32")
			case 1:
				tensor.Data = rapid.SliceOfN(rapid.Uint8(), n, n).Draw(t, "u8")
			case 2:
				tensor.Data = rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "i64")
			}
			f.Tensors = append(f.Tensors, tensor)
		}
		var b bytes.Buffer
		if err := Encode(&b, f); err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint64(b.Bytes()); n%8 != 0 {
			t.Fatalf("header of %d bytes", n)
		}
		got, err := Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || !same(got, f) {
			t.Fatalf("%v\n%v\n%v", err, f, got)
		}
	})
}

func TestSome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last.safetensors")
	f := sample()
	if err := Write(path, f); err != nil {
		t.Fatal(err)
	}
	h, err := ReadHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h.Metadata, f.Metadata) || len(h.Tensors) != len(f.Tensors) {
		t.Fatalf("header %+v", h)
	}
	for i, info := range h.Tensors {
		dtype, _ := dtypeOf(f.Tensors[i].Data)
		if info.Name != f.Tensors[i].Name || info.DType != dtype || show(info.Shape) != show(f.Tensors[i].Shape) {
			t.Errorf("tensor %d: %+v", i, info)
		}
	}
	got, err := ReadSome(path, func(name string) bool { return name == "buffer" || name == "step" })
	if err != nil {
		t.Fatal(err)
	}
	if !same(got, &File{Metadata: f.Metadata, Tensors: []Tensor{f.Tensors[2], f.Tensors[3]}}) {
		t.Errorf("read %+v", got)
	}
}

func TestAccessors(t *testing.T) {
	f := sample()
	if w, err := f.Float32("cnn_layers.0.weight", 2, 1, 1, 3); err != nil || len(w) != 6 {
		t.Errorf("%v, %v", w, err)
	}
	if b, err := f.Uint8("buffer", 5); err != nil || len(b) != 5 {
		t.Errorf("%v, %v", b, err)
	}
	if n, err := f.Int64("step"); err != nil || n[0] != math.MinInt64 {
		t.Errorf("%v, %v", n, err)
	}
	_, missing := f.Float32("nowhere", 1)
	_, shape := f.Float32("cnn_layers.0.weight", 2, 3)
	_, scalar := f.Float32("cnn_layers.0.weight")
	_, dtype := f.Float32("buffer", 5)
	for err, want := range map[error]string{
		missing: `no tensor "nowhere"`,
		shape:   `tensor "cnn_layers.0.weight" has shape [2, 1, 1, 3], want [2, 3]`,
		scalar:  `has shape [2, 1, 1, 3], want []`,
		dtype:   `tensor "buffer" has type U8, want F32`,
	} {
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Fault, want) || e.Hint == "" {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.safetensors")
	for want, f := range map[string]*File{
		`tensor "w": cannot write []float64`:      {Tensors: []Tensor{{"w", []int{1}, []float64{1}}}},
		`tensor "w": cannot write <nil>`:          {Tensors: []Tensor{{"w", []int{0}, nil}}},
		`tensor "w": 3 values for shape [2, 2]`:   {Tensors: []Tensor{{"w", []int{2, 2}, make([]float32, 3)}}},
		`tensor "w": impossible shape [-1, -2]`:   {Tensors: []Tensor{{"w", []int{-1, -2}, make([]float32, 2)}}},
		`two tensors named "w"`:                   {Tensors: []Tensor{{"w", nil, []uint8{1}}, {"w", nil, []uint8{1}}}},
		`a tensor cannot be named "__metadata__"`: {Tensors: []Tensor{{"__metadata__", nil, []uint8{1}}}},
		`a tensor cannot be named "\xff"`:         {Tensors: []Tensor{{"\xff", nil, []uint8{1}}}},
		`metadata "k" is not UTF-8`:               {Metadata: map[string]string{"k": "\xff"}},
	} {
		for _, err := range []error{Write(path, f), Encode(io.Discard, f)} {
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	err := Write(filepath.Join(dir, "missing", "x"), &File{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("missing folder: %v", err)
	}
}

// TestMemory bounds what reading and writing allocate beside the tensors.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a file of 26 MB")
	}
	const n = 8192 * 28 * 28
	f := &File{Tensors: []Tensor{{"buffer", []int{8192, 1, 28, 28}, make([]float32, n)}}}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	allocated := func(do func() error) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if got := allocated(func() error { return Write(path, f) }); got > 1<<20 {
		t.Errorf("writing allocates %d bytes", got)
	}
	if got := allocated(func() error { _, err := Read(path); return err }); got > 4*n+1<<20 {
		t.Errorf("reading allocates %d bytes for %d", got, 4*n)
	}
	if got := allocated(func() error { _, err := ReadHeader(path); return err }); got > 1<<20 {
		t.Errorf("reading the header allocates %d bytes", got)
	}
}
