package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// readmeScript is a script of the example of every subcommand in README.md's
// table, in that order. It misses no subcommand.
func readmeScript(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `joule (\\w+)` \\| .+ \\| `(joule .+)` \\|$")
	var script strings.Builder
	script.WriteString(`env SYNTHETIC=28
env JOULE_SAMPLER_STEPS=2
env JOULE_GENERATE_STEPS=4
env JOULE_FILMSTRIP_STEPS=8
env JOULE_BUFFER_SIZE=100
env JOULE_OUTLIERS_IMAGES=16
env JOULE_LIMIT_TRAIN_BATCHES=2
env JOULE_HOLDOUT=0
env JOULE_EPOCHS=1
env JOULE_NETWORK_HIDDEN_FEATURES=4
pictures photos 12 16x16 gray png
exec joule train --name first
exec joule train --name second
exec joule train
exec joule sample
`)
	shown := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		if !strings.HasPrefix(m[2], "joule "+m[1]) {
			t.Errorf("the example of joule %s is %s", m[1], m[2])
		}
		if testing.Short() && (m[1] == "bench" || m[1] == "eval") {
			continue
		}
		shown[m[1]] = true
		if m[1] == "reproduce" { // other weights, of such a short training
			fmt.Fprintf(&script, "code 1 %s\n", m[2])
			continue
		}
		fmt.Fprintf(&script, "exec %s\n", m[2])
	}
	if !testing.Short() {
		script.WriteString("exists report/report.html\n")
	}
	for _, file := range []string{"samples.png", "chains.png", "chains.gif", "weights.safetensors", "imported.safetensors", "curves.png", "man1/joule-train.1"} {
		fmt.Fprintf(&script, "exists %s\n", file)
	}
	for _, c := range newApp().rootCommand().Commands() {
		if !c.Hidden && !shown[c.Name()] && !testing.Short() && c.Name() != "help" {
			t.Errorf("README.md's table has no joule %s", c.Name())
		}
	}
	return script.String()
}

// TestReadme runs README.md's examples on made-up images.
func TestReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "readme.txtar")
	if err := os.WriteFile(path, []byte(readmeScript(t)), 0o666); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{path}, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pictures": pictures, "code": code},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("JOULE_KERNEL", os.Getenv("JOULE_KERNEL")) // the kernels that are tested
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("LocalAppData", filepath.Join(env.WorkDir, ".cache"))
			return nil
		},
	})
}
