package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange"
	"github.com/joule-ml/joule/grid"
	"github.com/joule-ml/joule/pretrained"
)

// hostile is text that sets a terminal's title, in the old and the new way, turns
// the text around, begins a line and is no UTF-8.
const hostile = "a\x1b]0;owned\x07\u009b2J\u202eb\x7f\nc\xff"

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "runs/a b": "runs/a b", "é × − 日本 🙂": "é × − 日本 🙂", `a\b"c"`: `a\b"c"`,
		hostile: `a\x1b]0;owned\a\u009b2J\u202eb\x7f\nc\xff`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// TestTextWriter: however the text is cut, the same comes out.
func TestTextWriter(t *testing.T) {
	text := "é🙂\u009b\x1b[1m\t−\n\U000e0001"
	for _, c := range []struct {
		escape func([]byte, rune, string) []byte
		want   string
	}{
		{appendVisible, `é🙂\u009b\x1b[1m` + "\t−\n" + `\U000e0001`},
		{appendJSON, `é🙂\u009b\u001b[1m` + "\t−\n" + `\udb40\udc01`},
	} {
		for size := 1; size <= len(text); size++ {
			var b bytes.Buffer
			w := &textWriter{w: &b, escape: c.escape}
			for part := range slices.Chunk([]byte(text), size) {
				if n, err := w.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			if b.String() != c.want {
				t.Errorf("in parts of %d: %q, want %q", size, b.String(), c.want)
			}
		}
	}
	if got := string(visibleLines([]byte("\x1b[1ma\x1b[0m\x1b[2Jb\x1b["), true, appendVisible)); got != "\x1b[1ma\x1b[0m"+`\x1b[2Jb\x1b[` {
		t.Errorf("with colours: %q", got)
	}
}

// hostileFiles makes files whose names and contents are hostile, in a new working
// folder, and a run under hostile names.
func hostileFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	m, err := pretrained.Load("mnist")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save("good.safetensors"); err != nil {
		t.Fatal(err)
	}
	change := func(path string, change func(f *checkpoint.File)) {
		f, err := checkpoint.Read("good.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		change(f)
		if err := checkpoint.Write(path, f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(strings.ToValidUTF8(hostile, "?"))
	if err != nil {
		t.Fatal(err)
	}
	change("layer", func(f *checkpoint.File) {
		f.Metadata["spec"] = `{"Input":{"C":1,"H":4,"W":4},"Prefix":"p","Layers":[{"Type":` + string(text) + `}]}`
	})
	change("origin", func(f *checkpoint.File) {
		f.Metadata["origin"] = `{"name":` + string(text) + `,"title":` + string(text) + `,"notice":` + string(text) + `}`
	})
	change("data", func(f *checkpoint.File) {
		f.Metadata["config"] = strings.Replace(f.Metadata["config"], "data: mnist", `data: "\e]0;owned\a"`, 1)
	})
	change(hostile, func(*checkpoint.File) {})
	for name, header := range map[string]string{
		"number": `{"w":` + string(text) + `}`, "shape": `{"w":{"dtype":"F32","shape":[` + string(text) + `],"data_offsets":[0,0]}}`,
	} {
		raw := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...)
		if err := os.WriteFile(name, raw, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	image := grid.Make(make([]float32, 28*28), 1, 1, 28, 28, grid.DefaultOptions())
	for _, path := range []string{"picture.png", "pictures/" + hostile + ".png", "pictures/=1+1.png"} {
		if err := os.MkdirAll("pictures", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := grid.WritePNG(path, image, []grid.Text{{Key: "joule:model", Value: "x\x1b[2J"}, {Key: "joule:path", Value: "x\u009b"}}); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		hostile + ".yaml": "epochs: x\n", "bad.yaml": "data: \"\\e]0;owned\\a\"\n", "report.json": `{"` + hostile, "pictures/" + hostile + ".jpg": "none",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	hostileRun(t)
}

// hostileRun leaves a run of such a name and with such files.
func hostileRun(t *testing.T) {
	t.Helper()
	dir := filepath.Join("runs", hostile, "version_0")
	if err := os.MkdirAll(filepath.Join(dir, "checkpoints"), 0o777); err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile("good.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), model, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{hostile, "config.yaml", "metrics.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("epoch,step,"+hostile+"\n1,2,3\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostile: whatever files hold and are called, no command sends a terminal
// anything but lines of text.
func TestHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files cannot have such names here")
	}
	hostileFiles(t)
	sample := []string{"-n", "1", "--steps", "1", "--no-draw", "-o"}
	for _, args := range [][]string{
		append([]string{"sample", "good.safetensors"}, append(sample, hostile+".png")...),
		append([]string{"sample", hostile}, append(sample, "a.png")...),
		append([]string{"sample", "runs/" + hostile}, append(sample, "b.png")...),
		{"sample", "number"}, {"sample", "shape"}, {"sample", "layer"}, {"sample", "data"}, {"sample", "none" + hostile},
		{"sample", "--replay", "picture.png"}, {"sample", "-o", "none/" + hostile}, {"sample", "--format", hostile},
		{"export", "layer", "-o", "x.safetensors"}, {"export", "good.safetensors", "-o", hostile + ".onnx"}, {"export", "good.safetensors", "--format", "hf", "-o", hostile + "hub"},
		{"import", "origin", "-o", "y.safetensors"}, {"import", "number", "-o", "z.safetensors"}, {"import", "origin", "-o", hostile + ".safetensors"},
		{"score", "--model", "mnist", "pictures"}, {"score", "--model", "mnist", "--csv", "pictures"}, {"score", "--model", "mnist", "--json", "pictures"},
		{"score", "--model", "mnist", "pictures/" + hostile + ".png", "none" + hostile},
		{"show", "picture.png"}, {"show", "--json", "picture.png"}, {"show", "pictures/" + hostile + ".png"},
		{"train", "--offline", "--config", hostile + ".yaml"}, {"train", "--config", "bad.yaml"}, {"train", "--set", hostile + "=1"}, {"train", "--data", "./" + hostile},
		{"train", "--resume", "data"}, {"train", "--resume", "runs/" + hostile}, {"train", "--name", hostile}, {"train", "--recipe", hostile},
		{"eval", "compare", "report.json", hostile + "=mnist", "mnist"}, {"eval", "--suite", hostile, "good.safetensors"},
		{"runs", "list"}, {"runs", "list", "--json"}, {"runs", "show", hostile}, {"runs", "show", "--json", hostile}, {"runs", "show", "none" + hostile},
		{"runs", "compare", "runs/" + hostile, "runs/" + hostile + "/version_0"}, {"runs", "rm", hostile + "/version_0"}, {"runs", "rm", "--yes", hostile + "/version_0"},
		{"data", "verify", "./pictures"}, {"data", "verify", hostile}, {hostile}, {"--" + hostile}, {"models", "show", hostile}, {"man", "--dir", "report.json/" + hostile},
		{"__complete", "sample", "runs/"}, {"__complete", "runs", "show", ""},
	} {
		a, stdout, stderr := testApp(synthetic+"=1", "JOULE_RUN_DIR=")
		a.published = exchange.FindPublished
		a.run(args)
		for _, text := range []string{stdout.String(), stderr.String()} {
			bad := strings.ContainsFunc(text, func(r rune) bool { return hidden(r) && r != '\n' && r != '\t' })
			forged := strings.Contains(text, "\nc") && !slices.Contains(args, "--csv") // which has it in quotes
			if bad || forged || !utf8.ValidString(text) {
				t.Errorf("joule %q prints %q", args, text)
			}
		}
	}
}
