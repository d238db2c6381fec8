package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/grid"
	"github.com/rogpeppe/go-internal/testscript"
)

// synthetic is set to let the program train on made-up images, so that
// scripts need no downloads: to their side, or to 1 for the usual one.
const synthetic = "SYNTHETIC"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"joule": func() {
			a := newApp()
			if os.Getenv(synthetic) != "" {
				a.open = openSynthetic
			}
			os.Exit(a.run(os.Args[1:]))
		},
	})
}

// openSynthetic gives small images of one bright bar each.
func openSynthetic(_ context.Context, name string, _ dataset.Options) (train, test *dataset.Set, err error) {
	side := 12
	if n, err := strconv.Atoi(os.Getenv(synthetic)); err == nil && n > 1 {
		side = n
	}
	bars := func(n int) *dataset.Set {
		s := &dataset.Set{Name: name, N: n, C: 1, H: side, W: side, Pixels: make([]byte, n*side*side), Labels: make([]byte, n)}
		for i := range n {
			for y := 2; y < side-2; y++ {
				s.Pixels[(i*side+y)*side+2+i%8] = byte(200 + i%56)
			}
			s.Labels[i] = byte(i % 10)
		}
		return s
	}
	return bars(200), bars(40), nil
}

func TestScripts(t *testing.T) {
	// torch has files that PyTorch wrote.
	torch, err := filepath.Abs(filepath.Join("..", "..", "exchange", "testdata", "torch"))
	if err != nil {
		t.Fatal(err)
	}
	heedSignals()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { setUp(env, torch); return nil },
		Condition:           conditions(t),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":       code,
			"glob":       glob,
			"signal":     signalAt,
			"pngtext":    pngText,
			"shorten":    shorten,
			"flip":       flip,
			"columns":    columns,
			"strip":      strip,
			"pictures":   pictures,
			"secret":     secret,
			"fifo":       fifo,
			"damage":     damage,
			"rising":     rising,
			"settext":    setText,
			"samepixels": samePixels,
			"npyshape":   npyShape,
		},
	})
}

// heedSignals lets the programs that scripts start heed signals that this process
// ignores, as all do that a shell has started in the background: they would wait
// for ever for their end.
func heedSignals() {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}

// setUp gives a script a cache of its own, with nothing in it, and says where
// other things are.
func setUp(env *testscript.Env, torch string) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = ""
	}
	empty := filepath.Join(env.WorkDir, ".cache")
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_CACHE_HOME", empty)
	env.Setenv("LocalAppData", empty)
	env.Setenv("USER_CACHE", cache)
	env.Setenv("USER_HOME", os.Getenv("HOME"))
	env.Setenv("NO_COLOR", "1")
	env.Setenv("JOULE_KERNEL", os.Getenv("JOULE_KERNEL")) // the kernels that are tested
	env.Setenv("GORACE", "atexit_sleep_ms=0")             // or each program waits a second at its end
	env.Setenv("TORCH", torch)
	env.Setenv("ANCHOR", os.Getenv("JOULE_ANCHOR")) // the file of joule import uvadlc
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		env.Setenv("GOCOVERDIR", dir)
	}
}

// conditions tells scripts what can be had here.
func conditions(t *testing.T) func(cond string) (bool, error) {
	// haveMNIST fetches MNIST, once, unless it is there or tests are to be
	// short.
	haveMNIST := sync.OnceValue(func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		_, err := dataset.Fetch(ctx, "mnist", dataset.Options{Offline: testing.Short()})
		if err != nil {
			t.Logf("scripts that need MNIST are skipped: %v", err)
		}
		return err == nil
	})
	return func(cond string) (bool, error) {
		switch cond {
		case "anchor":
			return os.Getenv("JOULE_ANCHOR") != "", nil
		case "mnist":
			return haveMNIST(), nil
		case "root": // permissions do not stop this user
			return runtime.GOOS == "windows" || os.Geteuid() == 0, nil
		}
		return false, fmt.Errorf("unknown condition %q", cond)
	}
}

// code runs a program and checks its exit code: code 2 joule train --bogus.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// glob checks that files of a pattern are there: glob runs/*/curves.png.
func glob(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: glob pattern")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if neg != (len(found) == 0) {
		ts.Fatalf("%s: found %v", args[0], found)
	}
}

