package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadIDX(t *testing.T) {
	for _, dims := range [][]int{{0}, {1}, {300}, {0, 7}, {2, 3}, {3, 4, 5}, {2, 3, 4, 5}, {1<<20 + 1}, {5, 1 << 19}} {
		n := 1
		for _, d := range dims {
			n *= d
		}
		data := noise(n, 9)
		plain := encodeIDX(dims, data)
		padded := append(append(compress(plain[:5]), make([]byte, 3)...), append(compress(plain[5:]), make([]byte, 100)...)...)
		for _, b := range [][]byte{plain, compress(plain), padded} {
			for _, r := range []io.Reader{bytes.NewReader(b), iotest.HalfReader(bytes.NewReader(b)), iotest.DataErrReader(bytes.NewReader(b))} {
				x, err := ReadIDX(r)
				if err != nil {
					t.Fatalf("%v: %v", dims, err)
				}
				if !slices.Equal(x.Dims, dims) || !bytes.Equal(x.Data, data) {
					t.Errorf("%v: read %v and %d bytes, which differ", dims, x.Dims, len(x.Data))
				}
			}
		}
	}
}

func TestReadIDXFaults(t *testing.T) {
	good := encodeIDX([]int{10, 20}, noise(200, 1))
	packed := compress(good)
	flipped := slices.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	badBlock := slices.Clone(packed)
	badBlock[10] |= 6 // a block of the reserved type
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "truncated: it ends within the IDX header"},
		"one byte":          {[]byte{0}, "truncated: it ends within the IDX header"},
		"half a header":     {good[:9], "truncated: it ends within the IDX header"},
		"no body":           {good[:12], "truncated: it ends after 0 of 200 bytes"},
		"half a body":       {good[:100], "truncated: it ends after 88 of 200 bytes"},
		"one byte over":     {append(slices.Clone(good), 0), "oversized: bytes follow the 200"},
		"html":              {[]byte("<html>"), "not an IDX file: it begins with 3c 68 74 6d"},
		"floats":            {[]byte{0, 0, 0x0d, 1, 0, 0, 0, 0}, "type 0x0d, not unsigned bytes"},
		"no dimensions":     {[]byte{0, 0, 8, 0}, "0 dimensions"},
		"five dimensions":   {encodeIDX([]int{1, 1, 1, 1, 1}, []byte{1}), "5 dimensions"},
		"2³²−1 wide":        {encodeIDX([]int{1<<32 - 1}, nil), "more than 1073741824 bytes"},
		"overflow":          {encodeIDX([]int{1 << 16, 1 << 16, 1 << 16, 1 << 16}, nil), "more than 1073741824 bytes"},
		"zero times much":   {encodeIDX([]int{0, 1<<32 - 1}, nil), "more than 1073741824 bytes"},
		"one over the most": {encodeIDX([]int{1<<30 + 1}, nil), "more than 1073741824 bytes"},
		"gzip header":       {[]byte{0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0}, "damaged gzip data"},
		"gzip magic":        {[]byte{0x1f, 0x8b}, "truncated gzip data"},
		"gzip cut":          {packed[:len(packed)/2], "truncated"},
		"gzip tail cut":     {packed[:len(packed)-3], "truncated gzip data"},
		"gzip checksum":     {flipped, "damaged gzip data: gzip: invalid checksum"},
		"gzip block":        {badBlock, "damaged gzip data: flate"},
		"gzip garbage":      {append(slices.Clone(packed), "more"...), "gzip data"},
		"gzip one over":     {compress(append(slices.Clone(good), 0)), "oversized"},
		"gzip behind zeros": {append(append(slices.Clone(packed), 0, 0), 0x1f, 0x8b), "truncated gzip data"},
		"gzip two members":  {append(slices.Clone(packed), packed...), "oversized"},
		"gzip in gzip":      {compress(packed), "not an IDX file: it begins with 1f 8b"},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := ReadIDX(bytes.NewReader(c.data))
			var e *Error
			if x != nil || !errors.As(err, &e) {
				t.Fatalf("%v, error %v", x, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q lacks %q", err, c.want)
			}
			if e.Hint == "" {
				t.Errorf("%v: no hint", err)
			}
		})
	}
}

func TestReadIDXReaderFault(t *testing.T) {
	broken := errors.New("cable cut")
	good := encodeIDX([]int{10, 20}, noise(200, 1))
	for _, n := range []int{0, 5, 12, 100, len(good)} {
		for _, b := range [][]byte{good, compress(good)} {
			_, err := ReadIDX(io.MultiReader(bytes.NewReader(b[:min(n, len(b))]), iotest.ErrReader(broken)))
			if !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestReadIDXMemory(t *testing.T) {
	promise := encodeIDX([]int{1 << 10, 1 << 10, 1 << 10}, make([]byte, 1000))
	if n := allocated(func() {
		if _, err := ReadIDX(bytes.NewReader(promise)); err == nil {
			t.Error("no error")
		}
	}); n > 2*firstChunk {
		t.Errorf("a kilobyte that promises a gigabyte allocates %d bytes", n)
	}

	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	w.Write(encodeIDX([]int{1000}, nil))
	io.CopyN(w, zeros{}, 8<<20)
	w.Close()
	if n := allocated(func() {
		_, err := ReadIDX(&bomb)
		if err == nil || !strings.Contains(err.Error(), "oversized") {
			t.Errorf("gzip bomb of 8 MiB: %v", err)
		}
	}); n > 1<<20 {
		t.Errorf("a gzip bomb allocates %d bytes", n)
	}

	var cut bytes.Buffer
	w = gzip.NewWriter(&cut)
	w.Write(encodeIDX([]int{1 << 30}, nil))
	io.CopyN(w, zeros{}, 5<<20)
	w.Close()
	if n := allocated(func() { ReadIDX(&cut) }); n > 4*5<<20 {
		t.Errorf("5 MiB that promise a gigabyte allocate %d bytes", n)
	}
}

func FuzzReadIDX(f *testing.F) {
	for _, dims := range [][]int{{0}, {3}, {2, 2}, {1, 2, 3}, {1, 2, 1, 2}} {
		n := 1
		for _, d := range dims {
			n *= d
		}
		b := encodeIDX(dims, noise(n, 1))
		f.Add(b)
		f.Add(compress(b))
		f.Add(b[:len(b)-1])
		f.Add(compress(b)[:20])
		f.Add(append(append(compress(b[:4]), 0, 0), append(compress(b[4:]), 0)...))
	}
	f.Add(encodeIDX([]int{1 << 16, 1 << 16}, nil))
	f.Add([]byte{0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadIDX(bytes.NewReader(b))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Hint == "" || x != nil {
				t.Fatalf("%v, error %#v", x, err)
			}
			return
		}
		plain := encodeIDX(x.Dims, x.Data)
		if b[0] != 0x1f && !bytes.Equal(plain, b) {
			t.Fatalf("% x was read from % x", plain, b)
		}
		y, err := ReadIDX(bytes.NewReader(compress(plain)))
		if err != nil || !slices.Equal(y.Dims, x.Dims) || !bytes.Equal(y.Data, x.Data) {
			t.Fatalf("% x comes back as %v, error %v", plain, y, err)
		}
	})
}
