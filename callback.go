package joule

import (
	"errors"
	"fmt"
	"time"
)

// A Callback observes a training, and may end it. It implements one or more of
// [StepCallback], [EpochCallback], [RollbackCallback] and [EndCallback];
// [Trainer.Fit] panics on one that implements none. An error from a callback
// ends the training; a [*StopError] ends it cleanly. Callbacks are called in
// the order given, from the goroutine that trains, and must not change the
// trainer.
type Callback any

// A StepCallback is called after every training step.
type StepCallback interface {
	OnStep(t *Trainer, s StepInfo) error
}

// An EpochCallback is called after every epoch and its validation.
type EpochCallback interface {
	OnEpoch(t *Trainer, e EpochInfo) error
}

// A RollbackCallback is called after the guard has put a training back to an
// earlier step, see [GuardConfig]: the steps after it will be done over, and
// seen again. An epoch that [EpochCallback] has seen is not undone.
type RollbackCallback interface {
	OnRollback(t *Trainer, r Rollback) error
}

// An EndCallback is called once at the end of [Trainer.Fit], however it came:
// err is what Fit would return, nil where all epochs are done. An error that
// OnEnd returns takes the place of a nil.
type EndCallback interface {
	OnEnd(t *Trainer, err error) error
}

// Hooks are functions as a callback. Any may be nil.
type Hooks struct {
	Step     func(StepInfo) error
	Epoch    func(EpochInfo) error
	Rollback func(Rollback) error
}

// OnStep calls h.Step.
func (h Hooks) OnStep(_ *Trainer, s StepInfo) error {
	if h.Step == nil {
		return nil
	}
	return h.Step(s)
}

// OnEpoch calls h.Epoch.
func (h Hooks) OnEpoch(_ *Trainer, e EpochInfo) error {
	if h.Epoch == nil {
		return nil
	}
	return h.Epoch(e)
}

// OnRollback calls h.Rollback.
func (h Hooks) OnRollback(_ *Trainer, r Rollback) error {
	if h.Rollback == nil {
		return nil
	}
	return h.Rollback(r)
}

// A StopError ends a training before its last epoch on purpose: an [EarlyStop]
// or a [TimeLimit]. Nothing is wrong with the state, which can be saved and
// resumed.
type StopError struct {
	Reason string
	// Done says that there is no use in going on, as with an early stop;
	// otherwise the training is only interrupted.
	Done bool
}

func (e *StopError) Error() string { return "stopped: " + e.Reason }

// callbacks sorts callbacks by what they implement.
type callbacks struct {
	step     []StepCallback
	epoch    []EpochCallback
	rollback []RollbackCallback
	end      []EndCallback
}

func sortCallbacks(list []Callback) *callbacks {
	c := &callbacks{}
	for _, cb := range list {
		step, isStep := cb.(StepCallback)
		epoch, isEpoch := cb.(EpochCallback)
		rollback, isRollback := cb.(RollbackCallback)
		end, isEnd := cb.(EndCallback)
		if isStep {
			c.step = append(c.step, step)
		}
		if isEpoch {
			c.epoch = append(c.epoch, epoch)
		}
		if isRollback {
			c.rollback = append(c.rollback, rollback)
		}
		if isEnd {
			c.end = append(c.end, end)
		}
		if !isStep && !isEpoch && !isRollback && !isEnd {
			panic(fmt.Sprintf("joule: %T is no callback", cb))
		}
	}
	return c
}

// onStep calls all callbacks and returns the first error, or a wish to stop
// where no other is an error.
func (c *callbacks) onStep(t *Trainer, s StepInfo) error {
	var stop error
	for _, cb := range c.step {
		if err := cb.OnStep(t, s); err != nil && !keepStop(&stop, err) {
			return err
		}
	}
	return stop
}

func (c *callbacks) onEpoch(t *Trainer, e EpochInfo) error {
	var stop error
	for _, cb := range c.epoch {
		if err := cb.OnEpoch(t, e); err != nil && !keepStop(&stop, err) {
			return err
		}
	}
	return stop
}

func (c *callbacks) onRollback(t *Trainer, r Rollback) error {
	var stop error
	for _, cb := range c.rollback {
		if err := cb.OnRollback(t, r); err != nil && !keepStop(&stop, err) {
			return err
		}
	}
	return stop
}

func (c *callbacks) onEnd(t *Trainer, err error) error {
	for _, cb := range c.end {
		if endErr := cb.OnEnd(t, err); err == nil {
			err = endErr
		}
	}
	return err
}

// keepStop keeps the first wish to stop, so that the other callbacks still see
// the step, and reports whether err is one.
func keepStop(stop *error, err error) bool {
	var s *StopError
	if !errors.As(err, &s) {
		return false
	}
	if *stop == nil {
		*stop = err
	}
	return true
}

// EarlyStop ends a training when a metric of the validation has not become
// better for Patience epochs in a row. On resume [Run.Fit] shows it the epochs
// before; a training without a run's folder starts its patience anew.
type EarlyStop struct {
	Monitor  string  // a name of [Monitors]
	Mode     string  // "min" or "max": which is better
	MinDelta float64 // the least change that counts as better
	Patience int     // epochs

	best   float64
	seen   bool
	wasted int // epochs since the best
}

// OnEpoch compares the epoch with the best so far.
func (c *EarlyStop) OnEpoch(_ *Trainer, e EpochInfo) error {
	v, ok := e.metric(c.Monitor)
	if !ok {
		return fmt.Errorf("joule: early stop: no metric %q", c.Monitor)
	}
	return c.observe(v)
}

func (c *EarlyStop) observe(v float64) error {
	if !c.seen || better(c.Mode, v, c.best, c.MinDelta) {
		c.best, c.seen, c.wasted = v, true, 0
		return nil
	}
	if c.wasted++; c.wasted >= c.Patience {
		return &StopError{Reason: fmt.Sprintf("%s has not become better than %.4g for %d epochs", c.Monitor, c.best, c.wasted), Done: true}
	}
	return nil
}

// better reports whether v is better than best by at least delta.
func better(mode string, v, best, delta float64) bool {
	if mode == modeMax {
		return v > best+delta
	}
	return v < best-delta
}

// The modes of a monitored metric.
const (
	modeMin = "min"
	modeMax = "max"
)

// A TimeLimit ends a training after a time, counted from the first step that
// it sees, at the end of a step.
type TimeLimit struct {
	Max   time.Duration
	start time.Time
}

// OnStep looks at the clock.
func (c *TimeLimit) OnStep(_ *Trainer, s StepInfo) error {
	if c.start.IsZero() {
		c.start = time.Now().Add(-s.Duration)
	}
	if time.Since(c.start) >= c.Max {
		return &StopError{Reason: fmt.Sprintf("the time limit of %v is over", c.Max)}
	}
	return nil
}
