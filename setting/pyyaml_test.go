package setting

import (
	"bytes"
	"encoding/json"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// byHand are files as people write them, which PyYAML reads.
var byHand = []string{
	"seed: 1\r\nepochs: 2\r\n", "\ufeffseed: 1", "seed: 1 # a comment", "---\nseed: 1\n...\n", "%YAML 1.1\n---\nseed: 1\n",
	"{\"seed\": 7, \"optimizer\": {\"learning_rate\": 1.0e-3}}", "{seed: 1, sampler: {steps: 2,},}", "? seed\n: 1\n? epochs\n: 2",
	"seed: &n 7\nepochs: *n", "sampler: &s {steps: 3, noise: 1.5}\n", "sampler: {<<: {steps: 3, noise: 1}, noise: 2}",
	"<<: {seed: 1, epochs: 2}\nepochs: 5", "<<: [{seed: 1}, {seed: 2, epochs: 3}]", "sampler:\n  <<: &a {steps: 9}\n  noise: 1.0",
	"network:\n  layers: &l\n  - &i silu\n  - *i\n  - linear\n    3\n", "'seed': 1\n\"epochs\": 2", "!!map {seed: !!int 1}",
	"data: >-\n  ./a\n  b\n", "data: |-\n  ./a\n", "data: ./a#b", "seed:    1\n\n\n", "# only a comment\n", "",
}

// byValue are values, and whether they are one that PyYAML reads otherwise and
// docs/limits.md says so.
var byValue = []struct {
	text  string
	other bool
}{
	{"3", false}, {"+3", false}, {"-3", false}, {"3.5", false}, {"1_000", false}, {"1_0.5", false}, {".5", false}, {"5.", false}, {"1.0e-3", false}, {"1.5e+3", false},
	{"1e-3", true}, {"1e3", true}, {"1.5e3", true}, {"inf", true}, {".inf", false}, {"-.inf", false}, {"+.INF", false}, {"-.Inf", false}, {".nan", true}, {"nan", false},
	{"017", true}, {"00", true}, {"0", false}, {"0o17", false}, {"0x1F", true}, {"0b11", true}, {"1:30", true}, {"1:30.5", true}, {"09", false}, {"1__0", true}, {"1_", true}, {"_1", false},
	{"yes", true}, {"no", true}, {"on", true}, {"off", true}, {"y", false}, {"true", true}, {"False", true}, {"~", false}, {"null", false}, {"", false}, {"'3'", false}, {`"3"`, false},
	{"!!int '3'", false}, {"!!float 3", false}, {"!!str 3", false}, {"!!float '.inf'", false}, {"2001-01-01", true}, {"=", false}, {"3 # c", false}, {"1,000", false}, {"１", false},
	{"18446744073709551616", false}, {"1e400", false}, {"0.1", false}, {"1.7976931348623157e+308", false}, {"4.9e-324", false}, {"0.30000000000000004", false},
}

type pythons struct {
	Written []struct {
		Style  string
		Data   []byte
		Values map[string]string
	}
	Values []struct{ Type, Value string }
}

func askPyYAML(t *testing.T) (got pythons) {
	t.Helper()
	path := python.Need(t, "import yaml")
	var asked struct {
		Files  []string `json:"files"`
		Values []string `json:"values"`
	}
	asked.Files = byHand
	for _, v := range byValue {
		asked.Values = append(asked.Values, v.text)
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "testdata/pyyaml.py")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPyYAML(t *testing.T) {
	got := askPyYAML(t)
	t.Run("files", func(t *testing.T) { compareFiles(t, got) })
	t.Run("values", func(t *testing.T) { compareValues(t, got) })
}

// compareFiles: what PyYAML writes, in all its styles, and what it reads has
// the same values here.
func compareFiles(t *testing.T, got pythons) {
	if len(got.Written) < 250 {
		t.Errorf("only %d files", len(got.Written))
	}
	for _, w := range got.Written {
		c, want := defaults(), defaults()
		if err := c.settings().Parse("f.yaml", w.Data); err != nil {
			t.Errorf("%s: %v\n%s", w.Style, err, w.Data)
			continue
		}
		for key, text := range w.Values {
			if err := want.settings().Set(key + "=" + text); err != nil {
				t.Errorf("%s: %v", w.Style, err)
			}
		}
		if !same(c, want) {
			t.Errorf("%s:\n%s\ngot  %+v\nwant %+v", w.Style, w.Data, c, want)
		}
	}
}

// fresh is a setting of the same kind with a value of its own.
func fresh(s Setting) Setting {
	switch s.Value.(type) {
	case *int:
		s.Value = new(int)
	case *uint64:
		s.Value = new(uint64)
	case *float64:
		s.Value = new(float64)
	}
	return s
}

// fits tells whether a setting takes the number that Python writes so.
func fits(s Setting, python string) bool { return fresh(s).Set(python) == nil }

// compareValues: a value that both take for a number is the same number, and
// what only one of them takes for one is known.
func compareValues(t *testing.T, got pythons) {
	for i, v := range byValue {
		theirs := got.Values[i]
		for _, s := range []Setting{{Key: "k", Value: new(int), Lo: -1e9, Hi: 1e9}, {Key: "k", Value: new(uint64)}, {Key: "k", Value: new(float64), Lo: math.Inf(-1), Hi: math.Inf(1)}} {
			err := List{s}.Parse("f.yaml", []byte("k: "+v.text+"\n"))
			number := slices.Contains([]string{"int", "float"}, theirs.Type)
			switch {
			case err == nil && number:
				twin := fresh(s)
				if err := twin.Set(theirs.Value); err != nil || twin.String() != s.String() {
					t.Errorf("%T %q: %s here, %s there (%v)", s.Value, v.text, s, theirs.Value, err)
				}
			case err == nil && !v.other:
				t.Errorf("%T %q: %s here, the %s %q there", s.Value, v.text, s, theirs.Type, theirs.Value)
			case err != nil && number && !v.other && fits(s, theirs.Value):
				t.Errorf("%T %q: %v, and %s there", s.Value, v.text, err, theirs.Value)
			case err != nil && !strings.Contains(told(err), "k: "):
				t.Errorf("%q: %v", v.text, err)
			}
		}
	}
}
