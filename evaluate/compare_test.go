package evaluate

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// reported returns a report with the figures that a comparison shows.
func reported(suite string, frechet float64) *Report {
	r := &Report{Suite: suite, Model: ModelInfo{Hash: "0123"}, Outliers: map[string]Outlier{
		"blank":      {AUROC: 0.25},
		"uniform":    {AUROC: 1, Seen: true},
		Other(suite): {AUROC: 0.5},
	}, Chains: map[string]Chain{"1000": {N: 7, Frechet: 123.4, InceptionScore: 4}, "60": {N: 7, Frechet: 5}}}
	r.Samples = Samples{N: 300, Frechet: frechet, InceptionScore: 3, InceptionScoreTest: 4, LabelHistogram: []float64{0.25, 0.5, 0.25}}
	r.Samples.Sampler.Steps = 256
	return r
}

func TestCompare(t *testing.T) {
	second := reported("fashion-mnist", 99.94)
	delete(second.Outliers, "blank")
	delete(second.Chains, "60")
	second.Outliers["new"] = Outlier{AUROC: 0.1254}
	got := map[string][]string{}
	var order []string
	for _, table := range Compare([]Column{{"a", reported("mnist", 100)}, {"b", second}}) {
		for _, r := range table.Rows {
			got[r.Name] = r.Cells
			order = append(order, r.Name)
		}
	}
	for name, want := range map[string][]string{
		"data":              {"mnist", "fashion-mnist"},
		"samples, of steps": {"300, 256", "300, 256"},
		"Fréchet distance to the training images": {"100", "99.9"},
		"inception score":                         {"3.00 (75.0 %)", "3.00 (75.0 %)"},
		"rarest, commonest class":                 {"25.0 %, 50.0 %", "25.0 %, 50.0 %"},
		"uniform":                                 {"1.000 (seen)", "1.000 (seen)"},
		"the other data set":                      {"0.500", "0.500"},
		"blank":                                   {"0.250", "–"},
		"new":                                     {"–", "0.125"},
		"number of chains":                        {"7", "7"},
		"60 steps":                                {"5.0, 0.00", "–"},
		"1000 steps":                              {"123, 4.00", "123, 4.00"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if want := []string{"uniform", "the other data set", "blank", "new", "number of chains", "60 steps", "1000 steps"}; !slices.Equal(order[len(order)-7:], want) {
		t.Errorf("rows %q, want %q at the end", order, want)
	}
}

// A report without outliers and chains has no tables of them, and one that has
// none stands beside those that do.
func TestCompareParts(t *testing.T) {
	few := reported("mnist", 1)
	few.Outliers, few.Chains = nil, nil
	if tables := Compare([]Column{{"a", few}}); len(tables) != 1 || tables[0].Title != "samples" {
		t.Errorf("tables %+v", tables)
	}
	tables := Compare([]Column{{"a", few}, {"b", reported("mnist", 2)}})
	if len(tables) != 3 || !slices.Equal(tables[2].Rows[0].Cells, []string{"–", "7"}) {
		t.Errorf("tables %+v", tables)
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := WriteMarkdown(&b, []Column{{"a|b\nc", reported("mnist", 1)}, {"d", reported("mnist", 2)}}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if !strings.HasPrefix(text, "| samples | a\\|b c | d |\n|---|---|---|\n| data | mnist | mnist |\n") {
		t.Error(text)
	}
	if n := strings.Count(text, "|---|---|---|\n"); n != 3 {
		t.Errorf("%d tables in\n%s", n, text)
	}
	for line := range strings.Lines(text) {
		if line != "\n" && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 4 {
			t.Errorf("a line of other columns: %q", line)
		}
	}
}

// TestRead: what is written is read, and what is damaged is refused.
func TestRead(t *testing.T) {
	want := reported("mnist", 3)
	text, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(strings.NewReader("\ufeff" + string(text))) // as an editor of Windows saves it
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for what, bad := range map[string]string{
		"cut off":    string(text[:len(text)/2]),
		"empty":      "{}",
		"no suite":   strings.Replace(string(text), `"suite": "mnist"`, `"suite": "cifar"`, 1),
		"no samples": strings.Replace(string(text), `"n": 300`, `"n": 0`, 1),
		"no labels":  strings.Replace(string(text), `"label_histogram"`, `"labels"`, 1),
		"chains":     strings.Replace(string(text), `"60": `, `"sixty": `, 1),
		"chains, 0":  strings.Replace(string(text), `"60": `, `"060": `, 1),
		"outliers":   strings.Replace(string(text), `"blank"`, `"\u001b[2J"`, 1),
		"weights":    strings.Replace(string(text), `"0123"`, `"`+strings.Repeat("0", 65)+`"`, 1),
		"too long":   string(text) + strings.Repeat(" ", maxReport),
		"a number":   strings.Replace(string(text), `"frechet": 3`, `"frechet": 1e999`, 1),
	} {
		if bad == string(text) {
			t.Errorf("%s: nothing is damaged", what)
		}
		if r, err := Read(strings.NewReader(bad)); err == nil || !strings.HasPrefix(err.Error(), "evaluate: ") {
			t.Errorf("%s: read as %+v, %v", what, r, err)
		}
	}
}

// FuzzRead: whatever is read as a report can be compared.
func FuzzRead(f *testing.F) {
	// Short, for the fuzzer spends its time on making what it finds shorter.
	f.Add([]byte(`{"suite":"mnist","samples":{"n":1,"inception_score_test":4,"label_histogram":[1]}}`))
	f.Add([]byte(`{"suite":"mnist","samples":{"n":1,"inception_score_test":4,"label_histogram":[1]},"outliers":{"a":{}},"chains":{"60":{"n":7}}}`))
	f.Add([]byte("\ufeff{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WriteMarkdown(&b, []Column{{"a", r}, {"b", reported("fashion-mnist", 1)}}); err != nil {
			t.Error(err)
		}
	})
}
