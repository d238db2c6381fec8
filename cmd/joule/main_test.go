package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/judge"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/setting"
	"github.com/joule-ml/joule/tensorboard"
)

var update = flag.Bool("update", false, "write docs/errors.md")

// testApp returns an app that prints into buffers.
func testApp(environ ...string) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &app{
		stdout:  stdout,
		screen:  &screen{w: stderr, width: func() int { return 80 }},
		environ: environ,
		open:    openSynthetic,
	}, stdout, stderr
}

func TestReport(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		code int
		want string
	}{
		{nil, nil, 0, ""},
		{nil, errors.New("broken"), 1, "joule: broken\n"},
		{nil, &usageError{"what", "how"}, 2, "joule: what\nhint: how\n"},
		{nil, fmt.Errorf("wrapped: %w", &setting.Error{Place: "f.yaml:1:2", Key: "k", Problem: "p", Hint: "h"}), 2, "joule: wrapped: f.yaml:1:2: k: p\nhint: h\n"},
		{nil, &run.Error{Path: "runs", Fault: "f", Hint: "h"}, 1, "joule: runs: f\nhint: h\n"},
		{nil, &pathError{path: "a.png", fault: "f", hint: "h"}, 1, "joule: a.png: f\nhint: h\n"},
		{nil, &pathError{path: "a.png", fault: "f", err: &fs.PathError{Op: "open", Path: "a.png", Err: fs.ErrPermission}}, 1, "joule: a.png: f: permission denied\nhint: look at"},
		{nil, &fs.PathError{Op: "open", Path: "a.png", Err: syscall.EROFS}, 1, "hint: write to another disk"},
		{nil, &fs.PathError{Op: "write", Path: "a.png", Err: syscall.EDQUOT}, 1, "hint: free some space"},
		{nil, &joule.DivergedError{Seen: "E", Epoch: 1, Step: 2}, 3, "hint: "},
		{nil, errors.Join(&dataset.Error{File: "a", What: "b", Hint: "c"}, &dataset.Error{What: "d"}), 4, "joule: dataset: a: b; dataset: d\nhint: c\n"},
		{nil, &checkpoint.Error{Path: "m", Fault: "f", Hint: "h"}, 1, "joule: checkpoint: m: f\nhint: h\n"},
		{nil, &exchange.Error{Path: "m", Fault: "f", Hint: "h"}, 1, "joule: exchange: m: f\nhint: h\n"},
		{nil, &metric.Error{Path: "m", Fault: "f", Hint: "h"}, 1, "hint: h\n"},
		{nil, fmt.Errorf("x: %w", &atomicfile.Error{Path: "m", Err: os.ErrPermission, Hint: "h"}), 1, "joule: x: writing m: permission denied\nhint: h\n"},
		{nil, fmt.Errorf("x: %w", &judge.Error{Input: "samples", Fault: "f", Hint: "h"}), 1, "joule: x: judge: samples: f\nhint: h\n"},
		{nil, &run.Error{Path: "runs", Fault: "f", Err: &tensorboard.Error{Path: "e", Fault: "f", Hint: "h"}}, 1, "\nhint: h\n"},
		{nil, &run.Error{Path: "runs", Fault: "f", Hint: "outer", Err: &tensorboard.Error{Hint: "inner"}}, 1, "\nhint: outer\n"},
		{nil, errors.New("two\n\tlines"), 1, "joule: two; lines\n"},
		{nil, exit(7), 7, ""},
		{canceled, fmt.Errorf("x: %w", context.Canceled), 130, "joule: interrupted\n"},
		{nil, context.Canceled, 1, "joule: context canceled\n"},
	} {
		a, _, stderr := testApp()
		ctx := test.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		if code := a.report(ctx, test.err); code != test.code {
			t.Errorf("%v: exit code %d, want %d", test.err, code, test.code)
		}
		if got := stderr.String(); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%v: printed %q, want %q", test.err, got, test.want)
		}
	}
}

