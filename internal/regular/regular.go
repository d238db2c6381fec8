// Package regular opens files that others may have put in place. To open a named
// pipe waits for ever, and to open a device may do anything, so what is no regular
// file is never opened. Start with Open.
package regular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// An Error says what stands where a regular file is wanted. It comes in an
// [*fs.PathError].
type Error struct {
	Kind string // a folder, a named pipe, a device, a socket
}

// Error tells the fault without the hint.
func (e *Error) Error() string { return "not a regular file: it is " + e.Kind }

// Remedy says what to give.
func (e *Error) Remedy() string {
	if e.Kind == "a folder" {
		return "name a file in it"
	}
	return "name a regular file; what comes out of a pipe has to be written to one first"
}

// Check reports why there is no regular file at path, as an [*fs.PathError].
// Symbolic links are followed.
func Check(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			p.Op = "open"
		}
		return err
	}
	return check(path, st)
}

func check(path string, st fs.FileInfo) error {
	kind := ""
	switch m := st.Mode(); {
	case m.IsRegular():
		return nil
	case m.IsDir():
		kind = "a folder"
	case m&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case m&fs.ModeSocket != 0:
		kind = "a socket"
	case m&fs.ModeDevice != 0:
		kind = "a device"
	default:
		kind = "of an unknown kind"
	}
	return &fs.PathError{Op: "open", Path: path, Err: &Error{kind}}
}

// Open opens the regular file at path for reading. Symbolic links are followed;
// anything else is an [*Error] in an [*fs.PathError].
func Open(path string) (*os.File, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|Nonblock, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat() // it may have been replaced meanwhile
	if err == nil {
		err = check(path, st)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read returns the contents of the regular file at path, of at most most bytes.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, path, most)
}

func limited(r io.Reader, path string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", most)}
	}
	return b, err
}

// ReadStream is Read for what may also be a pipe or a device: "-", the standard
// input that stdin is, or a path such as /dev/stdin. It waits for the other end
// of a pipe until ctx is done. Folders, sockets and disks are an [*Error].
func ReadStream(ctx context.Context, path string, stdin io.Reader, most int64) ([]byte, error) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }
	if path != "-" {
		st, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case st.Mode().IsRegular():
			return Read(path, most)
		case st.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0:
			return nil, check(path, st)
		}
		open = func() (io.ReadCloser, error) { return os.Open(path) }
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() { // is left behind when ctx ends first
		r, err := open()
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer r.Close()
		b, err := limited(r, path, most)
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
