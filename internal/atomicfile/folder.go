package atomicfile

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteFolder makes a folder at path with what fill leaves in it. At path may be
// nothing, an empty folder, or a symbolic link to either, which stays. fill gets a
// temporary folder, which is renamed once all is written: a reader finds no folder
// or all of it. Into a folder that is there, the files are renamed one by one, in
// the order of their names, for it may be one that cannot be replaced, such as
// the working folder. fill is to write its files with Write, which makes them
// durable. Temporary folders that a killed process left for the same path are
// removed.
func WriteFolder(path string, fill func(dir string) error) (err error) {
	filling := false
	t := Target{Path: path}
	defer func() {
		if err != nil {
			err = &Error{path, err, hint(cmp.Or(t.Path, path), err, filling)}
		}
	}()
	if t, err = find(path); err != nil {
		return err
	}
	temporary := t.Path
	if t.Info != nil { // the temporary folder is to be on the same disk
		temporary = filepath.Join(t.Path, filepath.Base(t.Path))
	}
	removeStale(temporary)
	if err := t.vacant(); err != nil {
		return err
	}
	temporary, release, err := createFolder(temporary)
	if err != nil {
		return bare(err) // the temporary name helps nobody
	}
	defer func() {
		os.RemoveAll(temporary) // nothing is there any more if all went well
		release()
	}()
	filling = true
	if err := fill(temporary); err != nil {
		return err
	}
	filling = false
	if err := syncDir(temporary); err != nil {
		return err
	}
	if t.Info != nil {
		return moveAll(temporary, t.Path)
	}
	if err := os.Rename(temporary, t.Path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(t.Path))
}

// vacant tells whether nothing is at t, or an empty folder.
func (t Target) vacant() error {
	switch {
	case t.Stream, t.Info != nil && !t.Info.IsDir():
		return errNoFolder
	case t.Info == nil:
		return nil
	}
	entries, err := os.ReadDir(t.Path)
	if err == nil && len(entries) > 0 {
		err = fs.ErrExist
	}
	return err
}

// Vacant tells of what is in the folder at path whether WriteFolder may fill it:
// there is nothing but what a killed WriteFolder may have left.
func Vacant(path string, entries []fs.DirEntry) bool {
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() || !isTemporary(e.Name(), path) })
}

// MakeFolder makes the folder at path and those above it, where they are not there
// yet. A symbolic link to nothing makes the folder that it leads to.
func MakeFolder(path string) error {
	t, err := find(path)
	if err == nil {
		err = os.MkdirAll(t.Path, 0o777)
	}
	if errors.Is(err, fs.ErrNotExist) { // a folder above it is missing
		err = os.MkdirAll(path, 0o777)
	}
	if err != nil {
		err = bare(err)
		return &Error{path, err, hint(path, err, false)}
	}
	return nil
}

var errNoFolder = errors.New("it is no folder")

// moveAll moves all files of one folder to another, which is empty.
func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(to)
}

// createFolder makes a new temporary folder for path, and locks it until release
// is called.
func createFolder(path string) (dir string, release func(), err error) {
	for {
		dir = temporaryName(path)
		err := os.Mkdir(dir, 0o777)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		held := temporary{lock: lockFolder(dir)}
		// As in create: another process may have been faster than the lock.
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			held.Release()
			continue
		}
		return dir, held.Release, nil
	}
}

// isTemporary tells whether name is one that temporaryName makes for path.
func isTemporary(name, path string) bool {
	random, ok := strings.CutPrefix(name, prefix(path))
	return ok && len(random) == randomName
}
