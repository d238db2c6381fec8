package joule_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
)

// TestCallbacks: callbacks are called in their order, and one that wants to stop
// does not keep the others from seeing the epoch.
func TestCallbacks(t *testing.T) {
	c := joule.TinyRun()
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	note := func(what string, err error) joule.Callback {
		return joule.Callback{
			Step:  func(s joule.StepInfo) error { seen = append(seen, what); return nil },
			Epoch: func(e joule.EpochInfo) error { seen = append(seen, strings.ToUpper(what)); return err },
		}
	}
	var ends []error
	end := joule.Callback{End: func(err error) error { ends = append(ends, err); return nil }}
	stop := &joule.StopError{Reason: "enough"}
	err = tr.Fit(t.Context(), note("a", stop), end, note("b", nil))
	if err != nil || tr.Stopped() != stop {
		t.Fatalf("Fit ends with %v and was stopped by %v", err, tr.Stopped())
	}
	// A wish to stop does not keep the others from seeing the epoch.
	if want := "a b a b a b A B"; strings.Join(seen, " ") != want {
		t.Errorf("callbacks were called as %v, want %v", seen, want)
	}
	if len(ends) != 1 || ends[0] != error(stop) {
		t.Errorf("End saw %v", ends)
	}
	// At the end of the last epoch there is nothing to stop.
	if err := tr.Fit(t.Context(), note("a", stop), end); err != nil || ends[1] != nil || tr.Epochs() != 2 || tr.Stopped() != nil {
		t.Errorf("Fit ends with %v after %d epochs, stopped by %v", err, tr.Epochs(), tr.Stopped())
	}
	// What goes wrong at the end of a clean stop is an error.
	if tr, err = joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9)); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("no space")
	if err := tr.Fit(t.Context(), note("a", stop), joule.Callback{End: func(error) error { return fault }}); err != fault {
		t.Errorf("Fit ends with %v", err)
	}
}

// TestEarlyStop: a training ends when its monitor has not become better for as
// many epochs as the patience.
func TestEarlyStop(t *testing.T) {
	for _, c := range []struct {
		mode     string
		delta    float64
		patience int
		values   []float64
		stops    int // after so many; 0 for not at all
	}{
		{"min", 0, 2, []float64{5, 4, 4, 3, 3, 3}, 6},
		{"min", 0, 2, []float64{5, 4, 6, 3, 7, 2}, 0},
		{"min", 1, 1, []float64{5, 4.5}, 2},
		{"max", 0, 1, []float64{1, 2, 2}, 3},
		{"max", 0.5, 2, []float64{1, 1.2, 1.6, 1.7, 2.2}, 0},
		{"min", 0, 1, []float64{math.Inf(1), 1, 1}, 3},
	} {
		s := joule.EarlyStop(joule.EarlyStopConfig{Monitor: metric.ValDivergence, Mode: c.mode, MinDelta: c.delta, Patience: c.patience})
		stopped := 0
		for i, v := range c.values {
			err := s.Epoch(joule.EpochInfo{Divergence: v})
			var stop *joule.StopError
			if errors.As(err, &stop) && stop.Done && stopped == 0 {
				stopped = i + 1
			} else if err != nil && !errors.As(err, &stop) {
				t.Fatal(err)
			}
		}
		if stopped != c.stops {
			t.Errorf("%+v stops after %d", c, stopped)
		}
	}
	if err := joule.EarlyStop(joule.EarlyStopConfig{Monitor: "val_los"}).Epoch(joule.EpochInfo{}); err == nil {
		t.Error("an unknown metric is monitored")
	}
}

// TestTimeLimit: the time counts from the start of the first step.
func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := joule.TimeLimit(time.Hour)
		// step takes so long.
		step := func(d time.Duration) error {
			time.Sleep(d)
			return limit.Step(joule.StepInfo{Duration: d})
		}
		for range 3 {
			if err := step(19 * time.Minute); err != nil {
				t.Errorf("stopped too early: %v", err)
			}
		}
		var stop *joule.StopError
		if err := step(3 * time.Minute); !errors.As(err, &stop) || stop.Done {
			t.Errorf("after the hour: %v", err)
		}
	})
}
