//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Take takes the lock of the file until release is called or the process
// ends, however it ends. held is true if another process has it. A file
// system without locks gives none, and nobody is kept out.
func Take(path string) (release func(), held bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK, 0o666)
	if err != nil {
		return nil, false, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, false, &fs.PathError{Op: "lock", Path: path, Err: errors.New("it is not a regular file")}
	}
	for patience := lockPatience; ; patience -= lockPause {
		err = flock(f, syscall.LOCK_EX)
		if !errors.Is(err, syscall.EWOULDBLOCK) || patience <= 0 {
			break
		}
		time.Sleep(lockPause)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, true, nil
	}
	return func() { f.Close() }, false, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Held tells whether a process has the lock of the file, without making
// the file. It shares the lock for a moment.
func Held(path string) bool {
	// A pipe in its place must not make the caller wait.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, syscall.LOCK_SH), syscall.EWOULDBLOCK)
}
