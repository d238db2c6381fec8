package record_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestMetricsJSON: metrics.jsonl has the rows of metrics.csv, also after a
// run goes on from an earlier checkpoint and after its file was torn.
func TestMetricsJSON(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	r := fitRun(t, c)
	if n := sameRows(t, r); n != 10 {
		t.Errorf("%d rows of two epochs of three steps", n)
	}
	// longer returns a trainer that goes on to a later epoch.
	longer := func(from string, epochs int) *joule.Trainer {
		t.Helper()
		tr, err := joule.ResumeTrainer(from, toy.Stripes(20), toy.Stripes(9), func(c *joule.Config) error { c.Epochs = epochs; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}

	// It stops in the middle of the third epoch, with a checkpoint before it.
	early := filepath.Join(t.TempDir(), "early.safetensors")
	if err := os.WriteFile(early, readFile(t, r.CheckpointPath("last")), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := record.Fit(t.Context(), r, longer(early, 3), stopAt(8)); err != errStop {
		t.Fatal(err)
	}
	if n := sameRows(t, r); n != 12 {
		t.Errorf("%d rows after two more steps", n)
	}
	appendTo(t, r.MetricsJSONPath(), `{"epoch":3,"step":9,"lo`)
	fit(t, r, longer(early, 3))
	if n := sameRows(t, r); n != 15 {
		t.Errorf("%d rows of three epochs", n)
	}
	// A run of a version that had no such file gets it.
	if err := os.Remove(r.MetricsJSONPath()); err != nil {
		t.Fatal(err)
	}
	fit(t, r, longer(r.CheckpointPath("last"), 4))
	if n := sameRows(t, r); n != 20 {
		t.Errorf("%d rows of four epochs", n)
	}
}

// A rowKey tells the rows of a step apart.
type rowKey struct {
	step int
	kind string // "validation", "outliers" or "" for a training step's
}

// sameRows holds metrics.jsonl to metrics.csv, and returns the number of rows.
func sameRows(t *testing.T, r *run.Run) int {
	t.Helper()
	want := map[rowKey]map[string]float64{}
	for _, s := range metricsOf(t, r).Series {
		for i, v := range s.Value {
			key := rowKey{s.Step[i], kindOf(s.Name)}
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
		key := rowKey{step: int(row["step"])}
		for name := range row {
			key.kind = max(key.kind, kindOf(name))
		}
		if !maps.Equal(row, want[key]) {
			t.Errorf("row %v, want %v", row, want[key])
		}
	}
	return len(lines)
}

// kindOf returns the kind of the rows that a column is in.
func kindOf(column string) string {
	switch column {
	case metric.ValDivergence, metric.Column(metric.ValReal), metric.Column(metric.ValNoise):
		return "validation"
	case metric.Column(metric.Outliers):
		return "outliers"
	}
	return ""
}
