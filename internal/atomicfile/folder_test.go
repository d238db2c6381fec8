package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFolder(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "folder")
	fill := func(dir string) error {
		if _, err := os.Stat(path); err == nil {
			t.Error("the folder is there before it is filled")
		}
		return Write(filepath.Join(dir, "a"), func(w io.Writer) error {
			_, err := io.WriteString(w, "text")
			return err
		})
	}
	if err := WriteFolder(path, fill); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(path, "a")); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	var e *Error
	if err := WriteFolder(path, fill); !errors.Is(err, fs.ErrExist) || !errors.As(err, &e) || e.Path != path {
		t.Errorf("over a folder: %v", err)
	}
	if err := WriteFolder(filepath.Join(parent, "none", "folder"), fill); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("in no folder: %v", err)
	}
	full := errors.New("full")
	if err := WriteFolder(filepath.Join(parent, "other"), func(string) error { return full }); !errors.Is(err, full) {
		t.Errorf("fill fails: %v", err)
	}
	func() {
		defer func() { recover() }()
		WriteFolder(filepath.Join(parent, "other"), func(string) error { panic("here") })
	}()
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("%v is left, %v", entries, err)
	}
}
