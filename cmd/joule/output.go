package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/run"
	"golang.org/x/term"
)

// An output is a file that a flag names.
type output struct {
	flag, path string
	dir        bool // a folder, which must be new or empty
}

// isStdout tells whether a path is standard output under another name.
func isStdout(path string) bool {
	t, err := atomicfile.Find(path)
	return err == nil && t.Stdout()
}

// writable finds out before the work whether the outputs can be written.
func (a *app) writable(outputs []output) error {
	for i, o := range outputs {
		switch {
		case o.path == "-" && o.flag != "-o":
			return &usageError{o.flag + " -: only -o can go to standard output", "name a file"}
		case o.path == "-" && o.dir:
			return &usageError{"-o -: a folder cannot go to standard output", "name a new folder"}
		case o.path == "-":
			if out, ok := a.stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
				return &usageError{"-o -: standard output is a terminal", "send it to a file or a program"}
			}
			continue
		}
		for _, other := range outputs[:i] {
			if other.path != "-" && atomicfile.Same(other.path, o.path) {
				return &usageError{fmt.Sprintf("%s and %s both write %s", other.flag, o.flag, o.path), "give each a file of its own"}
			}
		}
		if err := o.writable(); err != nil {
			return err
		}
	}
	return nil
}

// writable finds out before the work whether the file that -o names can be
// written.
func writable(path string) error { return output{flag: "-o", path: path}.writable() }

// writableFolder finds out before the work whether -o names a folder, new or not.
func writableFolder(path string) error {
	if path == "-" {
		return &usageError{"-o -: a folder cannot go to standard output", "name a new folder"}
	}
	if dir := filepath.Dir(filepath.Clean(path)); !isFolder(dir) {
		return &usageError{fmt.Sprintf("-o: there is no folder %s", dir), "create it first"}
	}
	t, err := atomicfile.Find(path)
	if err == nil && (t.Stream || t.Info != nil && !t.Info.IsDir()) {
		return &usageError{fmt.Sprintf("-o: %s is a file", path), "name a new folder"}
	}
	return err
}

func (o output) writable() error {
	if o.path == "" {
		return &usageError{o.flag + ": no file name", "name a file, or - for standard output"}
	}
	if dir := filepath.Dir(filepath.Clean(o.path)); !isFolder(dir) {
		return &usageError{fmt.Sprintf("%s: there is no folder %s", o.flag, dir), "create it first"}
	}
	t, err := atomicfile.Find(o.path)
	if err != nil {
		return err
	}
	switch there := t.Info != nil; {
	case o.dir && (t.Stream || there && !t.Info.IsDir()):
		return &usageError{fmt.Sprintf("%s: %s is a file", o.flag, o.path), "name a new folder"}
	case o.dir && there:
		if entries, err := os.ReadDir(t.Path); err != nil || !atomicfile.Vacant(t.Path, entries) {
			return &usageError{fmt.Sprintf("%s: the folder %s is there and not empty", o.flag, o.path), "name a new folder, or remove that one"}
		}
	case there && run.Own(t.Path):
		return &usageError{fmt.Sprintf("%s: %s is a file of a run", o.flag, o.path), "name another file"}
	case there && t.Info.IsDir():
		return &usageError{fmt.Sprintf("%s: %s is a folder", o.flag, o.path), "name a file in it"}
	}
	return t.Check()
}

// apart refuses an output that is the very file of something that is read, under
// whatever name.
func (o output) apart(what string, inputs ...string) error {
	for _, path := range inputs {
		if path != "" && o.path != "-" && atomicfile.Same(path, o.path) {
			return &usageError{fmt.Sprintf("%s: %s is %s", o.flag, o.path, what), "name another file"}
		}
	}
	return nil
}

// allApart is apart for several outputs.
func allApart(outputs []output, what string, inputs ...string) error {
	for _, o := range outputs {
		if err := o.apart(what, inputs...); err != nil {
			return err
		}
	}
	return nil
}
