// Package lockfile takes a lock on a file for as long as a process lives, so that
// two do not write into one folder. Start with Take.
package lockfile

import "time"

// Who only asks whether a training is under way holds the lock for a moment,
// which must not turn a training away: it is tried again for so long.
const (
	lockPatience = 50 * time.Millisecond
	lockPause    = 10 * time.Millisecond
)
