package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/internal/python"
)

// stricter are files that the reference reads and Joule does not, on purpose:
// two things of one name may be two different things, and NumPy has no more
// than 64 dimensions.
var stricter = []string{"metadata key twice", "name twice, same place", "65 dimensions"}

// TestReference opens every odd and damaged file with Python's safetensors too:
// both read it or neither does.
func TestReference(t *testing.T) {
	path := python.Need(t, "import safetensors.numpy")
	dir := t.TempDir()
	ours := map[string]bool{}
	leave := func(name string, file []byte) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ReadHeader(path)
		ours[name] = err == nil
	}
	for _, tt := range odd {
		leave(tt.name, tt.file)
	}
	for _, tt := range bad {
		leave(tt.name, tt.file)
	}
	for name, file := range everyType() {
		leave(name, file)
	}
	const script = `
import os, sys
from safetensors import safe_open

for name in os.listdir(sys.argv[1]):
    try:
        with safe_open(os.path.join(sys.argv[1], name), "np") as f:
            f.keys()
            print(name)
    except Exception:
        pass
`
	out, err := exec.Command(path, "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	theirs := strings.Split(strings.TrimSpace(string(out)), "\n")
	for name, read := range ours {
		if there := slices.Contains(theirs, name); there != (read || slices.Contains(stricter, name)) {
			t.Errorf("%s: read here %v, in Python %v", name, read, there)
		}
	}
}

// TestPython has Python's own safetensors library read a file written here
// and write it anew, as far as that library keeps order and metadata.
func TestPython(t *testing.T) {
	path := python.Need(t, "import safetensors.numpy")
	dir := t.TempDir()
	ours, theirs, changed := filepath.Join(dir, "ours.safetensors"), filepath.Join(dir, "theirs.safetensors"), filepath.Join(dir, "changed.safetensors")
	f := sample()
	if err := Write(ours, f); err != nil {
		t.Fatal(err)
	}
	const script = `
import sys
import zlib
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

with safe_open(sys.argv[1], "np") as f:
    metadata = f.metadata()
    tensors = {k: f.get_tensor(k) for k in f.keys()}
sums = metadata["joule_crc32"].split()[1:]
assert sums == ["%08x" % zlib.crc32(tensors[k].tobytes()) for k in sorted(tensors, key=str.encode)], sums
assert {k: v for k, v in metadata.items() if k != "joule_crc32"} == {"output": "energy", "config": "seed: 42\n", "ünï": '"<&>\u2028\x00'}, metadata
assert len(tensors) == 5, tensors.keys()
w = tensors["cnn_layers.0.weight"]
assert w.dtype == np.float32 and w.shape == (2, 1, 1, 3), (w.dtype, w.shape)
bits = w.ravel().view(np.uint32).tolist()
assert bits == [0, 0xbf800000, 0x7f7fffff, 0xff800000, 0x80000000, 0x7fa12345], bits
assert tensors["cnn_layers.0.bias"].shape == (0, 4)
assert tensors["buffer"].dtype == np.uint8 and tensors["buffer"].tolist() == [0, 1, 2, 254, 255]
assert tensors["step"].shape == () and tensors["step"] == -2**63
assert tensors['a "quoted" näme'].tolist() == [[-1, 2**63 - 1]]
save_file(tensors, sys.argv[2], metadata) # the checksums still hold
tensors["step"] += 1
save_file(tensors, sys.argv[3], metadata)
`
	if out, err := exec.Command(path, "-c", script, ours, theirs, changed).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := Read(theirs)
	if err != nil {
		t.Fatal(err)
	}
	again := &File{Metadata: got.Metadata}
	for _, tensor := range f.Tensors { // the library orders tensors by itself
		if found := got.Lookup(tensor.Name); found != nil {
			again.Tensors = append(again.Tensors, *found)
		}
	}
	if !same(again, f) {
		t.Errorf("Python wrote %+v, want %+v", got, f)
	}
	var fault *Error
	if _, err := Read(changed); !errors.As(err, &fault) || !strings.Contains(fault.Hint, "another program has changed it") {
		t.Errorf("what Python changed: %v", err)
	}
}
