//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package joule

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock of the file until release is called or the process
// ends, however it ends. held is true if another process has it. A file
// system without locks gives none, and nobody is kept out.
func lockFile(path string) (release func(), held bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, true, nil
	}
	return func() { f.Close() }, false, nil
}
