package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/run"
)

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
