package joule

import (
	"cmp"
	"fmt"
)

// A DivergedError ends a training that has lost its way, and that the guard,
// if there is one, has not been able to bring back. Where a number is not
// finite the weights are those before the step.
type DivergedError struct {
	What      string // that is not finite; "" where a rule of the guard was broken
	Rule      string // of the guard, see [GuardConfig]
	Seen      string // in words, where What is ""
	Rollbacks int    // times in a row that the guard has gone back
	Hint      string // what the user can do; may be empty

	Epoch, Step int // where it happened, counted from 0
}

func (e *DivergedError) Error() string {
	after := ""
	if e.Rollbacks > 0 {
		after = ", after " + plural(e.Rollbacks, "rollback")
	}
	return fmt.Sprintf("diverged in epoch %d, step %d%s: %s", e.Epoch, e.Step, after, e.seen())
}

// Remedy says what the user can do.
func (e *DivergedError) Remedy() string {
	return cmp.Or(e.Hint, "try another --seed, or a lower optimizer.learning_rate")
}

// seen says in words what was noticed.
func (e *DivergedError) seen() string {
	if e.What != "" {
		return e.What + " is not finite"
	}
	return e.Seen
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
