//go:build race

package dataset

// raceEnabled skips what takes the race detector long and runs in one
// goroutine anyway.
const raceEnabled = true
