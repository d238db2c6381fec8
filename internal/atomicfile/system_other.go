//go:build !unix && !windows

package atomicfile

import (
	"errors"
	"os"
	"syscall"
)

func rename(from, to string) error { return os.Rename(from, to) }

// syncDir does nothing: these systems have no sync of folders.
func syncDir(string) error { return nil }

func diskFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func readOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
