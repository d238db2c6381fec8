package joule

import (
	"errors"
	"fmt"
	"time"

	"github.com/joule-ml/joule/metric"
)

// A StopError ends a training before its last epoch on purpose, as [EarlyStop]
// and [TimeLimit] do. Nothing is wrong with the state, which can be saved and
// resumed. It is an error so that callbacks can return it; [Trainer.Fit] does not,
// and [Trainer.Stopped] has it.
type StopError struct {
	Reason string
	// Done says that there is no use in going on, as with an early stop;
	// otherwise the training is only interrupted.
	Done bool
}

func (e *StopError) Error() string { return "stopped: " + e.Reason }

func isStop(err error) bool {
	var stop *StopError
	return errors.As(err, &stop)
}

// EarlyStop returns a callback that ends a training when c.Monitor, one of
// [metric.Monitors], has not become better for c.Patience epochs in a row. past
// has what it was after the epochs before; without it patience starts anew.
func EarlyStop(c EarlyStopConfig, past ...float64) Callback {
	var best float64
	seen, wasted := false, 0 // epochs since the best
	observe := func(v float64) error {
		if !seen || metric.IsBetter(c.Mode, v, best, c.MinDelta) {
			best, seen, wasted = v, true, 0
			return nil
		}
		if wasted++; wasted >= c.Patience {
			return &StopError{Reason: fmt.Sprintf("%s has not become better than %.4g for %d epochs", c.Monitor, best, wasted), Done: true}
		}
		return nil
	}
	for _, v := range past {
		_ = observe(v) // whoever resumes wants to go on
	}
	return Callback{Epoch: func(e EpochInfo) error {
		v, ok := e.Column(c.Monitor)
		if !ok {
			return fmt.Errorf("joule: early stop: no metric %q", c.Monitor)
		}
		return observe(v)
	}}
}

// TimeLimit returns a callback that ends a training after a time, counted from
// the first step that it sees, at the end of a step.
func TimeLimit(most time.Duration) Callback {
	var start time.Time
	return Callback{Step: func(s StepInfo) error {
		if start.IsZero() {
			start = time.Now().Add(-s.Duration)
		}
		if time.Since(start) >= most {
			return &StopError{Reason: fmt.Sprintf("the time limit of %v is over", most)}
		}
		return nil
	}}
}
