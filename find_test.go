package joule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindHash(t *testing.T) {
	dir := t.TempDir()
	run, err := CreateRun(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	grey, colour := tinyModel(t, 1), tinyModel(t, 3)
	for path, m := range map[string]*Model{run.Model(): grey, run.Checkpoint("best"): colour} {
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(run.Checkpoint("last"), []byte("garbage"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "a"), run.Dir, run.Checkpoint("best")} {
		m, file, err := FindHash(path, colour.Hash())
		if err != nil || file != run.Checkpoint("best") || m.Hash() != colour.Hash() {
			t.Errorf("%s: %s, %v", path, file, err)
		}
	}
	for path, want := range map[string]string{
		run.Model():                   "is another model: its hash is " + grey.Hash(),
		run.Dir:                       "none of 2 models",
		dir:                           "none of 2 models",
		t.TempDir():                   "none of 0 models",
		filepath.Join(dir, "nowhere"): "cannot be opened",
		run.Checkpoint("last"):        "checkpoint: ",
	} {
		if _, _, err := FindHash(path, "0123456789abcdef"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
