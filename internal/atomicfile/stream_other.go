//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"os"
)

func descriptor(string) int { return 0 }

func duplicate(int, string) (*os.File, error) { return nil, errors.ErrUnsupported }

var errNoReader = errors.New("no program reads this pipe")

func openWaiting(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) }
