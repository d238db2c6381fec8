package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule/pretrained"
)

// TestMemory: a command that will take more memory than there is says so before
// it begins, and what to change.
func TestMemory(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.png")
	model := pretrained.Models()[0].Name
	for _, c := range []struct {
		command string
		free    int64
		want    string // none where it is to go on
	}{
		{"train --epochs 1000000 --set buffer.size=1000000", 100e6, "576.0 MB of it for the replay buffer, and 100.0 MB are available\nhint: set buffer.size=125000, with which it takes "},
		{"train --epochs 1000000 --set buffer.size=100000 --threads 2", 35e6, "hint: set buffer.precision=uint8, with which it takes 2"},
		{"train --epochs 1000000 --set buffer.size=40000 --threads 2", 30e6, "hint: set buffer.precision=float16, with which it takes "},
		{"train --set network.hidden_features=512 --batch-size 8", 100e6, "for the network and its optimizer, and 100.0 MB are available\nhint: make network.hidden_features smaller"},
		{"train --batch-size 4096 --threads 400 --set guard.retries=0", 100e6, "for the activations of the network, and 100.0 MB are available\nhint: make network.hidden_features or"},
		{"train --epochs 1000000 --batch-size 4096 --set guard.every_n_steps=500", 100e6, "for the states that the guard keeps, and 100.0 MB are available\nhint: make guard.every_n_steps smaller"},
		{"train --epochs 1 --limit-train-batches 1 --limit-val-batches 1 --set buffer.size=1000000", 100e6, ""}, // which takes what it fills
		{"sample " + model + " -n 10000 -o " + out, 1e6, "hint: draw fewer images with -n"},
		{"sample " + model + " -n 200 --gif x.gif -o " + out, 3e6, "leave out --filmstrip"},
		{"sample " + model + " -n 1 --threads 1 -o " + out, 1, "hint: take fewer --threads"},
		{"sample " + model + " -n 1 --steps 1 --threads 1 -o " + out, 10e6, ""},
	} {
		a, _, stderr := testApp("JOULE_RUN_DIR=" + t.TempDir())
		a.memory = func() (int64, bool) { return c.free, true }
		code := a.run(strings.Fields(c.command))
		if want := map[bool]int{true: 0, false: exitMemory}[c.want == ""]; code != want || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("joule %s: exit code %d\n%s", c.command, code, stderr)
		}
	}
}
