//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import "os"

func lock(string) *os.File { return nil }

func lockFolder(string) *os.File { return nil }

// removeAbandoned removes the file. Windows itself refuses to remove one that
// a process has open.
func removeAbandoned(name string) { os.Remove(name) }

// removeAbandonedFolder leaves the folder, for nothing tells whether a process
// still writes into it.
func removeAbandonedFolder(string) {}
