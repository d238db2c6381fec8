package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	sharingViolation = syscall.Errno(32)  // ERROR_SHARING_VIOLATION
	handleDiskFull   = syscall.Errno(39)  // ERROR_HANDLE_DISK_FULL
	writeProtect     = syscall.Errno(19)  // ERROR_WRITE_PROTECT
	errorDiskFull    = syscall.Errno(112) // ERROR_DISK_FULL
)

// rename replaces to. While a reader or a virus scanner has the old file open,
// Windows refuses; such readers are soon done, so it tries for a second.
func rename(from, to string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Rename(from, to)
		busy := errors.Is(err, sharingViolation) || errors.Is(err, fs.ErrPermission)
		if !busy || wait > 512*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}

// syncDir does nothing: Windows has no sync of folders.
func syncDir(string) error { return nil }

func diskFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, handleDiskFull)
}

func readOnly(err error) bool { return errors.Is(err, writeProtect) }
