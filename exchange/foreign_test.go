package exchange

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestForeign names what is no file of weights; checkpoint and torchfile test
// which kinds there are.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"empty/readme.md", "full/b.ckpt", "full/a.safetensors", "full/c.txt", "pointer", "odd"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		text := map[string]string{"pointer": "version https://git-lfs.github.com/spec/v1\n", "odd": "\x01\x02\x03\x04\x05\x06\x07\x08\x09"}[name]
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][2]string{
		"empty":       {"is a folder", "the folder has none"},
		"full":        {"is a folder", quoted(filepath.Join(dir, "full", "a.safetensors")) + " or " + quoted(filepath.Join(dir, "full", "b.ckpt"))},
		"full/b.ckpt": {"is no file of weights but an empty file", "download it again"},
		"pointer":     {"is no file of weights but a pointer of Git LFS", "git lfs pull"},
		"odd":         {"is no file of weights but of an unknown kind", "give weights that PyTorch saved"},
	} {
		path := filepath.Join(dir, name)
		_, err := Read(path, Options{Output: "f"})
		var e *Error
		if !errors.As(err, &e) || e.Path != path || !strings.Contains(e.Fault, want[0]) || !strings.Contains(e.Hint, want[1]) {
			t.Errorf("%s: error %#v, want %q", name, err, want)
		}
		if _, again := Keys(path); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: Keys says %v", name, again)
		}
	}
}
