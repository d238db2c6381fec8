// Package atomicfile replaces files whole and durably. A reader, a full disk
// or a process killed at any moment finds either the earlier file or the new
// one, never a part of it.
package atomicfile

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// An Error is a file that could not be replaced. The file that was there
// before is untouched unless Err came from syncing the folder, when the new
// one is in place but may not survive a power failure.
type Error struct {
	Path string
	Err  error
	Hint string // what the user can do; may be empty
}

// Error tells the fault without the hint.
func (e *Error) Error() string { return fmt.Sprintf("writing %s: %v", e.Path, e.Err) }

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

func (e *Error) Unwrap() error { return e.Err }

// Wrap makes an *Error of what went wrong while writing to the file at path by
// other means than Write, with the same hints.
func Wrap(path string, err error) error { return &Error{path, err, hint(path, err, false)} }

// Write replaces the file at path with what write puts out. The bytes go
// through a buffer to a temporary file in the same folder, which is synced and
// then renamed to path; the folder is synced where the system can. The new file
// has the permissions of the old one.
//
// A symbolic link at path stays, and the file that it leads to is replaced; a
// link to nothing makes that file. Of a file with several hard links, the one at
// path is replaced and the others keep the old content. Devices, pipes and
// descriptors such as /dev/stdout are written into, and neither replaced nor
// synced; a pipe is waited for until it has a reader, ten seconds at most.
// Folders, disks and sockets are refused.
//
// An error that write itself returns comes back as it is, wrapped in *Error.
// Temporary files that a killed process left for the same path are removed.
func Write(path string, write func(w io.Writer) error) error {
	return replace(path, write, create)
}

// A file is what replace needs of *os.File; tests put failing ones in its
// place.
type file interface {
	io.Writer
	Name() string
	Sync() error
	Close() error
	Release() // gives up the lock, which outlives Close
}

// A temporary is a file being written. Its lock, held until the file has its
// final name, tells it from one that a killed process left behind.
type temporary struct {
	*os.File
	lock *os.File // nil where there are no locks
}

func (t temporary) Release() {
	if t.lock != nil {
		t.lock.Close()
	}
}

// bufferSize makes many small writes cheap and passes large ones through.
const bufferSize = 64 << 10

func replace(path string, write func(io.Writer) error, create func(Target) (file, error)) (err error) {
	writing := false // an error of write's own may have nothing to do with path
	t := Target{Path: path}
	defer func() {
		if err != nil {
			err = &Error{path, err, hint(cmp.Or(t.Path, path), err, writing)}
		}
	}()
	t, err = find(path)
	if err != nil {
		return err
	}
	if t.Stream {
		return t.stream(write, &writing)
	}
	removeStale(t.Path)
	f, err := create(t)
	if err != nil {
		return err
	}
	renamed, closed := false, false
	defer func() { // runs too when write panics
		if !closed {
			f.Close()
		}
		if !renamed {
			os.Remove(f.Name())
		}
		f.Release()
	}()
	b := bufio.NewWriterSize(f, bufferSize)
	writing = true
	if err := write(b); err != nil {
		return err
	}
	writing = false
	if err := b.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	closed = true
	if err := f.Close(); err != nil {
		return err
	}
	if err := rename(f.Name(), t.Path); err != nil {
		return err
	}
	renamed = true
	return syncDir(filepath.Dir(t.Path))
}

// stream writes into a device, a pipe or a descriptor.
func (t Target) stream(write func(io.Writer) error, writing *bool) error {
	f, err := t.openStream()
	if err != nil {
		return err
	}
	defer f.Close()
	b := bufio.NewWriterSize(f, bufferSize)
	*writing = true
	if err := write(b); err != nil {
		return err
	}
	*writing = false
	if err := b.Flush(); err != nil {
		return bare(err)
	}
	return bare(f.Close())
}

// prefix begins the names of the temporary files for path. The leading dot
// hides them from listings and from whoever looks for checkpoints.
func prefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// temporaryName is a new name for a temporary file or folder.
func temporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), prefix(path)+rand.Text()[:randomName])
}

// randomName is the number of random characters in such names.
const randomName = 10

// create opens a new temporary file for t, with the permissions of the file it is
// to replace, or those of any new file.
func create(t Target) (file, error) {
	perm, known := fs.FileMode(0o666), false
	if t.Info != nil {
		if t.Info.IsDir() {
			return nil, &kindError{"a folder"}
		}
		perm, known = t.Info.Mode().Perm(), true
	}
	for {
		name := temporaryName(t.Path)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		held := temporary{f, lock(name)}
		// Between opening and locking, another process may have taken the
		// file for an abandoned one and removed it.
		if _, err := os.Lstat(name); err != nil {
			held.Close()
			held.Release()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, err
		}
		if known {
			f.Chmod(perm) // the umask may have taken bits away; not worth failing for
		}
		return held, nil
	}
}

// removeStale removes the temporary files and folders for path that no live
// process is writing. It is a courtesy: whatever stands in its way is left alone.
func removeStale(path string) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case !isTemporary(e.Name(), path):
		case e.Type().IsRegular():
			removeAbandoned(name)
		case e.IsDir():
			removeAbandonedFolder(name)
		}
	}
}

// hint says what a user can do about err, if anything is known to help.
func hint(path string, err error, writing bool) string {
	dir := filepath.Dir(path)
	var kind *kindError
	switch {
	case errors.As(err, &kind):
		return "name a file, a pipe or a device such as /dev/null"
	case errors.Is(err, errNoFolder), errors.Is(err, fs.ErrExist):
		return "name a new folder, or remove what is there"
	case errors.Is(err, syscall.ENOTDIR):
		return "a folder in this path is a file: name another path, or remove the file"
	case errors.Is(err, syscall.ENAMETOOLONG):
		return "name a shorter file"
	case errors.Is(err, errLoop):
		return "remove the links, or name another file"
	case errors.Is(err, errNoReader):
		return "start the program that reads it first, or write to a file"
	case errors.Is(err, syscall.EPIPE):
		return "the program that reads the output ended before all was written"
	case diskFull(err):
		return "free some space for " + dir + ", or write to another disk"
	case writing:
		return ""
	case readOnly(err), errors.Is(err, fs.ErrPermission):
		return "make the folder " + dir + " writable, or write to another one"
	case errors.Is(err, fs.ErrNotExist):
		if st, err := os.Stat(dir); err == nil && st.IsDir() { // as /proc, which is no disk
			return "no file can be made in the folder " + dir + ": write to another one"
		}
		return "create the folder " + dir + " first"
	}
	return ""
}
