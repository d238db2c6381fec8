package tensorboard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// memory returns a Writer to a buffer; Close has to be called before the
// buffer is complete.
func memory() (*Writer, *bytes.Buffer) {
	b := new(bytes.Buffer)
	w := &Writer{path: "memory", buf: bufio.NewWriter(b), now: time.Now, limit: maxRecord}
	w.file, w.sync = discard{}, func() error { return nil }
	return w, b
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

func readAll(r io.Reader) (events []*Event, err error) {
	for d := NewReader(r); ; {
		e, err := d.Next()
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

// written is an event, with what must hold for its value when it is read.
type written struct {
	step  int
	check func(v Value) bool
}

// writeAny writes an event of any kind.
func writeAny(t *rapid.T, w *Writer) written {
	step := rapid.Int().Draw(t, "step")
	tag := rapid.String().Draw(t, "tag")
	var is func(v Value) bool
	var err error
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		x := rapid.Float64().Draw(t, "number")
		err = w.Scalar(tag, step, x)
		is = func(v Value) bool {
			got, ok := v.Scalar()
			return ok && math.Float32bits(got) == math.Float32bits(float32(x)) && v.DataClass == classScalar
		}
	case 1:
		width, height := rapid.IntRange(1, 200).Draw(t, "width"), rapid.IntRange(1, 200).Draw(t, "height")
		picture := gray(width, height, rapid.Byte().Draw(t, "level"))
		err = w.Image(tag, step, picture)
		is = func(v Value) bool {
			gotW, gotH, got, ok := v.Image()
			return ok && gotW == width && gotH == height && bytes.Equal(got, picture) && v.DataClass == classBlobs
		}
	case 2:
		values := rapid.SliceOfN(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32), 1, 100).Draw(t, "values")
		err = w.Histogram(tag, step, values)
		h, _ := histogram(values)
		is = func(v Value) bool {
			got, ok := v.Histogram()
			return ok && slices.Equal(got, h) && v.DataClass == classTensor
		}
	case 3:
		text := rapid.String().Draw(t, "text")
		err = w.Text(tag, step, text)
		is = func(v Value) bool {
			got, ok := v.Text()
			return ok && got == text && v.DataClass == classTensor
		}
	case 4:
		tag, step = tagSessionEnd, 0
		err = w.End(true)
		is = func(v Value) bool { return v.Plugin == "hparams" && len(v.Content) > 0 && v.Tensor.Shape[0] == 0 }
	}
	check(t, err)
	return written{step, func(v Value) bool { return v.Tag == tag && is(v) }}
}

// TestRoundTrip reads what was written.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, b := memory()
		var wants []written
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			wants = append(wants, writeAny(t, w))
		}
		check(t, w.Close())
		events, err := readAll(b)
		if err != nil || len(events) != len(wants) {
			t.Fatalf("%d events of %d, %v", len(events), len(wants), err)
		}
		for i, e := range events {
			if e.Step != int64(wants[i].step) || len(e.Values) != 1 || !wants[i].check(e.Values[0]) {
				t.Errorf("event %d is %+v", i, *e)
			}
		}
	})
}

// TestNotUTF8: TensorBoard would refuse the event.
func TestNotUTF8(t *testing.T) {
	w, b := memory()
	check(t, w.Scalar("a\xffb", 1, 2))
	check(t, w.Text("t\xc3", 1, "\xfe"))
	check(t, w.HParams([]Param{{"p\xff", "v\xff"}}, []string{"m\xff"}))
	check(t, w.Close())
	events, err := readAll(b)
	check(t, err)
	text, _ := events[1].Values[0].Text()
	if events[0].Values[0].Tag != "a\ufffdb" || events[1].Values[0].Tag != "t\ufffd" || text != "\ufffd" {
		t.Errorf("read %+v, %+v", events[0], events[1])
	}
	if c := events[2].Values[0].Content; !bytes.Contains(c, []byte("p\ufffd")) || !bytes.Contains(c, []byte("m\ufffd")) {
		t.Errorf("content %q", c)
	}
}

func TestRefused(t *testing.T) {
	w, b := memory()
	for _, picture := range [][]byte{nil, []byte("GIF89a"), gray(3, 2, 9)[:20]} {
		if err := w.Image("picture", 7, picture); err == nil || !strings.Contains(err.Error(), `image "picture" of step 7`) {
			t.Errorf("%q: %v", picture, err)
		}
	}
	check(t, w.Scalar("a", 1, 2)) // goes on
	check(t, w.Close())
	if events, err := readAll(b); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
	for _, bad := range [][]Param{{{"a", nil}}, {{"a", []int{1}}}, {{"a", 1}, {"a", 2}}} {
		func() {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "tensorboard: ") || !strings.Contains(s, `"a"`) {
					t.Errorf("%v: panic %v", bad, s)
				}
			}()
			w, _ := memory()
			w.HParams(bad, nil)
			t.Errorf("%v was written", bad)
		}()
	}
}

