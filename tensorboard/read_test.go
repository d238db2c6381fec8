package tensorboard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// raw makes a record of data with right checksums.
func raw(data string) []byte {
	return appendRecord(nil, func(b []byte) []byte { return append(b, data...) })
}

// claim makes a record that says it has size bytes, and ends.
func claim(size uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, size)
	return binary.LittleEndian.AppendUint32(b, masked(b))
}

var bad = []struct {
	want string
	file []byte
}{
	{"ends after 5 bytes", []byte("hello")},
	{"ends after 12 bytes", claim(0)},
	{"ends after 14 bytes", append(claim(9), 1, 2)},
	{"ends after 12 bytes", claim(maxRecord)},
	{"268435457 bytes, at most 268435456", claim(maxRecord + 1)},
	{"18446744073709551615 bytes, at most", claim(1<<64 - 1)},
	{"the length has checksum", []byte("step,loss\n1,0.5\n2,0.25\n")},
	{"the length has checksum", make([]byte, 16)},
	{"the data have checksum", append(raw("")[:12], 1, 2, 3, 4)},
	{"no event: ", raw("\x00")},
	{"no event: ", raw("\x09\x00")},
	{"no event: field 1: of another type", raw("\x08\x00")},
	{"no event: field 2: of another type", raw("\x12\x00")},
	{"no event: field 3: of another type", raw("\x18\x00")},
	{"no event: field 5: of another type", raw("\x28\x00")},
	{"no event: field 5: ", raw("\x2a\x7f")},
	{"no event: field 5: field 1: field 8: field 5: of another type", raw("\x2a\x07\x0a\x05\x42\x03\x2a\x01\x00")},
}

func TestDamaged(t *testing.T) {
	good := raw("\x10\x03")
	path := filepath.Join(t.TempDir(), "bad.tfevents")
	for _, tt := range bad {
		check(t, os.WriteFile(path, append(bytes.Clone(good), tt.file...), 0o666))
		events, err := Read(path)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || e.Offset != int64(len(good)) || !strings.Contains(e.Fault, tt.want) {
			t.Errorf("error %v, want %s", err, tt.want)
			continue
		}
		if len(events) != 1 || events[0].Step != 3 {
			t.Errorf("%s: %d events before it", tt.want, len(events))
		}
		ends := strings.Contains(tt.want, "ends after")
		if ends != errors.Is(err, io.ErrUnexpectedEOF) || ends != (e.Hint == "") {
			t.Errorf("%v: hint %q, caused by %v", err, e.Hint, e.Err)
		}
		// Asking again gives the same.
		r := NewReader(bytes.NewReader(tt.file))
		_, first := r.Next()
		if _, again := r.Next(); again != first || r.Offset() != 0 {
			t.Errorf("%v, then %v", first, again)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

// TestNoGreed reads files that claim to be large.
func TestNoGreed(t *testing.T) {
	for _, tt := range bad {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		NewReader(bytes.NewReader(tt.file)).Next()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 100<<10 {
			t.Errorf("%s: %d bytes allocated for a file of %d", tt.want, got, len(tt.file))
		}
	}
}

// TestUnknownFields: messages may grow.
func TestUnknownFields(t *testing.T) {
	file := raw("\xa2\x06\x03abc" + "\x10\x05" + "\xab\x06\xac\x06" + "\x2a\x09\xa0\x06\x01\x0a\x04\x0a\x02hi")
	events, err := readAll(bytes.NewReader(file))
	if err != nil || len(events) != 1 || events[0].Step != 5 || len(events[0].Values) != 1 || events[0].Values[0].Tag != "hi" {
		t.Errorf("%+v, %v", events, err)
	}
}

// TestNoSuchValue: values of other kinds than asked for.
func TestNoSuchValue(t *testing.T) {
	texts := [][]byte{[]byte("1"), []byte("x"), []byte("y")}
	for _, v := range []Value{
		{},
		{Plugin: "scalars"},
		{Plugin: "scalars", Tensor: Tensor{DType: dtFloat, Floats: []float32{1, 2}}},
		{Plugin: "images"},
		{Plugin: "images", Tensor: Tensor{DType: dtString, Strings: texts}},
		{Plugin: "images", Tensor: Tensor{DType: dtString, Strings: texts[1:]}},
		{Plugin: "histograms", Tensor: Tensor{DType: dtDouble, Shape: []int64{1, 3}, Doubles: []float64{1, 2}}},
		{Plugin: "histograms", Tensor: Tensor{DType: dtDouble, Shape: []int64{2, 3}, Doubles: []float64{1, 2, 3}}},
		{Plugin: "histograms", Tensor: Tensor{DType: dtDouble, Shape: []int64{3}, Doubles: []float64{1, 2, 3}}},
		{Plugin: "text", Tensor: Tensor{DType: dtString, Strings: texts}},
	} {
		_, scalar := v.Scalar()
		_, _, _, image := v.Image()
		_, histogram := v.Histogram()
		_, text := v.Text()
		if scalar || image || histogram || text {
			t.Errorf("%+v: scalar %t, image %t, histogram %t, text %t", v, scalar, image, histogram, text)
		}
	}
}

// FuzzReader: whatever is read, reading does not fail otherwise than it says,
// and Resume keeps what was read.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"ours", "theirs", "old"} {
		b, err := os.ReadFile("testdata/" + name + ".tfevents")
		check(f, err)
		f.Add(b[:300]) // short: the fuzzer spends its time on making what it finds shorter
	}
	for _, tt := range bad {
		f.Add(tt.file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := readAll(bytes.NewReader(data))
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(data))) {
			t.Fatalf("error %v", err)
		}
		for _, e := range events {
			for _, v := range e.Values {
				v.Scalar()
				v.Image()
				v.Histogram()
				v.Text()
			}
		}
		c, _, scanErr := scan("f", bytes.NewReader(data), int64(len(data)), func(*Event) bool { return true })
		if scanErr != nil && (err == nil || !errors.As(scanErr, &e) || e.Path != "f") {
			t.Fatalf("error %v", scanErr)
		}
		size := int64(0)
		for _, s := range c.spans {
			size += s.end - s.start
		}
		want := int64(len(data))
		if e != nil {
			want = e.Offset
		}
		if scanErr == nil && (size != want && !c.damaged || size < want || size > int64(len(data))) {
			t.Fatalf("keeps %d bytes, not %d", size, want)
		}
	})
}

// FuzzEvent gives the decoder messages whose checksums are right.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"ours", "theirs", "old"} {
		b, err := os.ReadFile("testdata/" + name + ".tfevents")
		check(f, err)
		for len(b) > 0 {
			size := binary.LittleEndian.Uint64(b)
			if size < 3000 {
				f.Add(b[headSize : headSize+size])
			}
			b = b[headSize+size+footSize:]
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeEvent(data)
		if (e == nil) == (err == nil) {
			t.Fatalf("%v, %v", e, err)
		}
		again, err2 := readAll(bytes.NewReader(raw(string(data))))
		if (err == nil) != (err2 == nil) || err == nil && len(again) != 1 {
			t.Fatalf("%v, %v", err, err2)
		}
	})
}
