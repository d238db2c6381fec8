//go:build unix

package regular_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/joule-ml/joule/internal/regular"
)

// here makes one of each kind of file in a new working folder.
func here(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir()) // names of sockets are short
	s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(s) })
	if err := errors.Join(
		os.WriteFile("file", []byte("text"), 0o600),
		os.Mkdir("folder", 0o700),
		syscall.Mkfifo("pipe", 0o600),
		syscall.Bind(s, &syscall.SockaddrUnix{Name: "socket"}),
		os.Symlink("file", "link"), os.Symlink("pipe", "link to pipe"), os.Symlink("none", "dangling"), os.Symlink("self", "self"),
	); err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	here(t)
	for path, kind := range map[string]string{
		"folder": "a folder", "pipe": "a pipe", "link to pipe": "a pipe", "socket": "a socket", "/dev/null": "a device", "/dev/zero": "a device",
	} {
		_, err := regular.Open(path)
		var e *regular.Error
		if p := (*fs.PathError)(nil); !errors.As(err, &e) || e.Kind != kind || e.Remedy() == "" || !errors.As(err, &p) || p.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"file", "link"} {
		if b, err := regular.Read(path, 4); err != nil || string(b) != "text" {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		if _, err := regular.Read(path, 3); err == nil || !strings.Contains(err.Error(), "more than 3 bytes") {
			t.Errorf("beyond the limit: %v", err)
		}
	}
	for _, path := range []string{"none", "dangling"} {
		if _, err := regular.Open(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := regular.Open("self"); err == nil {
		t.Error("links in a circle were opened")
	}
}

func TestReadStream(t *testing.T) {
	here(t)
	ctx, stop := context.WithCancel(t.Context())
	go os.WriteFile("pipe", []byte("through"), 0)
	for path, want := range map[string]string{"file": "text", "-": "input", "link to pipe": "through", "/dev/null": ""} {
		if b, err := regular.ReadStream(ctx, path, strings.NewReader("input"), 10); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	if _, err := regular.ReadStream(ctx, "/dev/zero", nil, 10); err == nil || !strings.Contains(err.Error(), "more than 10 bytes") {
		t.Errorf("without end: %v", err)
	}
	if _, err := regular.ReadStream(ctx, "-", bytes.NewReader(make([]byte, 11)), 10); err == nil {
		t.Error("more than is allowed was read")
	}
	var e *regular.Error
	for _, path := range []string{"folder", "socket"} {
		if _, err := regular.ReadStream(ctx, path, nil, 10); !errors.As(err, &e) {
			t.Errorf("%s: %v", path, err)
		}
	}
	stop() // nobody writes into the pipe
	if _, err := regular.ReadStream(ctx, "pipe", nil, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