func TestLargeEvent(t *testing.T) {
	w, b := memory()
	if w.limit = 1000; newWriter(t, t.TempDir()).limit != maxRecord {
		t.Error("no limit, or another than that of readers")
	}
	err := w.Text("large", 1, strings.Repeat("x", 1000))
	if err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error %v", err)
	}
	check(t, w.Scalar("a", 1, 2))
	check(t, w.Close())
	if events, err := readAll(b); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestParams: every type, and what would not survive as a number.
func TestParams(t *testing.T) {
	for _, tt := range []struct {
		value    any
		dataType int64
		contains string
	}{
		{true, 2, "\x20\x01"},
		{false, 2, "\x20\x00"},
		{"x", 1, "x"},
		{1 << 53, 3, ""},
		{1<<53 + 1, 1, "9007199254740993"},
		{int64(math.MinInt64), 1, "-9223372036854775808"},
		{uint64(math.MaxUint64), 1, "18446744073709551615"},
		{uint64(3), 3, "\x00\x00\x08\x40"},
		{float32(0.5), 3, "\xe0\x3f"},
		{math.NaN(), 1, "NaN"},
		{math.Inf(-1), 1, "-Inf"},
		{math.Copysign(0, -1), 3, "\x00\x80"},
	} {
		value, dataType := Param{"p", tt.value}.value()
		if dataType != tt.dataType || !strings.HasSuffix(string(value), tt.contains) {
			t.Errorf("%T %v: type %d, %q", tt.value, tt.value, dataType, value)
		}
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("no /dev/full here")
	}
	w := &Writer{path: "runs/events", file: full, sync: full.Sync, buf: bufio.NewWriter(full), now: time.Now, limit: maxRecord, shown: time.Now()}
	check(t, w.Scalar("a", 1, 2))
	first := w.Flush()
	var e *atomicfile.Error
	if !errors.Is(first, syscall.ENOSPC) || !errors.As(first, &e) || e.Path != w.path || e.Hint == "" {
		t.Errorf("error %v", first)
	}
	for _, err := range []error{w.Scalar("a", 2, 3), w.HParams(nil, nil), w.End(true), w.Flush(), w.Close()} {
		if err != first {
			t.Errorf("error %v, not %v", err, first)
		}
	}
}

func TestClosed(t *testing.T) {
	w := newWriter(t, t.TempDir())
	check(t, w.Close())
	check(t, w.Close())
	if err := w.Scalar("a", 1, 2); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestCreateFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o666))
	for _, dir := range []string{file, filepath.Join(file, "sub")} {
		if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
		if _, err := Resume(dir, 1, nil); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestShown: events get to the file without a flush, some seconds later.
func TestShown(t *testing.T) {
	c := &clock{time.Now()}
	w, err := create(t.TempDir(), c.now)
	check(t, err)
	defer w.Close()
	for i, want := range []int{1, 1, 4} {
		check(t, w.Scalar("a", i, 1))
		if events, err := Read(w.path); err != nil || len(events) != want {
			t.Errorf("%d events, want %d, %v", len(events), want, err)
		}
		c.t = c.t.Add(showEvery/2 + 1)
	}
}

func TestScalarAllocatesNothing(t *testing.T) {
	w, _ := memory()
	step := 0
	if n := testing.AllocsPerRun(1000, func() {
		step++
		check(t, w.Scalar("loss_contrastive_divergence", step, float64(step)))
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkScalar(b *testing.B) {
	w := newWriter(b, b.TempDir())
	b.ReportAllocs()
	for step := 0; b.Loop(); step++ {
		if err := w.Scalar("loss_contrastive_divergence", step, float64(step)); err != nil {
			b.Fatal(err)
		}
	}
	check(b, w.Close())
}

// TestValue: nothing else is read than what was written.
func TestValue(t *testing.T) {
	w, b := memory()
	check(t, w.Scalar("a", 1, 2))
	check(t, w.Close())
	events, err := readAll(b)
	check(t, err)
	want := Value{Tag: "a", Plugin: "scalars", DataClass: 1, Tensor: Tensor{DType: 1, Floats: []float32{2}}}
	if got := events[0].Values; !reflect.DeepEqual(got, []Value{want}) {
		t.Errorf("read %+v", got)
	}
}
