package metric

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/joule-ml/joule/internal/atomicfile"
)

var columns = []string{"loss", "val_real_out", "gradient norm"}

// create makes a file of steps 1 to n, an epoch being 3 steps.
func create(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metrics.csv")
	w, err := Create(path, columns)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, 1, n)
	return path
}

func write(t *testing.T, w *Writer, from, to int) {
	t.Helper()
	for step := from; step <= to; step++ {
		err := w.Write((step-1)/3, step, map[string]float64{"loss": 1 / float64(step), "gradient norm": float64(step)})
		if err == nil && step%3 == 0 {
			err = w.Write((step-1)/3, step, map[string]float64{"val_real_out": -float64(step)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const seven = "epoch,step,loss,val_real_out,gradient norm\n" +
	"0,1,1,,1\n" +
	"0,2,0.5,,2\n" +
	"0,3,0.3333333333333333,,3\n" +
	"0,3,,-3,\n" +
	"1,4,0.25,,4\n" +
	"1,5,0.2,,5\n" +
	"1,6,0.16666666666666666,,6\n" +
	"1,6,,-6,\n" +
	"2,7,0.14285714285714285,,7\n"

func TestWrite(t *testing.T) {
	path := create(t, 7)
	if got := content(t, path); got != seven {
		t.Errorf("wrote\n%s\nwant\n%s", got, seven)
	}
	table, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range table.Series {
		names = append(names, s.Name)
	}
	if !reflect.DeepEqual(names, columns) {
		t.Errorf("columns %q", names)
	}
	want := Series{"val_real_out", []int{0, 1}, []int{3, 6}, []float64{-3, -6}}
	if got := table.Get("val_real_out"); !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	if got := table.Get("loss"); len(got.Value) != 7 || got.Value[2] != 1.0/3 {
		t.Errorf("read %+v", got)
	}
	if got := table.Get("none"); got.Name != "none" || got.Value != nil {
		t.Errorf("read %+v", got)
	}
}

func TestNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.csv")
	w, err := Create(path, []string{"v"})
	if err != nil {
		t.Fatal(err)
	}
	numbers := []float64{0, math.Copysign(0, -1), 0.1, float64(float32(0.1)), 1e-4 * math.Pow(0.97, 3), 5e-324,
		math.MaxFloat64, -1e300, math.Inf(1), math.Inf(-1), math.NaN(), 15600, 1 << 53}
	for i, v := range numbers {
		if err := w.Write(0, i, map[string]float64{"v": v}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{",inf\n", ",-inf\n", ",nan\n", ",0.1\n", ",15600\n"} {
		if !strings.Contains(content(t, path), want) {
			t.Errorf("no %q in\n%s", want, content(t, path))
		}
	}
	table, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	got := table.Get("v").Value
	for i, v := range numbers {
		if i >= len(got) || math.Float64bits(got[i]) != math.Float64bits(v) && !math.IsNaN(got[i]) {
			t.Fatalf("number %d of %v is not %g", i, got, v)
		}
	}
}

// TestAppend: stopping at any step and continuing gives the file of a run
// that never stopped.
func TestAppend(t *testing.T) {
	for n := range 8 {
		for _, torn := range []string{"", "2", "2,8,0.125,,8", "2,8,,,\n2,9,1", "3,9,x,,\n", "\x00\x00\x00", "\x00\x00\n", strings.Repeat("\x00", 2*maxLine)} {
			path := create(t, 7)
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(torn); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			w, err := Append(path, columns, n, true)
			if err != nil {
				t.Fatalf("step %d, %.20q: %v", n, torn, err)
			}
			write(t, w, n+1, 7)
			if got := content(t, path); got != seven {
				t.Fatalf("step %d, %.20q:\n%s\nwant\n%s", n, torn, got, seven)
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	path := create(t, 3)
	for _, other := range [][]string{nil, {"loss"}, {"val_real_out", "loss", "gradient norm"}, append(columns[:3:3], "more")} {
		_, err := Append(path, other, 3, true)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Fault, "the columns are") || e.Hint == "" {
			t.Errorf("columns %q: error %v", other, err)
		}
	}
	before := content(t, path)
	damagedFile := strings.Replace(before, "0,2,0.5", "0,2,x", 1)
	if err := os.WriteFile(path, []byte(damagedFile), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := Append(path, columns, 3, true)
	var e *Error
	if !errors.As(err, &e) || e.Line != 3 || e.Path != path {
		t.Errorf("damaged row: error %v", err)
	}
	if got := content(t, path); got != damagedFile {
		t.Errorf("a file that was refused is now\n%s", got)
	}
	if _, err := Append(filepath.Join(t.TempDir(), "none"), columns, 0, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	path := create(t, 3)
	if _, err := Create(path, columns); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing file: %v", err)
	}
	if content(t, path) != seven[:len(content(t, path))] {
		t.Error("the existing file was changed")
	}
	for _, bad := range [][]string{{""}, {"a,b"}, {"a\n"}, {"\"a\""}, {" a"}, {"epoch"}, {"step"}, {"a", "a"}, {strings.Repeat("a", maxLine)}} {
		path := filepath.Join(t.TempDir(), "x")
		if _, err := Create(path, bad); err == nil {
			t.Errorf("columns %.20q were taken", bad)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("columns %.20q left a file", bad)
		}
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("no /dev/full here")
	}
	w := &Writer{path: "runs/metrics.csv", columns: columns, file: full, buf: bufio.NewWriter(full)}
	if err := w.Write(0, 1, nil); err != nil {
		t.Fatal(err)
	}
	err = w.Flush()
	var e *atomicfile.Error
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &e) || e.Path != w.path || e.Hint == "" {
		t.Errorf("error %v", err)
	}
	if err := w.Close(); err == nil {
		t.Error("closing hides that rows were lost")
	}
}

func TestUnknownColumnPanics(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "x"), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer func() {
		if got := recover(); got != `metric: no column "lost"` {
			t.Errorf("panic %v", got)
		}
	}()
	w.Write(0, 1, map[string]float64{"loss": 1, "lost": 2})
}

func TestWriteAllocatesNothing(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "x"), columns)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	values := map[string]float64{"loss": 0.123456789, "gradient norm": math.Inf(1)}
	step := 0
	if n := testing.AllocsPerRun(1000, func() {
		step++
		if err := w.Write(0, step, values); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations a row", n)
	}
}

func TestFlush(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	w, err := Create(path, columns)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got := content(t, path); got != seven[:strings.Index(seven, "\n")+1] {
		t.Errorf("a new file holds %q", got)
	}
	if err := w.Write(0, 1, map[string]float64{"loss": 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if table, err := Read(path); err != nil || len(table.Get("loss").Value) != 1 {
		t.Errorf("after a flush: %+v, %v", table, err)
	}
}

// TestLightning reads what PyTorch Lightning writes.
func TestLightning(t *testing.T) {
	table, err := Decode(strings.NewReader("\ufeffloss,step,epoch,val\r\n0.5,0,,\r\n,9,0,nan\r\n0.25,10,1,\r\n"))
	want := []Series{
		{"loss", []int{0, 1}, []int{0, 10}, []float64{0.5, 0.25}},
		{"val", []int{0}, []int{9}, []float64{math.NaN()}},
	}
	if err != nil || len(table.Series) != 2 || !reflect.DeepEqual(table.Series[0], want[0]) ||
		!reflect.DeepEqual(table.Series[1].Step, []int{9}) || !math.IsNaN(table.Series[1].Value[0]) {
		t.Errorf("read %+v, %v", table, err)
	}
}

var badTables = []struct{ want, file string }{
	{"no header", ""},
	{"no header", "epoch,step"},
	{"no column named step", "epoch,loss\n"},
	{"cannot be named \"\"", "step,\n"},
	{"cannot be named \"step\"", "step,a,step\n"},
	{"cannot be named \"\\\"a\\\"\"", "step,\"a\"\n"},
	{"longer than", strings.Repeat("a", maxLine+1)},
	{"line 2: longer than", "step\n" + strings.Repeat("1", maxLine+1)},
	{"line 2: step is \"\"", "step,a\n,1\n"},
	{"line 2: step is \"1.5\"", "step,a\n1.5,1\n"},
	{"line 2: step is \"99999999999999999999\"", "step,a\n99999999999999999999,1\n"},
	{"line 2: epoch is \"x\"", "epoch,step\nx,1\n"},
	{"line 3: a is \"one\"", "step,a\n1,1\n2,one\n"},
	{"line 2: a is \"1e999\"", "step,a\n1,1e999\n"},
	{"line 2: 1 columns, not 2", "step,a\n1\n"},
	{"line 2: 1 columns, not 2", "step,a\n1\n"},
	{"line 2: more than 2 columns", "step,a\n1,1,\n"},
	{"line 2: step is \"\"", "step\n\n"},
}

func TestReadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.csv")
	for _, tt := range badTables {
		if err := os.WriteFile(path, []byte(tt.file), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(err.Error(), tt.want) || e.Hint == "" {
			t.Errorf("%.50q: error %.300v, want %s", tt.file, err, tt.want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(seven))
	f.Add([]byte("\ufeffstep,loss\n1,2\n"))
	f.Add([]byte("loss,step,epoch\r\nnan,0,\r\n-inf,9,0\r\n0x1p-3,1,0\r\n"))
	for _, tt := range badTables {
		if len(tt.file) < 1000 {
			f.Add([]byte(tt.file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Decode(bytes.NewReader(data))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			return
		}
		var names []string
		for _, s := range table.Series {
			names = append(names, s.Name)
		}
		head, err := header(names)
		if err != nil {
			return // the columns that are always there make it too long
		}
		var b bytes.Buffer
		b.WriteString(head)
		w := &Writer{columns: names, buf: bufio.NewWriter(&b)}
		for _, s := range table.Series {
			for i, v := range s.Value {
				if err := w.Write(s.Epoch[i], s.Step[i], map[string]float64{s.Name: v}); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.buf.Flush()
		again, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range table.Series {
			got := again.Series[i]
			for j, v := range s.Value {
				if math.IsNaN(v) && j < len(got.Value) && math.IsNaN(got.Value[j]) {
					s.Value[j], got.Value[j] = 0, 0
				}
			}
			if !reflect.DeepEqual(got, s) {
				t.Fatalf("%+v became %+v", s, got)
			}
		}
	})
}
