package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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

// TestIntoFolder: an empty folder, or a link to one or to nothing, is filled and
// stays; what is not empty is refused.
func TestIntoFolder(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func() error
		fails   bool
	}{
		{"empty", func() error { return os.Mkdir("out", 0o700) }, false},
		{"link to empty", func() error { return errors.Join(os.Mkdir("there", 0o700), os.Symlink("there", "out")) }, false},
		{"link to nothing", func() error { return os.Symlink("there", "out") }, false},
		{"leftover", func() error { return os.MkdirAll("out/.out.tmp-ABCDEFGHIJ/x", 0o700) }, false},
		{"foreign", func() error { return os.MkdirAll("out/.git", 0o700) }, true},
		{"file", func() error { return os.WriteFile("out", nil, 0o600) }, true},
		{"circle", func() error { return os.Symlink("out", "out") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := c.prepare(); err != nil {
				t.Skip(err)
			}
			before, _ := os.Lstat("out")
			err := WriteFolder("out", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), nil, 0o666) })
			if (err != nil) != c.fails || err != nil && remedy(err) == "" {
				t.Fatalf("%v, hint %q", err, remedy(err))
			}
			after, _ := os.Lstat("out")
			if before.Mode() != after.Mode() {
				t.Errorf("%v became %v", before.Mode(), after.Mode())
			}
			if c.fails {
				return
			}
			if entries, err := os.ReadDir("out"); err != nil || len(entries) != 1 || entries[0].Name() != "a" {
				t.Errorf("%v, %v", entries, err)
			}
		})
	}
}

// TestFolderLeftover: the folder of a killed process goes, that of a live one and
// what only looks alike stay.
func TestFolderLeftover(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("no locks here")
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{".out.tmp-ABCDEFGHIJ", ".out.tmp-mine", ".other.tmp-ABCDEFGHIJ"} {
		if err := os.MkdirAll(filepath.Join(name, "x"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	alive, release, err := createFolder("out")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := WriteFolder("out", func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{".out.tmp-ABCDEFGHIJ": false, ".out.tmp-mine": true, ".other.tmp-ABCDEFGHIJ": true, alive: true} {
		if _, err := os.Stat(name); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}
