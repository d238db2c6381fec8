package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func put(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func want(t *testing.T, path, content string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content {
		t.Errorf("%s holds %q, %v; want %q", path, b, err, content)
	}
}

// alone fails unless path is the only file in its folder.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func remedy(err error) string {
	var e *Error
	errors.As(err, &e)
	return e.Hint
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	for _, s := range []string{"first", "", strings.Repeat("second ", 100_000)} {
		if err := Write(path, put(s)); err != nil {
			t.Fatal(err)
		}
		want(t, path, s)
		alone(t, path)
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("no Unix permissions here")
	}
	path := filepath.Join(t.TempDir(), "x")
	for _, perm := range []fs.FileMode{0o600, 0o666, 0o644} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, perm); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, put("new")); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != perm {
			t.Errorf("permissions %v, %v; want %v", fi.Mode().Perm(), err, perm)
		}
	}
}

// A failing file fails one of the operations on the file below it.
type failing struct {
	file
	op    string
	err   error
	after int // bytes that Write still takes
}

func (f *failing) Write(b []byte) (int, error) {
	if f.op == "write" && len(b) > f.after {
		n, _ := f.file.Write(b[:f.after])
		f.after -= n
		return n, f.err
	}
	f.after -= len(b)
	return f.file.Write(b)
}

func (f *failing) Sync() error {
	if f.op == "sync" {
		return f.err
	}
	return f.file.Sync()
}

func (f *failing) Close() error {
	err := f.file.Close()
	if f.op == "close" {
		return f.err
	}
	return err
}

func TestFailureKeepsTheEarlierFile(t *testing.T) {
	big := strings.Repeat("x", 3*bufferSize)
	for _, op := range []string{"write", "sync", "close"} {
		for _, size := range []int{1, bufferSize, len(big)} {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte("earlier"), 0o666); err != nil {
				t.Fatal(err)
			}
			err := replace(path, put(big[:size]), func(t Target) (file, error) {
				f, err := create(t)
				return &failing{f, op, syscall.ENOSPC, size / 2}, err
			})
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, syscall.ENOSPC) || e.Path != path {
				t.Fatalf("%s: error %v", op, err)
			}
			if runtime.GOOS != "windows" && !strings.Contains(e.Hint, "free some space") {
				t.Errorf("%s: no remedy in %q", op, e.Hint)
			}
			want(t, path, "earlier")
			alone(t, path)
		}
	}
}

func TestWriteError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, put("earlier")); err != nil {
		t.Fatal(err)
	}
	own := fmt.Errorf("source: %w", fs.ErrNotExist)
	err := Write(path, func(w io.Writer) error {
		w.Write(make([]byte, 2*bufferSize))
		return own
	})
	if !errors.Is(err, own) || strings.Contains(remedy(err), "create the folder") {
		t.Errorf("error %v", err)
	}
	want(t, path, "earlier")
	alone(t, path)

	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		Write(path, func(io.Writer) error { panic("oh") })
	}()
	want(t, path, "earlier")
	alone(t, path)
}

func TestRemedies(t *testing.T) {
	dir := t.TempDir()
	err := Write(filepath.Join(dir, "missing", "file"), put("x"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(remedy(err), "create the folder") {
		t.Errorf("missing folder: %v", err)
	}
	if err := Write(dir, put("x")); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("folder: %v", err)
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || os.Geteuid() == 0 {
		t.Skip("nothing is unwritable for this user")
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	err = Write(filepath.Join(dir, "file"), put("x"))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(remedy(err), "writable") {
		t.Errorf("unwritable folder: %v", err)
	}
}

func TestHint(t *testing.T) {
	if h := hint("a/b", fs.ErrPermission, false); !strings.Contains(h, "make the folder a writable") {
		t.Errorf("hint %q", h)
	}
}

func TestConcurrentWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				if err := Write(path, put(strings.Repeat(string(rune('a'+i)), 10_000))); err != nil {
					if runtime.GOOS != "windows" { // which refuses to rename onto a file being renamed
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 10_000 || bytes.Count(b, b[:1]) != len(b) {
		t.Errorf("a mixture of %d bytes, %v", len(b), err)
	}
	alone(t, path)
}

// startWriter starts a process that runs TestKilled and stops in the middle of
// writing to path, where it is when this returns. There it waits for its
// standard input to end.
func startWriter(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_TEST_PATH="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestKilled kills a process in the middle of writing: the earlier file stays,
// and the next Write to the same path clears what was left.
func TestKilled(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_TEST_PATH"); path != "" {
		Write(path, func(w io.Writer) error {
			w.Write(make([]byte, 10*bufferSize))
			fmt.Println("half")
			// In select {} the runtime would see a deadlock, and end.
			os.Stdin.Read(make([]byte, 1))
			return errors.New("not killed")
		})
	}
	if runtime.GOOS == "js" {
		t.Skip("no processes here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	other := filepath.Join(dir, "."+"other.tmp-abc")
	for _, p := range []string{path, other} {
		if err := os.WriteFile(p, []byte("earlier"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	stale := func() (names []string) {
		names, _ = filepath.Glob(filepath.Join(dir, ".file.tmp-*"))
		return names
	}

	cmd := startWriter(t, path)
	if len(stale()) != 1 {
		t.Fatalf("temporary files %v", stale())
	}
	if runtime.GOOS != "windows" {
		// The other process lives: its file is not ours to remove.
		if err := Write(path, put("between")); err != nil {
			t.Fatal(err)
		}
		want(t, path, "between")
		if len(stale()) != 1 {
			t.Fatal("a live process's temporary file was removed")
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if len(stale()) != 1 {
		t.Fatalf("after the kill: %v", stale())
	}
	if err := Write(path, put("new")); err != nil {
		t.Fatal(err)
	}
	want(t, path, "new")
	want(t, other, "earlier")
	if len(stale()) != 0 {
		t.Errorf("left behind: %v", stale())
	}
}
