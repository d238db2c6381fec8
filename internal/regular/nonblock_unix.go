//go:build unix

package regular

import "syscall"

// Nonblock is a flag for os.OpenFile that keeps it from waiting for a writer
// where a pipe has taken the place of a file.
const Nonblock = syscall.O_NONBLOCK