func TestSettingsOrder(t *testing.T) {
	file := t.TempDir() + "/joule.yaml"
	if err := os.WriteFile(file, []byte("epochs: 10\nbatch_size: 10\nseed: 10\ndata: fashion-mnist\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	folder := func(environ []string, args ...string) joule.Config {
		t.Helper()
		a, stdout, stderr := testApp(environ...)
		if code := a.run(append([]string{"train", "--print-config"}, args...)); code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		cfg, err := joule.ParseConfig("stdout", stdout.Bytes(), joule.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if got := folder(nil); !reflect.DeepEqual(got, joule.DefaultConfig()) {
		t.Errorf("defaults: %+v", got)
	}
	want := joule.DefaultConfig()
	want.Data, want.Epochs, want.BatchSize, want.Seed = "fashion-mnist", 10, 20, 30
	if got := folder([]string{"JOULE_BATCH_SIZE=20", "JOULE_SEED=20"}, "--config", file, "--seed", "30"); !reflect.DeepEqual(got, want) {
		t.Errorf("file, environment, flag: %+v", got)
	}
	if got := folder([]string{"JOULE_CONFIG=" + file, "JOULE_BATCH_SIZE=20"}, "--set=seed=30"); !reflect.DeepEqual(got, want) {
		t.Errorf("file by the environment: %+v", got)
	}
	// Flags and --set apply in the order in which they stand.
	if got := folder(nil, "--epochs=5", "--set", "epochs=6"); got.Epochs != 6 {
		t.Errorf("flag, then --set: %d epochs", got.Epochs)
	}
	if got := folder(nil, "--set", "epochs=6", "--epochs=5"); got.Epochs != 5 {
		t.Errorf("--set, then flag: %d epochs", got.Epochs)
	}
}

func TestFit(t *testing.T) {
	parts := []string{"épöch", "batch", "loss"}
	for _, test := range []struct {
		width   int
		want    string
		columns int
		all     bool
	}{
		{0, "", 0, false}, {-3, "", 0, false}, {3, "épö", 3, false}, {5, "épöch", 5, false}, {11, "épöch", 5, false},
		{12, "épöch  batch", 12, false}, {17, "épöch  batch", 12, false}, {18, "épöch  batch  loss", 18, true},
	} {
		got, columns, all := fit(parts, test.width)
		if got != test.want || columns != test.columns || all != test.all {
			t.Errorf("width %d: %q, %d, %v", test.width, got, columns, all)
		}
	}
}

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	s := &screen{w: &b, live: true, width: func() int { return 20 }}
	s.show([]string{"a long part", "another one"}, []string{"short", "one"})
	s.show([]string{"one", "two"}, nil)
	s.line("a line")
	s.line("and another")
	s.show([]string{"three"}, nil)
	s.clear()
	s.clear()
	want := "\rshort  one\x1b[K\rone  two\x1b[K\r\x1b[Ka line\nand another\n\rthree\x1b[K\r\x1b[K"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	b.Reset()
	s = &screen{w: &b, width: func() int { return 20 }}
	s.show([]string{"a long part", "another one"}, []string{"short"})
	if got := b.String(); got != "a long part  another one\n" {
		t.Errorf("without a live line: %q", got)
	}
	if !s.due() || s.due() {
		t.Error("progress is due twice in a row, or never")
	}
	for _, paint := range []bool{false, true} {
		s = &screen{w: &b, live: true, paint: paint, width: func() int { return 20 }}
		b.Reset()
		s.show([]string{"one", "two"}, nil)
		if got := strings.Contains(b.String()+string(s.strong("x")), bold); got != paint {
			t.Errorf("paint %v: %q", paint, b.String())
		}
	}
}

func TestProgressParts(t *testing.T) {
	p := newProgress(&screen{w: new(bytes.Buffer)}, joule.Config{Epochs: 3})
	s := joule.StepInfo{
		Epoch: 1, Batch: 9, Batches: 100, Step: 110, ImageGradients: 3840, Duration: 100 * time.Millisecond,
		Loss: -1.25, Figures: metric.Named(metric.Loss, metric.EnergyReal, metric.EnergyFake), Values: []float64{-1.25, 0.25, -0.5},
	}
	if err := p.step(s); err != nil {
		t.Fatal(err)
	}
	parts, short := p.parts(s)
	// 90 batches of this epoch and 100 of the last, at 0.1 s.
	want := "epoch 2/3  batch 10/100  ETA 19s  38,400 image-gradients/s  E(real) +0.2500  E(fake) -0.5000  loss -1.2500"
	if got := strings.Join(parts, "  "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, _, all := fit(short, 79); !all {
		t.Errorf("%q is too long for 80 columns", text)
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 59400 * time.Millisecond: "59s", 59600 * time.Millisecond: "1m00s", 3725 * time.Second: "1h02m", 100 * time.Hour: "100h00m"} {
		if got := durationText(d); got != want {
			t.Errorf("durationText(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9912422: "9.9 MB", 3e9: "3.0 GB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
	if runtime.GOOS != "windows" {
		for word, want := range map[string]string{
			"runs/mnist/version_0": "runs/mnist/version_0", "": "''", "a b": "'a b'", "it's": `'it'\''s'`,
			"$HOME": "'$HOME'", "~/x": "'~/x'", "epoch=1": "epoch=1", "é": "'é'", "a\nb'c": `$'a\nb\'c'`,
		} {
			if got := quote(word); got != want {
				t.Errorf("quote(%q) = %s, want %s", word, got, want)
			}
		}
	}
}

func TestResumeCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths are quoted in another way there")
	}
	defer func(name string) { os.Args[0] = name }(os.Args[0])
	os.Args[0] = "./my joule"
	f := &trainFlags{threads: 2, data: dataFlags{dir: "/data sets", offline: true}}
	got := resumeCommand(f, "my runs/mnist/version_0/checkpoints/last.safetensors")
	want := "'./my joule' train --resume 'my runs/mnist/version_0/checkpoints/last.safetensors' --data-dir '/data sets' --offline --threads 2"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f = &trainFlags{reproduce: []string{"reproduce", "mnist", "--no-eval"}, threads: 1}
	want = "'./my joule' reproduce mnist --no-eval --resume runs/mnist-best/version_0/checkpoints/last.safetensors --threads 1"
	if got := resumeCommand(f, "runs/mnist-best/version_0/checkpoints/last.safetensors"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	os.Args[0] = "/tmp/go-build123/b001/exe/joule"
	if got := commandName(); got != "joule" {
		t.Errorf("under go run: %s", got)
	}
}

func TestPeakMemory(t *testing.T) {
	switch runtime.GOOS {
	case "linux", "darwin":
		if m := peakMemory(); m < 1<<20 || m > 1<<40 {
			t.Errorf("%d bytes", m)
		}
	}
}

func TestSource(t *testing.T) {
	for source, want := range map[string]string{"https://example.com/a/b": "example.com", "/usr/share/x": "/usr/share/x", "m@v1": "m@v1", "": ""} {
		if got := sourceText(source); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

func TestFetching(t *testing.T) {
	a, _, stderr := testApp()
	fetched := false
	p := a.fetching(&fetched)
	p(dataset.Event{File: "f", Source: "https://one.example/f", Err: errors.New("dataset: https://one.example/f: no answer")})
	if fetched {
		t.Error("counted a failure as a download")
	}
	for done := range int64(3) {
		p(dataset.Event{File: "f", Source: "https://two.example/f", Done: done, Total: 3})
	}
	want := "one.example: no answer; looking elsewhere\nfetching f from two.example\n"
	if !fetched || stderr.String() != want {
		t.Errorf("%v, %q", fetched, stderr)
	}
}
