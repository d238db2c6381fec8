package run

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/lockfile"
	"github.com/joule-ml/joule/setting"
)

const versionPrefix = "version_"

// Create makes a new run folder under dir/name, one version higher than
// the highest there. Two processes never get the same one.
func Create(dir, name string) (*Run, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	parent := filepath.Join(dir, name)
	fail := func(path string, err error) (*Run, error) {
		return nil, &Error{Path: path, Fault: "cannot make the run's folder", Err: err, Hint: "choose a folder that can be written to"}
	}
	for _, path := range []string{dir, parent} { // either may be a link
		if err := atomicfile.MakeFolder(path); err != nil {
			return fail(parent, errors.Unwrap(err))
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return fail(parent, err)
	}
	next := 0
	for _, e := range entries {
		if n, ok := versionOf(e.Name()); ok && n >= next {
			next = n + 1
		}
	}
	for {
		r := &Run{Dir: filepath.Join(parent, versionPrefix+strconv.Itoa(next))}
		err := os.Mkdir(r.Dir, 0o777)
		if errors.Is(err, fs.ErrExist) { // another process was faster
			next++
			continue
		}
		if err != nil {
			return fail(r.Dir, err)
		}
		if err = r.MakeFolders(); err == nil {
			err = r.mark()
		}
		if err != nil {
			r.discard()
			return fail(r.Dir, err)
		}
		return r, nil
	}
}

// discard removes what Create has made before it failed.
func (r *Run) discard() {
	for _, path := range []string{filepath.Join(r.Dir, Marker), filepath.Dir(r.CheckpointPath("last")), filepath.Dir(r.SamplesPath(0)), r.Dir} {
		os.Remove(path)
	}
}

// MakeFolders makes the folders inside a run.
func (r *Run) MakeFolders() error {
	for _, path := range []string{r.CheckpointPath("last"), r.SamplesPath(0)} {
		if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// versionOf returns N of "version_N".
func versionOf(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, versionPrefix)
	if !ok || len(digits) > 9 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == digits
}

// checkName refuses names that some system does not allow for a folder, or that
// lead out of the folder of the runs.
func checkName(name string) error {
	bad := ""
	switch {
	case name == "":
		bad = "is empty"
	case len(name) > 100:
		bad = "is longer than 100 bytes"
	case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") || strings.TrimSpace(name) != name:
		bad = "begins or ends with a character that names should not"
	case strings.ContainsAny(name, `/\:*?"<>|`) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		bad = "has a character that is not for names"
	}
	if _, is := versionOf(name); is {
		bad = "is the name of a version"
	}
	if bad == "" {
		return nil
	}
	return &setting.Error{Key: "name", Problem: setting.Quote(name) + " " + bad, Hint: "use letters, digits, - and _"}
}

// Lock keeps other processes from training in the same folder.
func (r *Run) Lock() (release func(), err error) {
	release, held, err := lockfile.Take(r.lockPath())
	if err != nil {
		return nil, &Error{Path: r.Dir, Fault: "cannot be written to", Err: err, Hint: "choose a folder that can be written to"}
	}
	if held {
		return nil, &Error{Path: r.Dir, Fault: "another process is training in this folder", Hint: "wait until it ends, or start a new run"}
	}
	return release, nil
}
