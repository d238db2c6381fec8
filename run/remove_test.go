package run_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/run"
)

// TestRemove: what Joule wrote is removed, other files and links stay, and nothing is
// removed while it trains.
func TestRemove(t *testing.T) {
	r := fitted(t, tinyConfig())
	above := filepath.Dir(r.Dir)
	outside := filepath.Join(t.TempDir(), "precious")
	put(t, filepath.Join(outside, "file"), 0)
	links := runtime.GOOS != "windows"
	if links {
		for link, to := range map[string]string{"out": outside, "up": "..", "samples/out": filepath.Join(outside, "file"), "dangling": "nowhere"} {
			if err := os.Symlink(to, filepath.Join(r.Dir, link)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(t, filepath.Join(above, "version_1", "notes"), 0)
	put(t, filepath.Join(r.Dir, "samples", "best of all.png"), 0)

	files, size, err := r.Files()
	if err != nil {
		t.Fatal(err)
	}
	sum, linked := int64(0), 0
	for _, f := range files {
		sum += f.Size
		if f.Link {
			linked++
			if f.Size != 0 {
				t.Errorf("a link has a size: %+v", f)
			}
		}
	}
	if sum != size || size < 1000 || links && linked != 4 {
		t.Errorf("%d bytes, %d together, %d links: %v", size, sum, linked, files)
	}

	// While a process trains in it.
	release, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	var e *run.Error
	if err := r.Remove(); lockFileWorks() && (!errors.As(err, &e) || !strings.Contains(e.Fault, "training")) {
		t.Errorf("a run in training: %v", err)
	}
	release()
	if err := r.Remove(); err != nil {
		t.Fatal(err)
	}
	left, _, err := r.Files()
	if err != nil || len(left) != linked+1 || slices.ContainsFunc(left, func(f run.File) bool { return f.Own }) {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := run.Removable(r.Dir); err == nil {
		t.Error("what is left is still a run")
	}
	for _, path := range []string{filepath.Join(outside, "file"), filepath.Join(above, "version_1", "notes")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("removed too: %v", err)
		}
	}
}

// TestRemoveWhole: where all is Joule's, the folder goes too, also of a run that an
// earlier version made, or that has a file of a killed process.
func TestRemoveWhole(t *testing.T) {
	for _, earlier := range []bool{false, true} {
		r := fitted(t, tinyConfig())
		if earlier {
			if err := os.Remove(filepath.Join(r.Dir, run.Marker)); err != nil {
				t.Fatal(err)
			}
		}
		put(t, filepath.Join(r.Dir, "checkpoints", ".last.safetensors.tmp-ABCDEFGHIJ"), 0)
		put(t, filepath.Join(r.Dir, "report", "report.html"), 0)
		if err := r.Remove(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(r.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	}
}

// TestForeign: folders with the names of runs and somebody's files in them are not
// listed and not removed.
func TestForeign(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"a thesis":        {"thesis.txt": "precious", "config.yaml": ""},
		"a configuration": {"thesis.txt": "precious", "config.yaml": "epochs: 3\n"},
		"Lightning":       {"config.yaml": "seed: 3\n", "metrics.csv": "step,loss\n1,2\n", "checkpoints/last.ckpt": ""},
		"another marker":  {run.Marker: "mine\n", "thesis.txt": ""},
	} {
		dir := filepath.Join(t.TempDir(), "work", "version_3")
		for file, text := range files {
			put(t, filepath.Join(dir, filepath.FromSlash(file)), 0)
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(file)), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := run.Removable(dir); err == nil {
			t.Errorf("%s can be removed", name)
		}
		if list, err := run.List(filepath.Dir(dir)); err != nil || len(list) > 0 {
			t.Errorf("%s is listed, %v", name, err)
		}
	}
}

// TestRemovable: only a folder that is a run's, by its name and by what is in
// it, can be removed.
func TestRemovable(t *testing.T) {
	dir := t.TempDir()
	removableRuns(t, dir)
	for name, want := range map[string]string{
		"a/version_0": "", "a/version_0/": "", "a/version_0/samples/..": "", "version_4": "", "b/version_0": "",
		"a": "not a run's folder", "a/kept": "not a run's folder", ".": "not a run's folder", "none/version_0": "cannot be removed",
		"a/version_4": "not a run's folder", "a/version_0/samples": "not a run's folder", "a/version_0/model.safetensors": "not a run's folder",
		"a/version_5": "does not hold", "a/version_6": "does not hold", "a/version_7": "does not hold",
		"a/version_8": "symbolic link", "a/version_8/": "symbolic link",
	} {
		if strings.HasPrefix(name, "a/version_8") && runtime.GOOS == "windows" {
			continue
		}
		path := dir + string(filepath.Separator) + filepath.FromSlash(name)
		_, err := run.Removable(path)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var e *run.Error
		if !errors.As(err, &e) || !strings.Contains(e.Fault, want) || e.Hint == "" {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if err := (&run.Run{Dir: path}).Remove(); err == nil {
			t.Errorf("%s: was removed", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "version_0", "model.safetensors")); err != nil {
		t.Error(err)
	}
}

// removableRuns makes runs in a folder, and things that resemble them.
func removableRuns(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	whole := fitted(t, tinyConfig())
	for _, name := range []string{"a/version_0", "a/kept", "version_4"} {
		if err := os.CopyFS(at(name), os.DirFS(whole.Dir)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, at("a/version_4"), 0)             // a file
	put(t, at("a/version_5/config.yaml"), 0) // of something else
	// PyTorch Lightning's.
	put(t, at("a/version_6/hparams.yaml"), 0)
	put(t, at("a/version_6/metrics.csv"), 0)
	put(t, at("a/version_6/checkpoints/x.ckpt"), 0)
	if err := os.MkdirAll(at("a/version_7"), 0o777); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Symlink("version_0", at("a/version_8")); err != nil {
			t.Fatal(err)
		}
	}
	// Damaged, and nothing but a run's.
	damaged, err := run.Create(dir, "b")
	if err != nil {
		t.Fatal(err)
	}
	put(t, damaged.ConfigPath(), 0)
	put(t, damaged.MetricsPath(), 0)
	put(t, filepath.Join(damaged.Dir, ".config.yaml.tmp-ABC"), 0)
}
