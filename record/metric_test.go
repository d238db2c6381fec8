package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
)

// TestMetricsJSON: metrics.jsonl has the rows of metrics.csv, also after a
// run goes on from an earlier checkpoint and after its file was torn.
func TestMetricsJSON(t *testing.T) {
	c := tinyRun()
	early := filepath.Join(t.TempDir(), "early.safetensors")
	r := fitRun(t, c)
	rows := func() int {
		t.Helper()
		table, err := metric.Read(r.MetricsPath())
		if err != nil {
			t.Fatal(err)
		}
		want := map[[2]int]map[string]float64{} // by step, and whether it is a validation or of outliers
		for _, s := range table.Series {
			for i, v := range s.Value {
				key := [2]int{s.Step[i], 0}
				if s.Name == metric.ValDivergence || s.Name == metric.Column(metric.ValReal) || s.Name == metric.Column(metric.ValNoise) {
					key[1] = 1
				} else if s.Name == metric.Column(metric.Outliers) {
					key[1] = 2
				}
				if want[key] == nil {
					want[key] = map[string]float64{"epoch": float64(s.Epoch[i]), "step": float64(s.Step[i])}
				}
				want[key][s.Name] = v
			}
		}
		lines := bytes.Split(bytes.TrimSuffix(readFile(t, r.MetricsJSONPath()), []byte("\n")), []byte("\n"))
		if len(lines) != len(want) {
			t.Fatalf("%d lines, want %d", len(lines), len(want))
		}
		for _, line := range lines {
			var row map[string]float64
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			key := [2]int{int(row["step"]), 0}
			if _, ok := row[metric.Column(metric.ValReal)]; ok {
				key[1] = 1
			} else if _, ok := row[metric.Column(metric.Outliers)]; ok {
				key[1] = 2
			}
			if len(row) != len(want[key]) {
				t.Errorf("row %v, want %v", row, want[key])
			}
			for name, v := range want[key] {
				if row[name] != v {
					t.Errorf("row %v, want %v", row, want[key])
				}
			}
		}
		return len(lines)
	}
	if n := rows(); n != 10 {
		t.Errorf("%d rows of two epochs of three steps", n)
	}

	// Stop in the middle of the third epoch, with a checkpoint before it.
	stop := errors.New("stop")
	resume := func(from string, epochs int, callback joule.Callback) error {
		t.Helper()
		trainer, err := joule.ResumeTrainer(from, toy.Stripes(20), toy.Stripes(9), func(c *joule.Config) error { c.Epochs = epochs; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return Fit(t.Context(), r, trainer, callback)
	}
	if err := os.WriteFile(early, readFile(t, r.CheckpointPath("last")), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := resume(early, 3, joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == 8 {
			return stop
		}
		return nil
	}}); err != stop {
		t.Fatal(err)
	}
	if n := rows(); n != 12 {
		t.Errorf("%d rows after two more steps", n)
	}
	f, err := os.OpenFile(r.MetricsJSONPath(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"epoch":3,"step":9,"lo`)
	f.Close()
	if err := resume(early, 3, joule.Callback{}); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 15 {
		t.Errorf("%d rows of three epochs", n)
	}
	// A run of a version that had no such file gets it.
	if err := os.Remove(r.MetricsJSONPath()); err != nil {
		t.Fatal(err)
	}
	if err := resume(r.CheckpointPath("last"), 4, joule.Callback{}); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 20 {
		t.Errorf("%d rows of four epochs", n)
	}
}