// signalAt runs a program and sends it signals, INT as Ctrl-C does, TERM, HUP or
// KILL, once it has printed a text to stderr: signal TERM,TERM text joule train.
// It checks that the program ends as it should. What it printed goes to the
// files signal.stdout and signal.stderr.
func signalAt(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": os.Kill}
	if neg || len(args) < 3 {
		ts.Fatalf("usage: signal INT[,TERM...] text program [args]")
	}
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if candidate := filepath.Join(dir, args[2]); path == "" {
			if _, err := os.Stat(candidate); err == nil {
				path = candidate
			}
		}
	}
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "PWD="+cmd.Dir)
	// The variable is the tests'; the program refuses those it does not know.
	cmd.Env = slices.DeleteFunc(cmd.Env, func(line string) bool { return strings.HasPrefix(line, "JOULE_ANCHOR=") })
	for _, name := range []string{"HOME", "PATH", "XDG_CACHE_HOME", "NO_COLOR", "GORACE", synthetic} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var stdout bytes.Buffer
	stderr := &watched{text: []byte(args[1]), seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case <-stderr.seen:
		for name := range strings.SplitSeq(args[0], ",") {
			ts.Check(cmd.Process.Signal(signals[name]))
		}
		err = <-done
	case err = <-done:
	}
	ts.Check(os.WriteFile(ts.MkAbs("signal.stdout"), stdout.Bytes(), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("signal.stderr"), stderr.Bytes(), 0o666))
	want := exitInterrupted
	if args[0] == "KILL" {
		want = -1 // as os/exec reports a process that a signal ended
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("ended with %v, want exit code %d\n%s", err, want, stderr.Bytes())
	}
}

// A watched buffer tells when a text has been written to it.
type watched struct {
	mu   sync.Mutex
	b    bytes.Buffer
	text []byte
	seen chan struct{}
	once sync.Once
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.b.Write(p)
	if bytes.Contains(w.b.Bytes(), w.text) {
		w.once.Do(func() { close(w.seen) })
	}
	return n, err
}

func (w *watched) Bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.b.Bytes())
}

// pngText prints the texts of a PNG file, for stdout and cmp.
func pngText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pngtext file.png")
	}
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	texts, err := grid.ReadText(f)
	ts.Check(err)
	for _, t := range texts {
		fmt.Fprintf(ts.Stdout(), "%s=%s\n", t.Key, t.Value)
	}
}

// setText gives a PNG file another value of a text, or takes all texts away:
// settext file.png [key value].
func setText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 {
		ts.Fatalf("usage: settext file.png [key value]")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	texts, err := grid.ReadText(bytes.NewReader(data))
	ts.Check(err)
	m, err := png.Decode(bytes.NewReader(data))
	ts.Check(err)
	if len(args) == 1 {
		texts = nil
	} else {
		i := slices.IndexFunc(texts, func(t grid.Text) bool { return t.Key == args[1] })
		if i < 0 {
			i, texts = len(texts), append(texts, grid.Text{Key: args[1]})
		}
		texts[i].Value = strings.ReplaceAll(args[2], "ESC", "\x1b")
	}
	ts.Check(grid.WritePNG(path, m, texts))
}

// samePixels compares two PNG files apart from their texts.
func samePixels(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: samepixels a.png b.png")
	}
	var pictures [2]image.Image
	for i := range pictures {
		data, err := os.ReadFile(ts.MkAbs(args[i]))
		ts.Check(err)
		pictures[i], err = png.Decode(bytes.NewReader(data))
		ts.Check(err)
	}
	if reflect.DeepEqual(pictures[0], pictures[1]) == neg {
		ts.Fatalf("%s and %s: the same pixels, %v", args[0], args[1], neg)
	}
}

// npyShape prints the shape and the number of bytes of the values of a file of
// NumPy's, and the least and the largest value.
func npyShape(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: npyshape file.npy")
	}
	data := []byte(ts.ReadFile(args[0]))
	end := bytes.IndexByte(data, '\n') + 1
	lo, hi := float32(math.Inf(1)), float32(math.Inf(-1))
	for b := data[end:]; len(b) >= 4; b = b[4:] {
		v := math.Float32frombits(binary.LittleEndian.Uint32(b))
		lo, hi = min(lo, v), max(hi, v)
	}
	fmt.Fprintf(ts.Stdout(), "%s%d bytes from %v to %v\n", data[10:end], len(data)-end, lo, hi)
}

// shorten cuts a file to half its length.
func shorten(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shorten file")
	}
	path := ts.MkAbs(args[0])
	st, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, st.Size()/2))
}

// flip changes the nth last byte of a file: flip n file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip n file")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	data := []byte(ts.ReadFile(args[1]))
	data[len(data)-n] ^= 0x10
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o666))
}

// strip writes a model's tensors as PyTorch's save_file does, within a module
// and without metadata: strip model.safetensors weights.safetensors.
func strip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: strip model weights")
	}
	f, err := checkpoint.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	f.Metadata = nil
	for i := range f.Tensors {
		f.Tensors[i].Name = "cnn." + f.Tensors[i].Name
	}
	ts.Check(checkpoint.Write(ts.MkAbs(args[1]), f))
}

// columns prints the first so many columns of a CSV file: columns 3 file.csv.
func columns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: columns N file.csv")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		fmt.Fprintln(ts.Stdout(), strings.Join(cells[:min(n, len(cells))], ","))
	}
}
