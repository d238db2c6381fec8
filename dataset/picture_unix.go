//go:build unix

package dataset

import "syscall"

// nonblock keeps open from waiting for a writer where a FIFO has taken the
// place of a file.
const nonblock = syscall.O_NONBLOCK
