package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/record"
	"github.com/joule-ml/joule/run"
)

// TestRunsInTraining: a run that a process trains in is shown as running, and
// cannot be removed.
func TestRunsInTraining(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("there are no locks here")
	}
	dir := t.TempDir()
	cfg := joule.DefaultConfig()
	cfg.Network.HiddenFeatures, cfg.Sampler.Steps, cfg.Epochs, cfg.Generate.EveryNEpochs = 2, 1, 1, 0
	train, test, err := openSynthetic(t.Context(), "mnist", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(cfg, train, test)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(dir, "mnist")
	if err != nil {
		t.Fatal(err)
	}
	looked := false
	err = record.Fit(t.Context(), folder, trainer, joule.Callback{Epoch: func(joule.EpochInfo) error {
		looked = true
		a, stdout, stderr := testApp("JOULE_RUN_DIR=" + dir)
		if code := a.run([]string{"runs", "list"}); code != 0 || !strings.Contains(stdout.String(), " running  mnist  1/1 ") {
			t.Errorf("list: %d, %s%s", code, stdout, stderr)
		}
		a, _, stderr = testApp("JOULE_RUN_DIR=" + dir)
		if code := a.run([]string{"runs", "rm", "--yes", "mnist/version_0"}); code != 1 || !strings.Contains(stderr.String(), "a process is training in this folder") {
			t.Errorf("rm: %d, %s", code, stderr)
		}
		return nil
	}})
	if err != nil || !looked {
		t.Fatal(err)
	}
	if i := folder.Info(); i.State != run.Finished {
		t.Errorf("afterwards it is %s", i.State)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{1.5: "1.5", math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`, 1e300: "1e+300"} {
		if got, err := number(v).MarshalJSON(); err != nil || string(got) != want {
			t.Errorf("%g: %s, %v", v, got, err)
		}
	}
	if got, err := number(math.NaN()).MarshalJSON(); err != nil || string(got) != "null" {
		t.Errorf("NaN: %s, %v", got, err)
	}
}

func TestRunTexts(t *testing.T) {
	for v, want := range map[float64]string{0.00012345678: "0.00012346", 12345.6: "12,346", -9999.4: "-9999.4", math.Inf(1): "+Inf", 1e20: "1e+20"} {
		if got := metricText(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
	if got := metricText(math.NaN()); got != unknown {
		t.Errorf("NaN: %s", got)
	}
	for v, want := range map[float64]string{-1: unknown, math.Inf(1): unknown, 38453.4: "38,453"} {
		if got := speedText(v); got != want {
			t.Errorf("speed %g: %s", v, got)
		}
	}
	for text, want := range map[string]string{"runs/a b": "runs/a b", "\x1b[2J": `\x1b[2J`, "é": "é"} {
		if got := printable(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
	folder := func(dir, name string, version int) *run.Info {
		return &run.Info{Run: &run.Run{Dir: dir}, Name: name, Version: version}
	}
	a, b, c := folder("r/a/version_0", "a", 0), folder("r/a/version_1", "a", 1), folder("s/a/version_1", "a", 1)
	for _, tt := range []struct {
		runs []*run.Info
		want string
	}{
		{[]*run.Info{a, b}, "version_0 version_1"},
		{[]*run.Info{a, folder("r/b/version_0", "b", 0)}, "a/version_0 b/version_0"},
		{[]*run.Info{b, c}, "r/a/version_1 s/a/version_1"},
	} {
		if got := strings.Join(runNames(tt.runs), " "); got != tt.want {
			t.Errorf("names %s, want %s", got, tt.want)
		}
	}
}

// TestDiscardUnused: a new run whose training fails at once leaves nothing behind;
// one with a checkpoint, or with somebody's file in it, stays.
func TestDiscardUnused(t *testing.T) {
	for _, c := range []struct {
		name, file string
		err        error
		stays      bool
	}{
		{"failed", "", errors.New("no space"), false},
		{"failed with settings", "config.yaml", errors.New("no space"), false},
		{"trained", "", nil, true},
		{"failed later", "checkpoints/last.safetensors", errors.New("diverged"), true},
		{"somebody's file", "notes.txt", errors.New("no space"), true},
	} {
		dir := t.TempDir()
		r, err := run.Create(dir, "a")
		if err != nil {
			t.Fatal(err)
		}
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(r.Dir, c.file), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		discardUnused(r, c.err)
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 != c.stays {
			t.Errorf("%s: %v, %v", c.name, left, err)
		}
	}
}
