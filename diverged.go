package joule

import (
	"cmp"
	"fmt"
)

// A DivergedError ends a training that diverged, and that the guard, if there
// is one, could not cure. Where a number is not finite the weights are those
// before the step.
type DivergedError struct {
	Rule      string // that was broken, see [guard.Config]
	Seen      string // what was noticed, in words
	Rollbacks int    // times in a row that the guard has gone back
	Hint      string // what the user can do; may be empty

	Epoch, Step int // where it happened, counted from 0
}

func (e *DivergedError) Error() string {
	after := ""
	if e.Rollbacks > 0 {
		after = ", after " + plural(e.Rollbacks, "rollback")
	}
	return fmt.Sprintf("diverged in epoch %d, step %d%s: %s", e.Epoch, e.Step, after, e.Seen)
}

// Remedy says what the user can do.
func (e *DivergedError) Remedy() string {
	return cmp.Or(e.Hint, "try another --seed, or a lower optimizer.learning_rate")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
