package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFolder makes a folder at path, where nothing may be yet, with what fill
// leaves in it. fill gets a temporary folder beside path, which is renamed
// once all is written: a reader finds no folder or all of it. fill is to write
// its files with Write, which makes them durable. A killed process may leave
// the temporary folder behind.
func WriteFolder(path string, fill func(dir string) error) (err error) {
	filling := false
	defer func() {
		if err != nil {
			err = &Error{path, err, hint(path, err, filling)}
		}
	}()
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	temporary := filepath.Join(filepath.Dir(path), prefix(path)+rand.Text()[:10])
	if err := os.Mkdir(temporary, 0o777); err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err // the temporary name helps nobody
		}
		return err
	}
	defer os.RemoveAll(temporary) // nothing is there any more if all went well
	filling = true
	if err := fill(temporary); err != nil {
		return err
	}
	filling = false
	if err := syncDir(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
