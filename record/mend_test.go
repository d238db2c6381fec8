package record_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// damages are what may become of a run's files, and what is said of it.
var damages = map[string]struct {
	damage func(t *testing.T, r *run.Run)
	note   string
}{
	"no metrics": {func(t *testing.T, r *run.Run) {
		remove(t, r.MetricsPath())
	}, "lacked rows that metrics.jsonl had: 6"}, // of the kinds that a step has
	"no text at all": {func(t *testing.T, r *run.Run) {
		remove(t, r.MetricsPath())
		remove(t, r.MetricsJSONPath())
	}, "lacked rows that the event files had: 6"},
	"nothing": {func(t *testing.T, r *run.Run) {
		remove(t, r.MetricsPath())
		remove(t, r.MetricsJSONPath())
		remove(t, eventFile(t, r))
	}, "lacks the steps 1 to 4: nothing else has them"},
	"an event file": {func(t *testing.T, r *run.Run) {
		path := eventFile(t, r)
		data := readFile(t, path)
		at := bytes.Index(data, []byte("grad_norm"))
		data[at] ^= 1
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}, "events.damaged-1, and what can be read of it stays"},
	"an event file that was cut": {func(t *testing.T, r *run.Run) {
		path := eventFile(t, r)
		events := tensorboard.NewReader(bytes.NewReader(readFile(t, path)))
		end := int64(0)
		for e, err := events.Next(); err == nil && e.Step < 3; e, err = events.Next() {
			end = events.Offset()
		}
		if err := os.Truncate(path, end+9); err != nil {
			t.Fatal(err)
		}
	}, "cut short: TensorBoard cannot show steps behind step 2 that metrics.csv has: 2"},
	"an event file without contents": {func(t *testing.T, r *run.Run) {
		if err := os.Truncate(eventFile(t, r), 0); err != nil {
			t.Fatal(err)
		}
	}, "cut short: TensorBoard cannot show steps behind step 0 that metrics.csv has: 4"},
}

// TestMended: a run whose metrics or event files are damaged goes on, has the rest
// of them, and says what was wrong.
func TestMended(t *testing.T) {
	t.Parallel()
	c := tinyRun()
	c.TensorBoard.EveryNSteps = 1
	straight := metricsOf(t, fitRun(t, c)).Get("loss").Value
	for name, tt := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := stopped(t, c, 4)
			tt.damage(t, r)
			var notes strings.Builder
			fit(t, r, resume(t, r.CheckpointPath("last")), joule.Callback{Note: func(text string) { notes.WriteString(text + "\n") }})
			if !strings.Contains(notes.String(), tt.note) {
				t.Errorf("told %q, want %q", notes.String(), tt.note)
			}
			got := metricsOf(t, r).Get("loss")
			from := len(straight) - len(got.Value)
			if want := map[bool]int{true: 4}[name == "nothing"]; from != want {
				t.Fatalf("%d steps are missing", from)
			}
			for i, v := range got.Value {
				if float32(v) != float32(straight[from+i]) || got.Step[i] != from+i+1 || got.Epoch[i] != (from+i)/3+1 {
					t.Errorf("step %d of epoch %d: loss %v, want %v", got.Step[i], got.Epoch[i], v, straight[from+i])
				}
			}
			if n := len(metricsOf(t, r).Get(metric.ValDivergence).Value); name != "nothing" && n != 2 {
				t.Errorf("%d validations", n)
			}
		})
	}
}

// TestEventFilesWhole: nothing is said where nothing is lacking, even where the
// distance of points is another one from now on.
func TestEventFilesWhole(t *testing.T) {
	t.Parallel()
	for _, every := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {3, 1}} {
		c := tinyRun()
		c.TensorBoard.EveryNSteps = every[0]
		r := stopped(t, c, 5)
		tr, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), func(c *joule.Config) error {
			c.TensorBoard.EveryNSteps = every[1]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		fit(t, r, tr, joule.Callback{Note: func(text string) { t.Errorf("every %v: %s", every, text) }})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// eventFile returns the first event file of a run.
func eventFile(t *testing.T, r *run.Run) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.Dir, "events.out.tfevents.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no event files, %v", err)
	}
	return files[0]
}

// stopped returns a run that was stopped after a step.
func stopped(t *testing.T, c joule.Config, step int) *run.Run {
	t.Helper()
	r, tr := create(t, c)
	if err := record.Fit(t.Context(), r, tr, joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == step {
			return &joule.StopError{Reason: "test"}
		}
		return nil
	}}); err != nil || tr.Stopped() == nil {
		t.Fatal("it has not stopped", err)
	}
	return r
}
