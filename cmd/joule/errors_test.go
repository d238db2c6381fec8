package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const errorsPage = "../../docs/errors.md"

// TestErrorsPage: docs/errors.md has the errors that the code can give.
//
//	go test ./cmd/joule -run TestErrorsPage -update
func TestErrorsPage(t *testing.T) {
	want := pageOfErrors(t)
	if *update {
		if err := os.WriteFile(errorsPage, want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorsPage)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/errors.md is not what the code says (%v); go test ./cmd/joule -run TestErrorsPage -update writes it", err)
	}
	if n := bytes.Count(want, []byte("\n| ")); n < 300 {
		t.Errorf("only %d errors are found", n)
	}
}

// pageOfErrors writes docs/errors.md.
func pageOfErrors(t *testing.T) []byte {
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# Errors

An error is a line on the fault and, where something can be done, a line that begins with ` + "`hint:`" + `. This page lists them
by the package that they come from. An ellipsis stands for names, numbers and what else depends on the case.
It is written from the code by ` + "`go test ./cmd/joule -run TestErrorsPage -update`" + `.

## Exit codes

| code | means |
|---|---|
`)
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.means)
	}
	dir := ""
	for _, r := range remedies(t) {
		if r.hint == "" || r.hint == ellipsis {
			continue
		}
		if r.dir != dir {
			dir = r.dir
			name := dir
			if name == "." {
				name = "joule"
			}
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| error | what to do |\n|---|---|\n", name, strings.NewReplacer("[", "", "]", "").Replace(all[dir].about))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", asMarkdown(r.fault), asMarkdown(r.hint))
	}
	return b.Bytes()
}

// asMarkdown writes text so that Markdown shows it as it is.
func asMarkdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

// silent are errors of programs, which no user can do anything about.
var silent = map[string]string{
	"checkpoint": "of writing what cannot be a file",
	"classify":   "of training a classifier, which only tools do",
	"judge":      "of figures that are computed of the wrong things",
	"metric":     "of writing columns that cannot be",
	"picture":    "of showing what is no picture",
}

// TestNoErrorWithoutRemedy: a user is never left alone with an error of ours.
func TestNoErrorWithoutRemedy(t *testing.T) {
	for _, r := range remedies(t) {
		if _, of := silent[r.dir]; r.hint == "" && r.fault != ellipsis && !of {
			t.Errorf("%v: %q has no remedy", r.at, r.fault)
		}
	}
}

// known is what hints may name.
type known struct {
	root     *cobra.Command
	settings []string
	env      []string
}

var (
	wordFlag    = regexp.MustCompile(`(?:^|[^-\pL\pN])--([a-z][a-z0-9-]*)`)
	letterFlag  = regexp.MustCompile(`(?:^|[ (])-([a-zA-Z])\b`)
	wordCommand = regexp.MustCompile(`\bjoule ([a-z]+)(?: ([a-z]+))?`)
	wordKey     = regexp.MustCompile(`\b([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)\b`)
	setKey      = regexp.MustCompile(`\bset ([a-z][a-z0-9_.]*)=`)
	wordEnv     = regexp.MustCompile(`\bJOULE_[A-Z0-9_]+`)
	wordPage    = regexp.MustCompile(`\bdocs/[a-z/]+\.md`)
	fileName    = regexp.MustCompile(`\.(safetensors|png|jpg|jpeg|jpe|jfif|gif|webp|bmp|tiff|npy|onnx|ckpt|pt|pth|yaml|json|csv|html|md|gz|zip|save|load|co|com|org)$`)
)

// TestHintsAreTrue: a hint names only flags, commands, settings, variables and
// pages that there are.
func TestHintsAreTrue(t *testing.T) {
	a, _, _ := testApp()
	k := known{root: a.rootCommand(), env: otherEnv()}
	c := joule.DefaultConfig()
	for _, s := range c.Settings() {
		k.settings = append(k.settings, s.Key)
		k.env = append(k.env, s.Env())
	}
	for _, r := range remedies(t) {
		for _, wrong := range k.wrong(r.hint) {
			t.Errorf("%v: the hint %q names %s, which is not there", r.at, r.hint, wrong)
		}
	}
	for hint, want := range map[string]string{
		"give --frobnicate": "--frobnicate", "joule frob makes one": "joule frob", "joule sample --epochs 3": "--epochs", "set sampler.stepz=3": "sampler.stepz",
		"set JOULE_EPOCHZ": "JOULE_EPOCHZ", "see docs/nothing.md": "docs/nothing.md", "with -q": "-q",
		"joule train --epochs, sampler.steps, joule sample -o x.png, JOULE_SEED, docs/limits.md, joule runs list shows": "",
	} {
		if got := strings.Join(k.wrong(hint), " "); got != want {
			t.Errorf("%q: %q, want %q", hint, got, want)
		}
	}
}

// wrong lists what a hint names and is not there.
func (k known) wrong(hint string) (list []string) {
	var named []*cobra.Command // the flags are of one of these
	for _, m := range wordCommand.FindAllStringSubmatch(hint, -1) {
		found, _, err := k.root.Find(m[1:2])
		if err != nil || found == k.root {
			list = append(list, "joule "+m[1])
			continue
		}
		if sub, _, err := k.root.Find(m[1:]); err == nil && m[2] != "" {
			found = sub
		}
		named = append(named, found)
	}
	if named == nil {
		named = []*cobra.Command{k.root}
	}
	for _, m := range wordFlag.FindAllStringSubmatch(hint, -1) {
		if !anyFlag(named, func(f *pflag.Flag) bool { return f.Name == m[1] }) {
			list = append(list, "--"+m[1])
		}
	}
	for _, m := range letterFlag.FindAllStringSubmatch(hint, -1) {
		if !anyFlag(named, func(f *pflag.Flag) bool { return f.Shorthand == m[1] }) {
			list = append(list, "-"+m[1])
		}
	}
	for _, at := range append(wordKey.FindAllStringSubmatchIndex(hint, -1), setKey.FindAllStringSubmatchIndex(hint, -1)...) {
		key, rest := hint[at[2]:at[3]], hint[at[3]:]
		python := strings.HasPrefix(rest, "(") || strings.HasPrefix(rest, ".") && len(rest) > 1
		if !python && !slices.Contains(k.settings, key) && !fileName.MatchString(key) && !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	for _, name := range wordEnv.FindAllString(hint, -1) {
		if !slices.Contains(k.env, name) {
			list = append(list, name)
		}
	}
	for _, page := range wordPage.FindAllString(hint, -1) {
		if _, err := os.Stat("../../" + page); err != nil {
			list = append(list, page)
		}
	}
	return list
}

// anyFlag tells whether one of the commands, or of those below them, has such a
// flag.
func anyFlag(list []*cobra.Command, is func(f *pflag.Flag) bool) bool {
	return slices.ContainsFunc(list, func(cmd *cobra.Command) bool {
		found := is(&pflag.Flag{Name: "help", Shorthand: "h"})
		cmd.Flags().VisitAll(func(f *pflag.Flag) { found = found || is(f) })
		return found || anyFlag(cmd.Commands(), is)
	})
}
