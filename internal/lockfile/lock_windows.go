package lockfile

import (
	"errors"
	"syscall"
	"time"
)

// errorSharingViolation is Windows' ERROR_SHARING_VIOLATION.
const errorSharingViolation = syscall.Errno(32)

// Take takes the lock of the file until release is called or the process
// ends, however it ends: the file is opened so that nobody else can. held is
// true if another process has it.
func Take(path string) (release func(), held bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	var h syscall.Handle
	for patience := lockPatience; ; patience -= lockPause {
		h, err = syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		if !errors.Is(err, errorSharingViolation) || patience <= 0 {
			break
		}
		time.Sleep(lockPause)
	}
	if errors.Is(err, errorSharingViolation) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return func() { syscall.CloseHandle(h) }, false, nil
}

// Held tells whether a process has the lock of the file, without making
// the file.
func Held(path string) bool {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return false
	}
	const all = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE // so that two may look at once
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, all, nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return errors.Is(err, errorSharingViolation)
	}
	syscall.CloseHandle(h)
	return false
}
