//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLinks: the link stays, and what it leads to is replaced whole.
func TestLinks(t *testing.T) {
	for _, c := range []struct{ name, to, file string }{
		{"a file beside it", "file", "file"},
		{"a file elsewhere", "sub/file", "sub/file"},
		{"nothing yet", "sub/new", "sub/new"},
		{"up behind another link", "far/../beside", "elsewhere/beside"},
		{"a link", "second", "sub/file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"sub", "elsewhere/deep"} {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			old := filepath.Join(dir, "sub", "file")
			if err := os.WriteFile(old, []byte("earlier"), 0o640); err != nil {
				t.Fatal(err)
			}
			for name, to := range map[string]string{"link": c.to, "far": "elsewhere/deep", "second": old} {
				if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			link := filepath.Join(dir, "link")
			if err := Write(link, put("new")); err != nil {
				t.Fatal(err)
			}
			want(t, filepath.Join(dir, c.file), "new")
			if to, err := os.Readlink(link); err != nil || to != c.to {
				t.Errorf("the link leads to %q, %v", to, err)
			}
			if st, err := os.Stat(old); err != nil || st.Mode().Perm() != 0o640 {
				t.Errorf("permissions %v, %v", st.Mode(), err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*", ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestHardLink: the other name keeps the old content, as the doc says.
func TestHardLink(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	b := a + "b"
	if err := Write(a, put("earlier")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(a, b); err != nil {
		t.Fatal(err)
	}
	if !Same(a, b) {
		t.Error("two names of one file are not the same")
	}
	if err := Write(b, put("new")); err != nil {
		t.Fatal(err)
	}
	want(t, a, "earlier")
	want(t, b, "new")
}

// TestRefused: what cannot be written to stays as it is, and the error says how to
// go on.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // names of sockets are short
	for name, to := range map[string]string{"self": "self", "ping": "pong", "pong": "ping", "here": "."} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(s)
	if err := syscall.Bind(s, &syscall.SockaddrUnix{Name: "socket"}); err != nil {
		t.Fatal(err)
	}
	for path, fault := range map[string]string{
		"self": "circle", "ping": "circle", "socket": "a socket", "here": "a folder", ".": "a folder", "..": "a folder",
	} {
		if err := Write(path, put("x")); err == nil || !strings.Contains(err.Error(), fault) || remedy(err) == "" {
			t.Errorf("%s: %v, hint %q", path, err, remedy(err))
		}
	}
	if st, err := os.Lstat("socket"); err != nil || st.Mode()&fs.ModeSocket == 0 {
		t.Errorf("the socket: %v, %v", st, err)
	}
}

// TestMissingFolder: the hint names the folder that is missing, behind links too, and
// none that is there.
func TestMissingFolder(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "far", "file"), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		link:                            "create the folder " + filepath.Join(dir, "far") + " first",
		filepath.Join(dir, "near", "x"): "create the folder " + filepath.Join(dir, "near") + " first",
		filepath.Join(dir, strings.Repeat("x", 300)): "name a shorter file",
	} {
		if err := Write(path, put("x")); remedy(err) != want {
			t.Errorf("%v, hint %q, not %q", err, remedy(err), want)
		}
	}
	if _, err := Find(link); !strings.Contains(remedy(err), "far") {
		t.Errorf("%v, hint %q", err, remedy(err))
	}
	if got := hint(filepath.Join(dir, "x"), fs.ErrNotExist, false); !strings.HasSuffix(got, "write to another one") {
		t.Errorf("hint %q about a folder that is there", got)
	}
}

// TestStreams: pipes, also through links, get the bytes and stay pipes.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 1<<20) // more than a pipe holds
	for _, path := range []string{pipe, link} {
		got := make(chan string)
		go func() {
			b, _ := os.ReadFile(pipe)
			got <- string(b)
		}()
		if err := Write(path, put(big)); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != big {
			t.Errorf("%d bytes came out of the pipe", len(s))
		}
	}
	if st, err := os.Lstat(pipe); err != nil || st.Mode() != fs.ModeNamedPipe|0o600 {
		t.Errorf("the pipe became %v, %v", st.Mode(), err)
	}
	if err := Write("/dev/null", put(big)); err != nil {
		t.Error(err)
	}
}

// TestDescriptors: an open file is written on where it stands, and not replaced.
func TestDescriptors(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	io.WriteString(f, "before ")
	for _, dir := range []string{"/dev/fd", "/proc/self/fd"} {
		link := filepath.Join(t.TempDir(), "link")
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		if err := os.Symlink(fmt.Sprintf("%s/%d", dir, f.Fd()), link); err != nil {
			t.Fatal(err)
		}
		if err := Write(link, put("here ")); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(f, "after")
	b, err := os.ReadFile(f.Name())
	if s := string(b); err != nil || !strings.HasPrefix(s, "before here ") || !strings.HasSuffix(s, " after") {
		t.Errorf("%q, %v", b, err)
	}
	if err := Write("/dev/fd/60000", put("x")); err == nil {
		t.Error("a descriptor that is not open was written to")
	}
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"a", "b"} {
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link": "a", "new": "later", "dir": "."} {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"a", "a", true}, {"a", "./a", true}, {"a", "link", true}, {"a", "dir/a", true}, {"a", filepath.Join(dir, "a"), true},
		{"later", "new", true}, {"later", "dir/later", true},
		{"a", "b", false}, {"a", "later", false}, {"later", "other", false}, {"none/x", "none/x", false}, {"/dev/null", "/dev/null", false},
	} {
		if got := Same(c.a, c.b); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
