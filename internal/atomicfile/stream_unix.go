//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// descriptor returns the open file of this process that a path means, as
// /dev/stdout does, or 0 for any other path; nothing is
// written to descriptor 0. Such a file is written on where it stands: to open
// it again would begin at its start.
func descriptor(path string) int {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdout":
		return 1
	case "/dev/stderr":
		return 2
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/"} {
		if digits, ok := strings.CutPrefix(path, dir); ok {
			if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
				return int(n)
			}
		}
	}
	return 0
}

// duplicate opens a descriptor of this process once more.
func duplicate(fd int, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(n)
	return os.NewFile(uintptr(n), name), nil
}

// A pipe without a reader is tried again for so long, so that writer and reader
// can be started in either order.
const (
	readerPatience = 10 * time.Second
	readerPause    = 50 * time.Millisecond
)

var errNoReader = errors.New("no program reads this pipe")

// openWaiting opens a device or a pipe for writing.
func openWaiting(path string) (*os.File, error) {
	for waited := time.Duration(0); ; waited += readerPause {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
		switch {
		case !errors.Is(err, syscall.ENXIO):
			return f, err
		case waited >= readerPatience:
			return nil, errNoReader
		}
		time.Sleep(readerPause)
	}
}
