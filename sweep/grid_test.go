package sweep_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/sweep"
)

func TestParseAxis(t *testing.T) {
	for _, c := range []struct {
		text, key string
		values    []string // nil for an error
	}{
		{"sampler.steps=20,60", "sampler.steps", []string{"20", "60"}},
		{" sampler.steps = 20 , 60 ", "sampler.steps", []string{"20", "60"}},
		{"a=1", "a", []string{"1"}},
		{`a="conv2d 16 kernel=5, silu","linear 1"`, "a", []string{"conv2d 16 kernel=5, silu", "linear 1"}},
		{`a="say ""x""",y=z`, "a", []string{`say "x"`, "y=z"}},
		{"data=./my photos,./b", "data", []string{"./my photos", "./b"}},
		{"a", "", nil}, {"=1", "", nil}, {"a=", "", nil}, {"a=1,,2", "", nil}, {"a=1,", "", nil}, {"a=1,2,1", "", nil},
		{`a="1`, "", nil}, {`a=1"2`, "", nil}, {"a=1\n2", "", nil},
	} {
		got, err := sweep.ParseAxis(c.text)
		if c.values == nil {
			var e *setting.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Errorf("%q: %v, %v", c.text, got, err)
			}
			continue
		}
		if err != nil || got.Key != c.key || !slices.Equal(got.Values, c.values) {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
}

// FuzzParseAxis: what is read is what its values, quoted, are read as.
func FuzzParseAxis(f *testing.F) {
	f.Add(`a=1, "b,""c" ,d`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := sweep.ParseAxis(text)
		if err != nil {
			return
		}
		quoted := make([]string, len(a.Values))
		for i, v := range a.Values {
			quoted[i] = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		}
		b, err := sweep.ParseAxis(a.Key + "=" + strings.Join(quoted, ","))
		if err != nil || b.Key != a.Key || !slices.Equal(a.Values, b.Values) {
			t.Errorf("%q: %q and %q, %v", text, a, b, err)
		}
	})
}

// axes reads grids.
func axes(t *testing.T, texts ...string) (list []sweep.Axis) {
	t.Helper()
	for _, text := range texts {
		a, err := sweep.ParseAxis(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

func TestCombine(t *testing.T) {
	base := joule.DefaultConfig()
	trials, err := sweep.Combine(base, nil, axes(t, "seed=1,2", "sampler.steps=3,4", `network.layers="flatten, linear 1"`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tr := range trials {
		got = append(got, fmt.Sprintf("%d %d %v", tr.Config.Seed, tr.Config.Sampler.Steps, tr.Config.Network.Layers.Texts()))
	}
	want := []string{"1 3 [flatten linear 1]", "1 4 [flatten linear 1]", "2 3 [flatten linear 1]", "2 4 [flatten linear 1]"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if d := base.Diff(joule.DefaultConfig()); len(d) > 0 {
		t.Errorf("the base has changed: %v", d)
	}
}

func TestCombineRefuses(t *testing.T) {
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprint(i + 1)
	}
	values := strings.Join(many, ",")
	for _, c := range []struct {
		grid []string
		want string
	}{
		{[]string{"sampler.stps=1,2"}, `unknown key "sampler.stps"`},
		{[]string{"sampler=1,2"}, "sampler: is a group of keys"},
		{[]string{"epochs=1,many"}, `epochs: "many" is not a whole number`},
		{[]string{"epochs=0,1"}, "epochs: \"0\" is not within"},
		{[]string{"epochs=1,2", "epochs=3"}, "epochs: its values are given twice"},
		{[]string{"optimizer.learning_rate=1e-3,0.001"}, "combinations 1 and 2 have the same settings"},
		{[]string{"seed=" + values, "epochs=" + values}, "the combinations are more than 1000"},
	} {
		_, err := sweep.Combine(joule.DefaultConfig(), nil, axes(t, c.grid...))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "epochs: 0 is", `epochs: "0" is`), c.want) {
			t.Errorf("%q: %v, want %s", c.grid, err, c.want)
		}
	}
}

func TestParseRows(t *testing.T) {
	const yaml = `- name: as it is
- name: two words
  ema.decay: 0
  sampler: {steps: 20}
- network.layers: [flatten, linear 1]
`
	const csv = "name, ema.decay,sampler.steps,network.layers\nas it is,,,\ntwo words, 0, 20,\n,,,\"flatten, linear 1\"\n"
	for file, data := range map[string]string{"a.yaml": yaml, "a.CSV": csv} {
		rows, err := sweep.ParseRows(file, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		trials, err := sweep.Combine(joule.DefaultConfig(), rows, nil)
		if err != nil || len(trials) != 3 {
			t.Fatalf("%s: %d trials, %v", file, len(trials), err)
		}
		if tr := trials[1]; tr.Name != "two words" || tr.Config.EMA.Decay != 0 || tr.Config.Sampler.Steps != 20 {
			t.Errorf("%s: %+v", file, tr)
		}
		if tr := trials[2]; tr.Name != "" || len(tr.Config.Network.Layers.Texts()) != 2 {
			t.Errorf("%s: %+v", file, tr)
		}
	}
}

func TestParseRowsRefuses(t *testing.T) {
	for _, c := range []struct{ file, data, want string }{
		{"a.yaml", "", "a.yaml: is not a list of settings"},
		{"a.yaml", "epochs: 3\n", "a.yaml: is not a list of settings"},
		{"a.yaml", "- 3\n", "a.yaml:1:3: a row is not a group of keys"},
		{"a.yaml", "- epochs: 3\n- epoch: 4\n", `a.yaml:2:3: unknown key "epoch"`},
		{"a.yaml", "- epochs: x\n", "a.yaml:1:11: epochs: "},
		{"a.yaml", "- name: [1]\n", "a.yaml:1:9: name: wants a single value"},
		{"a.yaml", "[]", "a.yaml: has no rows"},
		{"a.csv", "epochs\n", "a.csv: has no rows"},
		{"a.csv", "", "a.csv: is no list of settings"},
		{"a.csv", "epochs\n3,4\n", "a.csv:2: wrong number of fields"},
		{"a.csv", "epochs,seed\n3,4\n5,x\n", `a.csv: row 2: seed: "x" is not a whole number`},
		{"a.csv", "epoch\n3\n", `a.csv: row 1: unknown key "epoch"`},
	} {
		rows, err := sweep.ParseRows(c.file, []byte(c.data))
		if err == nil {
			_, err = sweep.Combine(joule.DefaultConfig(), rows, nil)
		}
		var e *setting.Error
		if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.data, err, c.want)
		}
	}
}

// FuzzParseRows: whatever is read can be combined or is refused.
func FuzzParseRows(f *testing.F) {
	f.Add("- name: a\n  epochs: 2\n", false)
	f.Add("name,epochs\na,2\n", true)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		file := "a.yaml"
		if csv {
			file = "a.csv"
		}
		if rows, err := sweep.ParseRows(file, []byte(text)); err == nil && len(rows) < 20 {
			_, _ = sweep.Combine(joule.DefaultConfig(), rows, nil)
		}
	})
}
