package judge

import (
	"fmt"
	"math"
)

// An Error is something in the numbers that were given that makes them
// impossible to judge by.
type Error struct {
	Input string // which of the arguments, such as "samples"
	Fault string // what is wrong with it
	Hint  string // what to do about it; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string { return "judge: " + e.Input + ": " + e.Fault }

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

// number tells whether v is neither NaN nor infinite.
func number(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finite returns an error unless every value is a finite number.
func finite(input string, values []float64) error {
	for i, v := range values {
		if !number(v) {
			return &Error{input, fmt.Sprintf("value %d of %d is %v", i, len(values), v),
				"the model has diverged: judge an earlier one"}
		}
	}
	return nil
}
