package run_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/run"
)

// someRuns makes runs of different ages in a folder, among things that only
// resemble runs, and returns the folder and a function to name one.
func someRuns(t *testing.T) (dir string, at func(name string) *run.Run) {
	t.Helper()
	dir = t.TempDir()
	at = func(name string) *run.Run { return &run.Run{Dir: filepath.Join(dir, filepath.FromSlash(name))} }
	put(t, at("a/version_0").ModelPath(), 3*time.Hour)
	put(t, at("a/version_1").CheckpointPath("last"), 2*time.Hour)
	put(t, at("b/version_0").ModelPath(), time.Hour)
	put(t, at("b/version_1").ConfigPath(), 0)    // nothing to load
	put(t, at("b/old_version_7").ModelPath(), 0) // not a run
	put(t, at("b/version_1/x/y").ModelPath(), 0) // too deep
	put(t, filepath.Join(dir, "version_9x"), 0)  // a file
	put(t, filepath.Join(dir, "c/version_9"), 0) // a file
	return dir, at
}

// TestNewest: the newest run of a folder, or of a name in it, is the one whose
// model or checkpoint is.
func TestNewest(t *testing.T) {
	dir, at := someRuns(t)
	for path, want := range map[string]string{dir: "b/version_0", filepath.Join(dir, "a"): "a/version_1"} {
		if r, err := run.Newest(path); err != nil || r.Dir != at(want).Dir {
			t.Errorf("newest of %s: got %v, %v, want %s", path, r, err, want)
		}
	}
	var e *run.Error
	if _, err := run.Newest(t.TempDir()); !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("no runs: %v", err)
	}
}

// TestOpen: a run is opened by its name, its folder, its model or a checkpoint.
func TestOpen(t *testing.T) {
	dir, at := someRuns(t)
	for path, want := range map[string]string{
		filepath.Join(dir, "a"):                  "a/version_1",
		at("a/version_0").Dir:                    "a/version_0",
		at("a/version_0").ModelPath():            "a/version_0",
		at("a/version_1").CheckpointPath("last"): "a/version_1",
	} {
		if r, err := run.Open(path); err != nil || r.Dir != at(want).Dir {
			t.Errorf("open %s: got %v, %v, want %s", path, r, err, want)
		}
	}
	if _, err := run.Open(filepath.Join(dir, "zebra")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
	if _, err := run.Open(filepath.Join(dir, "c", "version_9")); err == nil {
		t.Error("opened a file that is no run's")
	}
}

// TestFindCheckpoint: what to resume is the last of all runs, of a name, of a
// run, or a file; and the run is told where the file belongs to one.
func TestFindCheckpoint(t *testing.T) {
	dir, at := someRuns(t)
	want := at("a/version_1")
	for _, which := range []string{"last", filepath.Join(dir, "a"), want.Dir, want.CheckpointPath("last")} {
		path, r, err := run.FindCheckpoint(dir, "", which)
		if err != nil || r.Dir != want.Dir || path != want.CheckpointPath("last") {
			t.Errorf("resume %s: %s of %v, %v", which, path, r, err)
		}
	}
	loose := filepath.Join(dir, "loose.safetensors")
	put(t, loose, 0)
	if path, r, err := run.FindCheckpoint(dir, "", loose); err != nil || r != nil || path != loose {
		t.Errorf("a loose file: %s, %v, %v", path, r, err)
	}
	var e *run.Error
	if _, _, err := run.FindCheckpoint(dir, "b", "last"); !errors.As(err, &e) {
		t.Errorf("a name without a checkpoint: %v", err)
	}
	if _, _, err := run.FindCheckpoint(dir, "", "zebra"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if _, _, err := run.FindCheckpoint(dir, "..", "last"); err == nil {
		t.Error("a name that leads out of the folder")
	}
}

// TestFindModel: a path and which checkpoint of it is meant give a file; a file
// has no checkpoints.
func TestFindModel(t *testing.T) {
	dir, at := someRuns(t)
	loose := filepath.Join(dir, "loose.safetensors")
	put(t, loose, 0)
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

// TestFindHash: a model is found by its hash in a file, a run, or a folder of
// runs.
func TestFindHash(t *testing.T) {
	dir := t.TempDir()
	folder, err := run.Create(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	grey, colour := freshModel(t, 1), freshModel(t, 3)
	for path, m := range map[string]*joule.Model{folder.ModelPath(): grey, folder.CheckpointPath("best"): colour} {
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(folder.CheckpointPath("last"), []byte("garbage"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "a"), folder.Dir, folder.CheckpointPath("best")} {
		m, file, err := run.FindHash(path, colour.Hash())
		if err != nil || file != folder.CheckpointPath("best") || m.Hash() != colour.Hash() {
			t.Errorf("%s: %s, %v", path, file, err)
		}
	}
	for path, want := range map[string]string{
		folder.ModelPath():            "is another model: its hash is " + grey.Hash(),
		folder.Dir:                    "none of 2 models",
		dir:                           "none of 2 models",
		t.TempDir():                   "none of 0 models",
		filepath.Join(dir, "nowhere"): "cannot be opened",
		folder.CheckpointPath("last"): "checkpoint: ",
	} {
		if _, _, err := run.FindHash(path, "0123456789abcdef"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// TestRunOfRelative: a relative path tells its run.
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
