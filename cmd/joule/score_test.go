package main

import (
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/rogpeppe/go-internal/testscript"
)

// rising checks that the numbers of a column of a CSV file never fall:
// rising file.csv 1.
func rising(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: rising file.csv column")
	}
	column, err := strconv.Atoi(args[1])
	ts.Check(err)
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	if len(rows) < 3 {
		ts.Fatalf("%d rows", len(rows))
	}
	falls := 0
	last := 0.0
	for i, row := range rows[1:] {
		v, err := strconv.ParseFloat(row[column], 64)
		ts.Check(err)
		if i > 0 && v < last {
			falls++
		}
		last = v
	}
	if (falls > 0) != neg {
		ts.Fatalf("column %d falls %d times", column, falls)
	}
}

// TestScoreWithoutValidation scores with a model that was never validated, and
// so gives no ranks.
func TestScoreWithoutValidation(t *testing.T) {
	cfg := joule.DefaultConfig()
	cfg.Network.HiddenFeatures, cfg.Buffer.Size = 4, 64
	train, val, err := openSynthetic(t.Context(), "mnist", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(cfg, train, val)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	model, picture := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "new\nline.png")
	if err := trainer.Model().Save(model); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(picture)
	if err != nil {
		t.Skip("no such names here:", err)
	}
	if err := png.Encode(f, bar(12, 12, 3, true)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, test := range []struct{ flag, want string }{
		{"--json", `"rank":null,"held_out":0}` + "\n"},
		{"--csv", ",,\n"},
		{"--sort", "–"},
	} {
		a, stdout, stderr := testApp()
		if code := a.run([]string{"score", test.flag, model, picture}); code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if !strings.Contains(stdout.String(), test.want) {
			t.Errorf("%s: %q", test.flag, stdout)
		}
		if test.flag == "--sort" && strings.Count(stdout.String(), "\n") != 2 {
			t.Errorf("a row of several lines: %q", stdout)
		}
	}
}

// TestScoreNotFinite scores with a model that has gone wrong: what is no number
// is told, not printed.
func TestScoreNotFinite(t *testing.T) {
	cfg := joule.DefaultConfig()
	cfg.Network.HiddenFeatures, cfg.Buffer.Size = 4, 64
	train, val, err := openSynthetic(t.Context(), "mnist", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(cfg, train, val)
	if err != nil {
		t.Fatal(err)
	}
	m := trainer.Model()
	tensors := m.Tensors()
	tensors[len(tensors)-1].Data.([]float32)[0] = float32(math.NaN())
	dir := t.TempDir()
	model, picture := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "a.png")
	if err := m.Save(model); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(picture)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, bar(12, 12, 3, true)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	a, stdout, stderr := testApp()
	if code := a.run([]string{"score", "--json", model, picture}); code != exitFailure || stdout.Len() > 0 || !strings.Contains(stderr.String(), "a.png: its energy is not finite\n") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
}

// TestScoreRawPath scores a file whose name is not UTF-8: what is printed opens
// it again.
func TestScoreRawPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b\xff.png")
	f, err := os.Create(path)
	if err != nil {
		t.Skip("no such names here:", err)
	}
	if err := png.Encode(f, bar(12, 12, 3, true)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	good := filepath.Join(t.TempDir(), "é.png")
	if err := os.Link(path, good); err != nil {
		t.Fatal(err)
	}
	a, stdout, stderr := testApp()
	if code := a.run([]string{"score", "--json", "--model", "mnist", path, good}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	lines := strings.Split(stdout.String(), "\n")
	var raw struct {
		Bytes []byte `json:"path_base64"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &raw); err != nil || string(raw.Bytes) != path || strings.Contains(lines[1], "base64") {
		t.Errorf("%q, %v in %q", raw.Bytes, err, lines)
	}
	var shown struct {
		Bytes []byte `json:"file_base64"`
	}
	a, stdout, _ = testApp()
	if a.run([]string{"show", "--json", path}); json.Unmarshal(stdout.Bytes(), &shown) != nil || string(shown.Bytes) != path {
		t.Errorf("shown: %s", stdout)
	}
	a, stdout, _ = testApp()
	a.run([]string{"score", "--csv", "--model", "mnist", path, good})
	rows, err := csv.NewReader(stdout).ReadAll()
	if err != nil || len(rows) != 3 || !utf8.ValidString(rows[1][0]) || rows[2][0] != good || rows[2][4] != "" {
		t.Fatalf("%q, %v", rows, err)
	}
	if b, err := base64.StdEncoding.DecodeString(rows[1][4]); err != nil || string(b) != path {
		t.Errorf("%q, %v", b, err)
	}
}
