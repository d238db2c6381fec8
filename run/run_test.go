package run_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
)

// put writes a file of a run, as old as said.
func put(t *testing.T, path string, age time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// asRoot tells whether permissions do not stop this process.
func asRoot() bool { return runtime.GOOS == "windows" || os.Geteuid() == 0 }

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

func TestNewestRun(t *testing.T) {
	dir := t.TempDir()
	_, err := run.Newest(dir)
	var e *run.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("no runs: %v", err)
	}
	at := func(name string) *run.Run { return &run.Run{Dir: filepath.Join(dir, filepath.FromSlash(name))} }
	put(t, at("a/version_0").ModelPath(), 3*time.Hour)
	put(t, at("a/version_1").CheckpointPath("last"), 2*time.Hour)
	put(t, at("b/version_0").ModelPath(), time.Hour)
	put(t, at("b/version_1").ConfigPath(), 0)    // nothing to load
	put(t, at("b/old_version_7").ModelPath(), 0) // not a run
	put(t, at("b/version_1/x/y").ModelPath(), 0) // too deep
	put(t, filepath.Join(dir, "version_9x"), 0)  // a file
	put(t, filepath.Join(dir, "c/version_9"), 0) // a file

	check := func(what, want string, got *run.Run, err error) {
		t.Helper()
		if err != nil || got.Dir != at(want).Dir {
			t.Errorf("%s: got %v, %v, want %s", what, got, err, want)
		}
	}
	r, err := run.Newest(dir)
	check("all", "b/version_0", r, err)
	r, err = run.Newest(filepath.Join(dir, "a"))
	check("one name", "a/version_1", r, err)
	r, err = run.Open(filepath.Join(dir, "a"))
	check("open a name", "a/version_1", r, err)
	r, err = run.Open(filepath.Join(dir, "a", "version_0"))
	check("open a version", "a/version_0", r, err)
	r, err = run.Open(at("a/version_0").ModelPath())
	check("open a model", "a/version_0", r, err)
	r, err = run.Open(at("a/version_1").CheckpointPath("last"))
	check("open a checkpoint", "a/version_1", r, err)
	if _, err := run.Open(filepath.Join(dir, "zebra")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
	if _, err := run.Open(filepath.Join(dir, "c", "version_9")); err == nil {
		t.Error("opened a file that is no run's")
	}

	path, r, err := run.FindCheckpoint(dir, "", "last")
	check("resume last", "a/version_1", r, err)
	if path != r.CheckpointPath("last") {
		t.Errorf("got %s", path)
	}
	if _, _, err := run.FindCheckpoint(dir, "b", "last"); !errors.As(err, &e) {
		t.Errorf("a name without a checkpoint: %v", err)
	}
	_, r, err = run.FindCheckpoint(dir, "", filepath.Join(dir, "a"))
	check("resume a name", "a/version_1", r, err)
	_, r, err = run.FindCheckpoint(dir, "", at("a/version_1").Dir)
	check("resume a run", "a/version_1", r, err)
	_, r, err = run.FindCheckpoint(dir, "", at("a/version_1").CheckpointPath("last"))
	check("resume a file", "a/version_1", r, err)
	loose := filepath.Join(dir, "loose.safetensors")
	put(t, loose, 0)
	if path, r, err = run.FindCheckpoint(dir, "", loose); err != nil || r != nil || path != loose {
		t.Errorf("a loose file: %s, %v, %v", path, r, err)
	}
	if _, _, err := run.FindCheckpoint(dir, "", "zebra"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if _, _, err := run.FindCheckpoint(dir, "..", "last"); err == nil {
		t.Error("a name that leads out of the folder")
	}

	for _, c := range []struct{ path, which, want string }{
		{dir, "", at("b/version_0").ModelPath()},
		{at("a/version_1").Dir, "", at("a/version_1").CheckpointPath("last")},
		{at("a/version_1").Dir, "last", at("a/version_1").CheckpointPath("last")},
		{at("a/version_1").Dir, "best", ""},
		{at("a/version_0").ModelPath(), "", at("a/version_0").ModelPath()},
		{at("a/version_0").ModelPath(), "last", ""},
		{loose, "", loose},
		{loose, "last", ""},
		{at("b/version_1").Dir, "", ""},
	} {
		got, err := run.FindModel(c.path, c.which)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("run.FindModel(%q, %q) = %q, %v, want %q", c.path, c.which, got, err, c.want)
		}
	}
}

func TestRunOfRelative(t *testing.T) {
	dir := t.TempDir()
	r := &run.Run{Dir: filepath.Join(dir, "mnist", "version_3")}
	put(t, r.CheckpointPath("last"), 0)
	put(t, r.ModelPath(), 0)
	for _, c := range []struct{ wd, path, want string }{
		{dir, "mnist/version_3/checkpoints/last.safetensors", "mnist/version_3"},
		{r.Dir, "checkpoints/last.safetensors", "."},
		{r.Dir, "model.safetensors", "."},
		{filepath.Join(r.Dir, "checkpoints"), "last.safetensors", ".."},
	} {
		t.Chdir(c.wd)
		got, ok := run.Of(filepath.FromSlash(c.path))
		if !ok || got.Dir != filepath.FromSlash(c.want) {
			t.Errorf("in %s, %s: %v, %v, want %s", c.wd, c.path, got, ok, c.want)
		}
	}
}
