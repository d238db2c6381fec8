package joule

import (
	"fmt"
)

// A Callback observes a training, and may end it. Any of its functions may be
// nil. An error ends the training; a [*StopError] ends it cleanly. Callbacks are
// called in the order given, from the goroutine that trains, and must not
// change the trainer.
type Callback struct {
	// Step is called after every training step.
	Step func(StepInfo) error
	// Epoch is called after every epoch and its validation.
	Epoch func(EpochInfo) error
	// Rollback is called after the guard has put the training back to an
	// earlier step: the steps after it will be done over, and seen again. An
	// epoch that Epoch has seen is not undone.
	Rollback func(Rollback) error
	// Log is given the records of [Trainer.Log], which other callbacks call.
	Log func(Record) error
	// Note is told, in a sentence, what people should know of the run's files: of
	// metrics that were mended, say. Package record calls it.
	Note func(text string)
	// End is called once at the end of [Trainer.Fit], however it came: err is
	// what ended it, the [*StopError] of a clean stop and nil where all epochs
	// are done. Fit returns the first error that End returns in these two cases.
	End func(err error) error
}

// notify calls a function of each callback. It returns the first error, or a
// wish to stop where no other is an error: the other callbacks still see what
// happened.
func notify[T any](list []Callback, of func(Callback) func(T) error, what T) error {
	var stop error
	for _, c := range list {
		f := of(c)
		if f == nil {
			continue
		}
		err := f(what)
		switch {
		case err == nil:
		case !isStop(err):
			return err
		case stop == nil:
			stop = err
		}
	}
	return stop
}

func onStep(c Callback) func(StepInfo) error     { return c.Step }
func onEpoch(c Callback) func(EpochInfo) error   { return c.Epoch }
func onRollback(c Callback) func(Rollback) error { return c.Rollback }
func onLog(c Callback) func(Record) error        { return c.Log }

// end tells the callbacks how a training ended.
func end(list []Callback, err error) error {
	for _, c := range list {
		if c.End == nil {
			continue
		}
		if endErr := c.End(err); endErr != nil && (err == nil || isStop(err)) {
			err = endErr
		}
	}
	return err
}

// Log gives a record to the callbacks of the Fit under way.
func (t *Trainer) Log(r Record) error {
	if err := notify(t.callbacks, onLog, r); err != nil {
		return fmt.Errorf("joule: log step %d: %w", r.Step, err)
	}
	return nil
}
