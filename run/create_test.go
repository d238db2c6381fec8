package run_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
)

// put writes a file of a run, as old as said on the day of the other files.
func put(t *testing.T, path string, age time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// asRoot tells whether permissions do not stop this process.
func asRoot() bool { return runtime.GOOS == "windows" || os.Geteuid() == 0 }

// TestCreateRun: runs of a name are counted.
func TestCreateRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	for _, want := range []string{"version_0", "version_1"} {
		r, err := run.Create(dir, "mnist")
		if err != nil {
			t.Fatal(err)
		}
		if r.Dir != filepath.Join(dir, "mnist", want) {
			t.Errorf("got %s, want %s", r.Dir, want)
		}
		for _, path := range []string{r.CheckpointPath("last"), r.SamplesPath(1)} {
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				t.Error(err)
			}
		}
	}
	// A gap is not filled, and what only resembles a version does not count.
	for _, name := range []string{"version_41", "version_099", "version_x", "version_", "version_-5", "version_99999999999999999999", "other"} {
		if err := os.Mkdir(filepath.Join(dir, "mnist", name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := run.Create(dir, "mnist"); err != nil || filepath.Base(r.Dir) != "version_42" {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestCreateRunAtOnce: no two processes get the same folder.
func TestCreateRunAtOnce(t *testing.T) {
	dir := t.TempDir()
	const n = 20
	dirs := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r, err := run.Create(dir, "mnist")
			if err != nil {
				t.Error(err)
				return
			}
			dirs[i] = r.Dir
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, d := range dirs {
		if seen[d] {
			t.Errorf("%s was handed out twice", d)
		}
		seen[d] = true
	}
}

// TestCreateRunErrors: a bad name leaves nothing, and errors say how to mend it.
func TestCreateRunErrors(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "-x", ".x", "x.", " x", "a\nb", "a:b", "version_3", strings.Repeat("x", 101)} {
		_, err := run.Create(dir, name)
		var e *setting.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("bad names left %v", entries)
	}
	file := filepath.Join(dir, "file")
	put(t, file, 0)
	_, err := run.Create(file, "mnist")
	var e *run.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), file) || e.Hint == "" {
		t.Errorf("a file in the way: %v", err)
	}
	if asRoot() {
		return
	}
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Create(locked, "mnist"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("an unwritable folder: %v", err)
	}
}

// TestSettings: a run without settings has the defaults.
func TestSettings(t *testing.T) {
	r := &run.Run{Dir: t.TempDir()}
	if c, err := r.Settings(); err != nil || !reflect.DeepEqual(c, joule.DefaultConfig()) {
		t.Errorf("no file: %+v, %v", c, err)
	}
	if err := os.Mkdir(r.ConfigPath(), 0o777); err != nil {
		t.Fatal(err)
	}
	var e *run.Error
	if _, err := r.Settings(); !errors.As(err, &e) {
		t.Errorf("a folder: %v", err)
	}
}
