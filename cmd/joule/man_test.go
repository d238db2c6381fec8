package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/spf13/cobra"
)

// plainRoff takes the escapes and requests out of a page.
func plainRoff(page string) string {
	var lines []string
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, ".") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.NewReplacer(`\fB`, "", `\fI`, "", `\fR`, "", `\-`, "-", `\(aq`, "'", `\(ga`, "`", `\(ha`, "^", `\(ti`, "~", `\e`, `\`, `\&`, "").
		Replace(strings.Join(lines, "\n"))
}

// manPages has the program write its pages to dir, and reads them.
func manPages(t *testing.T, dir string) (a *app, pages map[string]string) {
	t.Helper()
	a, _, stderr := testApp()
	if code := a.run([]string{"man", "--dir", dir}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	pages = map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pages[e.Name()] = string(data)
	}
	return a, pages
}

// TestMan: each command has a page, which says all that its help says.
func TestMan(t *testing.T) {
	a, pages := manPages(t, t.TempDir())
	commands := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		commands++
		checkPage(t, cmd, pages)
		for _, sub := range cmd.Commands() {
			if !sub.Hidden && sub.Name() != "help" {
				visit(sub)
			}
		}
	}
	visit(a.rootCommand())
	if commands != len(pages) || commands < 15 {
		t.Errorf("%d pages for %d commands", len(pages), commands)
	}
	train := plainRoff(pages["joule-train.1"])
	c := joule.DefaultConfig()
	for _, s := range c.Settings() {
		if !strings.Contains(train, s.Key+"="+s.String()+" ("+s.Env()+")\n"+s.About) {
			t.Errorf("joule-train.1 does not tell of %s", s.Key)
		}
	}
	for _, want := range []string{"--print-config\n", "--resume string\n", "(default runs)"} {
		if !strings.Contains(train, want) {
			t.Errorf("joule-train.1 does not tell of %q", want)
		}
	}
}

// checkPage looks for a command's help in its page.
func checkPage(t *testing.T, cmd *cobra.Command, pages map[string]string) {
	t.Helper()
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	page, ok := pages[name+".1"]
	if !ok {
		t.Errorf("%s has no page", cmd.CommandPath())
	}
	text := plainRoff(page)
	for _, part := range []string{cmd.Long, cmd.Example} {
		for line := range strings.Lines(part) {
			if line := strings.TrimSpace(line); !strings.Contains(text, line) {
				t.Errorf("%s: not in its page: %q", name, line)
			}
		}
	}
	if !strings.HasPrefix(page, ".TH ") || !strings.Contains(page, "\n.SH SEE ALSO\n") {
		t.Errorf("%s:\n%s", name, page)
	}
}

// TestMandoc asks mandoc for faults of the pages, and for what a reader sees.
func TestMandoc(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("mandoc is not installed")
	}
	dir := t.TempDir()
	_, pages := manPages(t, dir)
	for name := range pages {
		out, _ := exec.Command(mandoc, "-T", "lint", "-W", "warning", filepath.Join(dir, name)).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "missing date") { // a page of a build has none
				t.Errorf("%s", line)
			}
		}
	}
	out, err := exec.Command(mandoc, "-T", "utf8", "-O", "width=200", filepath.Join(dir, "joule-train.1")).Output()
	if err != nil || !bytes.Contains(out, []byte("runs/<name>/version_N")) || !bytes.Contains(out, []byte("within ± this")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", ".inf for no clip": `\&.inf for no clip`, "'quoted' it's": `\(aqquoted\(aq it\(aqs`,
		`a\b --x ~/y ^z`: `a\eb \-\-x \(ti/y \(haz`, "": "",
	} {
		if got := roffLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var b bytes.Buffer
	roffText(&b, "One\ntwo.\n\nThree:\n  a\n\n  .b\n\nFour.\n  c")
	want := "One\ntwo.\n.PP\nThree:\n.PP\n.nf\n.RS\na\n.sp\n\\&.b\n.RE\n.fi\n.PP\nFour.\n.PP\n.nf\n.RS\nc\n.RE\n.fi\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
