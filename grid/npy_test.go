package grid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// decodeNPY reads what EncodeNPY may write, by the words of NumPy's format.
func decodeNPY(b []byte) (values []float32, shape []int, err error) {
	if len(b) < 10 || string(b[:8]) != "\x93NUMPY\x01\x00" {
		return nil, nil, fmt.Errorf("magic %q", b[:min(len(b), 8)])
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	if (10+n)%64 != 0 || len(b) < 10+n || b[9+n] != '\n' {
		return nil, nil, fmt.Errorf("a header of %d bytes", n)
	}
	m := regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n$`).FindSubmatch(b[10 : 10+n])
	if m == nil {
		return nil, nil, fmt.Errorf("header %q", b[10:10+n])
	}
	for d := range strings.SplitSeq(strings.TrimSuffix(string(m[1]), ","), ", ") {
		v, err := strconv.Atoi(d)
		if err != nil {
			return nil, nil, err
		}
		shape = append(shape, v)
	}
	for b = b[10+n:]; len(b) >= 4; b = b[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	if len(b) > 0 {
		return nil, nil, fmt.Errorf("%d bytes are left", len(b))
	}
	return values, shape, nil
}

func bitsOf(values []float32) []uint32 {
	bits := make([]uint32, len(values))
	for i, v := range values {
		bits[i] = math.Float32bits(v)
	}
	return bits
}

func TestNPY(t *testing.T) {
	for _, shape := range [][]int{{0}, {3}, {2, 0}, {2, 3, 4, 5}, {1, 1, 1, 1}, {64, 1, 28, 28}, {1, 2, 3, 4, 5, 6}, {100000, 2}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i)*0.1 - 1
		}
		if n > 3 {
			values[0], values[1], values[2] = float32(math.NaN()), float32(math.Inf(-1)), float32(math.Copysign(0, -1))
		}
		var b bytes.Buffer
		if err := EncodeNPY(&b, values, shape...); err != nil {
			t.Fatal(err)
		}
		got, gotShape, err := decodeNPY(b.Bytes())
		if err != nil || fmt.Sprint(gotShape) != fmt.Sprint(shape) || fmt.Sprint(bitsOf(got)) != fmt.Sprint(bitsOf(values)) {
			t.Errorf("%v: read shape %v, %d values, %v", shape, gotShape, len(got), err)
		}
	}
}

// A full writer takes so many bytes and no more.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestNPYErrors(t *testing.T) {
	for _, room := range []full{0, 64, 70000} {
		if err := EncodeNPY(&room, make([]float32, 40000), 40000); err == nil {
			t.Error("a full disk went unnoticed")
		}
	}
	func() {
		defer func() {
			if s, _ := recover().(string); !strings.HasPrefix(s, "grid: ") {
				t.Errorf("panic %q", s)
			}
		}()
		EncodeNPY(&bytes.Buffer{}, make([]float32, 5), 2, 2)
	}()
}

func TestPythonNPY(t *testing.T) {
	interpreter := python.Need(t, "import numpy")
	path := filepath.Join(t.TempDir(), "a.npy")
	values := make([]float32, 2*3*4*5)
	for i := range values {
		values[i] = float32(i)
	}
	values[7] = float32(math.Inf(1))
	var b bytes.Buffer
	if err := EncodeNPY(&b, values, 2, 3, 4, 5); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	const script = `
import io, sys
import numpy as np
a = np.load(sys.argv[1], allow_pickle=False)
assert a.dtype == np.dtype("<f4") and a.shape == (2, 3, 4, 5) and a.flags.c_contiguous, (a.dtype, a.shape)
want = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
want[0, 0, 1, 2] = np.inf
assert (a == want).all()
b = io.BytesIO()
np.save(b, a)
assert b.getvalue() == open(sys.argv[1], "rb").read(), "numpy writes other bytes"
`
	if out, err := exec.Command(interpreter, "-c", script, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
