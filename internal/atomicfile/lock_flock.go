//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"os"
	"syscall"
)

// lock marks the file as being written until the result is closed or the
// process dies. Where the file system has no locks, removeAbandoned cannot
// take one either, and leaves every file alone.
func lock(name string) *os.File { return lockOpened(os.OpenFile(name, os.O_WRONLY, 0)) }

// lockFolder does the same for a folder, which can only be opened to be read.
func lockFolder(name string) *os.File { return lockOpened(os.Open(name)) }

func lockOpened(f *os.File, err error) *os.File {
	if err != nil {
		return nil
	}
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX) == syscall.EINTR {
	}
	return f
}

// removeAbandoned removes the file unless a process holds its lock.
func removeAbandoned(name string) { removeUnlocked(name, os.O_WRONLY, os.Remove) }

// removeAbandonedFolder removes the folder and what is in it unless a process
// holds its lock.
func removeAbandonedFolder(name string) { removeUnlocked(name, os.O_RDONLY, os.RemoveAll) }

func removeUnlocked(name string, flag int, remove func(string) error) {
	f, err := os.OpenFile(name, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		remove(name)
	}
}
