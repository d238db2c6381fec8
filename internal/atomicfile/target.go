package atomicfile

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Target is what a path names for writing, behind all symbolic links.
type Target struct {
	Path string      // of the file or folder itself
	Info fs.FileInfo // nil where nothing is there yet
	// Stream is set for devices, pipes and descriptors such as /dev/stdout, which
	// are written into and never replaced.
	Stream bool
	fd     int // of a descriptor of this process, 0 for what has a name
}

// Stdout tells whether t is standard output.
func (t Target) Stdout() bool { return t.fd == 1 }

// maxLinks is how many symbolic links in a row are followed, as many as Linux
// does.
const maxLinks = 40

// Find says what a path names for writing. Links are followed, also one that
// leads to nothing yet. A socket, a disk and links in a circle are an error;
// a folder is none here.
func Find(path string) (Target, error) {
	t, err := find(path)
	if err != nil {
		return t, &Error{path, err, hint(cmp.Or(t.Path, path), err, false)}
	}
	return t, nil
}

// find is Find with errors as they are. With an error, the target has the path
// that was reached.
func find(path string) (Target, error) {
	if path == "" {
		return Target{}, fs.ErrNotExist
	}
	for followed := range maxLinks {
		if fd := descriptor(path); fd > 0 {
			return Target{Path: path, Stream: true, fd: fd}, nil
		}
		dir, name := filepath.Split(path)
		if name == "" || name == "." || name == ".." { // a folder by its spelling
			dir, name = path, ""
		}
		if dir == "" {
			dir = "."
		}
		// Behind a link, .. is not the folder that the spelling says. The rest is
		// left as it is, for Windows has folders that EvalSymlinks does not know.
		if followed > 0 || strings.Contains(dir, "..") {
			real, err := filepath.EvalSymlinks(dir)
			if err != nil {
				return Target{Path: path}, bare(err)
			}
			dir = real
		}
		path = filepath.Join(dir, name)
		st, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Target{Path: path}, nil
		case err != nil:
			return Target{Path: path}, bare(err)
		case st.Mode()&fs.ModeSymlink == 0:
			return named(path, st)
		}
		to, err := os.Readlink(path)
		if err != nil {
			return Target{}, bare(err)
		}
		if path = to; !filepath.IsAbs(to) {
			// Not filepath.Join, which takes .. away before a link is followed.
			path = dir + string(filepath.Separator) + to
		}
	}
	return Target{}, errLoop
}

// named is the target at a path that is no link.
func named(path string, st fs.FileInfo) (Target, error) {
	t := Target{Path: path, Info: st}
	switch m := st.Mode(); {
	case m.IsRegular(), m.IsDir():
	case m&fs.ModeNamedPipe != 0, m&fs.ModeCharDevice != 0:
		t.Stream = true
	case m&fs.ModeSocket != 0:
		return t, &kindError{"a socket"}
	case m&fs.ModeDevice != 0:
		return t, &kindError{"a disk"}
	default:
		return t, &kindError{"no regular file"}
	}
	return t, nil
}

var errLoop = errors.New("too many symbolic links, or links in a circle")

// A kindError is something at the path that cannot be written to.
type kindError struct{ what string }

func (e *kindError) Error() string { return "it is " + e.what }

// bare takes out of an error the path, which *Error tells.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Check finds out before the work whether Write can replace the file, or
// WriteFolder make the folder: it makes a temporary file beside it, and removes
// it. It is no promise.
func (t Target) Check() (err error) {
	defer func() {
		if err != nil {
			err = &Error{t.Path, err, hint(t.Path, err, false)}
		}
	}()
	if t.Stream {
		return nil
	}
	f, err := create(Target{Path: t.Path})
	if err != nil {
		return err
	}
	f.Close()
	err = os.Remove(f.Name())
	f.Release()
	return err
}

// Same tells whether two paths name the same file for writing: under two
// spellings, through links of either kind.
func Same(a, b string) bool {
	x, err := find(a)
	if err != nil {
		return false
	}
	y, err := find(b)
	switch {
	case err != nil || x.Stream || y.Stream:
		return false
	case x.Info != nil && y.Info != nil:
		return os.SameFile(x.Info, y.Info)
	case x.Info != nil || y.Info != nil:
		return false
	}
	// Neither is there: they are the same where their folders and names are.
	p, err := os.Stat(filepath.Dir(x.Path))
	if err != nil {
		return false
	}
	q, err := os.Stat(filepath.Dir(y.Path))
	return err == nil && os.SameFile(p, q) && filepath.Base(x.Path) == filepath.Base(y.Path)
}

// openStream opens what is written into and not replaced.
func (t Target) openStream() (*os.File, error) {
	if t.fd > 0 {
		return duplicate(t.fd, t.Path)
	}
	f, err := openWaiting(t.Path)
	if err != nil {
		return nil, bare(err)
	}
	// It may be another thing than it was.
	if st, err := f.Stat(); err != nil || st.Mode().IsRegular() {
		f.Close()
		return nil, errors.New("it was replaced meanwhile")
	}
	return f, nil
}
