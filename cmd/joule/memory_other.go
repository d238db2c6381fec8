//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package main

// peakMemory returns the most physical memory that the process has had, in
// bytes, 0 if it is not known.
func peakMemory() int64 { return 0 }
