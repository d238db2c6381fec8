package metric

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

const sevenJSON = `{"epoch":0,"step":1,"loss":1,"gradient norm":1}
{"epoch":0,"step":2,"loss":0.5,"gradient norm":2}
{"epoch":0,"step":3,"loss":0.3333333333333333,"gradient norm":3}
{"epoch":0,"step":3,"val_real_out":-3}
{"epoch":1,"step":4,"loss":0.25,"gradient norm":4}
{"epoch":1,"step":5,"loss":0.2,"gradient norm":5}
{"epoch":1,"step":6,"loss":0.16666666666666666,"gradient norm":6}
{"epoch":1,"step":6,"val_real_out":-6}
{"epoch":2,"step":7,"loss":0.14285714285714285,"gradient norm":7}
`

// TestJSON: whatever a killed process left, a run that continues at any step
// gives the file of one that never stopped.
func TestJSON(t *testing.T) {
	for n := range 8 {
		for _, left := range []string{"", "{\"epoch\":0,\"step\":1,\"lo", "\x00\x00", sevenJSON, "none"} {
			path := create(t, 7)
			lines := filepath.Join(filepath.Dir(path), "metrics.jsonl")
			if left != "none" {
				if err := os.WriteFile(lines, []byte(left), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			csv, err := Append(path, columns, n, true)
			if err != nil {
				t.Fatal(err)
			}
			w, err := CreateJSON(lines, path, columns)
			if err != nil {
				t.Fatal(err)
			}
			write(t, w, n+1, 7)
			if err := csv.Close(); err != nil {
				t.Fatal(err)
			}
			if got := content(t, lines); got != sevenJSON {
				t.Fatalf("from step %d, after %.20q:\n%s\nwant\n%s", n, left, got, sevenJSON)
			}
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := CreateJSON(filepath.Join(dir, "x.jsonl"), filepath.Join(dir, "none"), columns); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no CSV file: %v", err)
	}
	path := filepath.Join(dir, "metrics.csv")
	for _, tt := range badTables {
		if err := os.WriteFile(path, []byte(tt.file), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := CreateJSON(filepath.Join(dir, "x.jsonl"), path, columns)
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.50q: error %.300v, want %s", tt.file, err, tt.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v", entries)
	}
}

// TestWholeLines: who reads the file of a training under way finds whole
// lines.
func TestWholeLines(t *testing.T) {
	path := create(t, 1)
	csv, err := Append(path, columns, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	defer csv.Close()
	lines := filepath.Join(filepath.Dir(path), "metrics.jsonl")
	w, err := CreateJSON(lines, path, columns)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	grown := 0
	for step := 2; step < 1000; step++ {
		for i, w := range []*Writer{csv, w} {
			if err := w.Write(0, step, map[string]float64{"loss": math.Sqrt(float64(step))}); err != nil {
				t.Fatal(err)
			}
			text := content(t, []string{path, lines}[i])
			if !strings.HasSuffix(text, "\n") {
				t.Fatalf("step %d: half a line at the end, %q", step, text[strings.LastIndex(text, "\n")+1:])
			}
			if len(text) > 5000 {
				grown++
			}
		}
	}
	if grown == 0 {
		t.Error("nothing was written before the end")
	}
}

func TestJSONAllocatesNothing(t *testing.T) {
	path := create(t, 0)
	w, err := CreateJSON(path+".jsonl", path, columns)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	values := map[string]float64{"loss": 0.123456789, "gradient norm": math.Inf(1)}
	if n := testing.AllocsPerRun(1000, func() {
		if err := w.Write(0, 1, values); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations a row", n)
	}
}

// odd is a file of every kind of number.
const oddRows = "epoch,step,v,w \"q\"\n1,1,0.5,\n1,2,nan,1\n1,3,inf,\n1,4,-inf,1e-300\n1,4,,-0.25\n"

// oddJSON writes it as JSON Lines; a name with a quote is not for Create, but
// must not break a line either.
func oddJSON(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "metrics.csv")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(oddRows, `w "q"`, "w")), 0o666); err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(dir, "metrics.jsonl")
	w, err := CreateJSON(lines, path, []string{"v", "w"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(2, 5, map[string]float64{"v": math.NaN(), "w": math.Inf(-1)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"epoch":1,"step":1,"v":0.5}
{"epoch":1,"step":2,"v":"NaN","w":1}
{"epoch":1,"step":3,"v":"Infinity"}
{"epoch":1,"step":4,"v":"-Infinity","w":1e-300}
{"epoch":1,"step":4,"w":-0.25}
{"epoch":2,"step":5,"v":"NaN","w":"-Infinity"}
`
	if got := content(t, lines); got != want {
		t.Fatalf("wrote\n%s\nwant\n%s", got, want)
	}
	return lines
}

func TestPandas(t *testing.T) {
	path := python.Need(t, "import pandas")
	const script = `
import sys, math, pandas
t = pandas.read_json(sys.argv[1], lines=True)
assert list(t.columns) == ["epoch", "step", "v", "w"], t.columns
assert t.v.dtype == t.w.dtype == float, t.dtypes
assert t.epoch.dtype == t.step.dtype == int, t.dtypes
assert list(t.step) == [1, 2, 3, 4, 4, 5], t
v, w = list(t.v), list(t.w)
assert v[0] == 0.5 and math.isnan(v[1]) and v[2] == math.inf and v[3] == -math.inf and math.isnan(v[4]), v
assert math.isnan(w[0]) and w[1] == 1 and w[3] == 1e-300 and w[5] == -math.inf, w
`
	if out, err := exec.Command(path, "-c", script, oddJSON(t)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestJQ(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	path := oddJSON(t)
	for filter, want := range map[string]string{
		`select(.v | type == "string") | .step`: "2\n3\n4\n5\n", // those that are not finite
		`.v | numbers`:                          "0.5\n",
		`select(.w == -0.25) | has("v")`:        "false\n",
	} {
		out, err := exec.Command(jq, "-c", filter, path).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("jq '%s': %v\n%s", filter, err, out)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(seven))
	f.Add([]byte(oddRows))
	f.Add([]byte("step,\x01\xff\n1,0x1p-3\n"))
	f.Add([]byte("step,epoch,</>\n1,-7,-0\r\n2,,"))
	for _, tt := range badTables {
		if len(tt.file) < 1000 {
			f.Add([]byte(tt.file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		if err := toJSON(&b, bytes.NewReader(data)); err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			return
		}
		table, err := Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("rows that cannot be read: %v", err)
		}
		holdsAll(t, &b, table)
	})
}

// holdsAll makes sure that every number of the table is in the lines, and that
// nothing else is.
func holdsAll(t *testing.T, b io.Reader, table *Table) {
	t.Helper()
	values := 0
	next := make([]int, len(table.Series))
	lines := bufio.NewScanner(b)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row map[string]any
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		values += len(row) - 2
		for i, s := range table.Series {
			name := strings.ToValidUTF8(s.Name, "\ufffd")
			got, ok := row[name]
			if !ok || name != s.Name {
				continue
			}
			k := next[i]
			next[i]++
			v, step := s.Value[k], s.Step[k]
			if row["step"] != float64(step) {
				t.Fatalf("%q: step %v, want %d", name, row["step"], step)
			}
			if want := jsonNumber(v); got != want {
				t.Fatalf("%q: %v, want %v", name, got, want)
			}
		}
	}
	total := 0
	unique := true
	for _, s := range table.Series {
		total += len(s.Value)
		unique = unique && strings.ToValidUTF8(s.Name, "\ufffd") == s.Name
	}
	if unique && values != total {
		t.Fatalf("%d numbers became %d", total, values)
	}
}

// jsonNumber is what json.Unmarshal returns for a number, whether or not JSON
// has one for it.
func jsonNumber(v float64) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return v
}
