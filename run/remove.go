package run

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/joule-ml/joule/internal/lockfile"
)

// Removable returns the run whose own folder path is, if it may be removed:
// it is named version_N, what is in it is a run's, no process is training in
// it, and it is no symbolic link.
func Removable(path string) (*Run, error) {
	const hint = "give the folder of one run, such as runs/mnist/version_0"
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{Path: path, Fault: "cannot be found", Err: err, Hint: "joule runs list shows all runs"}
	}
	st, err := os.Lstat(abs)
	if err != nil {
		return nil, &Error{Path: path, Fault: "cannot be removed", Err: err, Hint: hint}
	}
	if st.Mode()&os.ModeSymlink != 0 {
		return nil, &Error{Path: path, Fault: "is a symbolic link", Hint: "remove the link itself, or give the folder it leads to"}
	}
	if _, ok := versionOf(filepath.Base(abs)); !ok || !st.IsDir() {
		return nil, &Error{Path: path, Fault: "is not a run's folder", Hint: hint}
	}
	r := &Run{Dir: filepath.Clean(path)}
	if !r.ours() {
		return nil, &Error{Path: path, Fault: "does not hold what Joule writes into a run", Hint: "look into it, and remove it by other means"}
	}
	if lockfile.Held(r.lockPath()) {
		return nil, r.busy()
	}
	return r, nil
}

func (r *Run) busy() error {
	return &Error{Path: r.Dir, Fault: "a process is training in this folder", Hint: "stop it with Ctrl-C first, or wait until it ends"}
}

// Remove removes what Joule wrote into the run's folder, and the folder if nothing
// is left in it. Other files, which [Run.Files] tells, stay, and then the folder is
// no run any more. Symbolic links are not followed. It checks what [Removable] does.
func (r *Run) Remove() error {
	if _, err := Removable(r.Dir); err != nil {
		return err
	}
	fail := func(err error) error {
		return &Error{Path: r.Dir, Fault: "cannot be removed", Err: err, Hint: "look at the permissions of the folder and of that above it"}
	}
	abs, err := filepath.Abs(r.Dir)
	if err != nil {
		return fail(err)
	}
	before, err := os.Lstat(abs)
	if err != nil {
		return fail(err)
	}
	// Nobody begins to train while it goes.
	if st, err := os.Lstat(r.lockPath()); err != nil || st.Mode().IsRegular() {
		release, held, err := lockfile.Take(r.lockPath())
		if err != nil {
			return fail(err)
		}
		if held {
			return r.busy()
		}
		if runtime.GOOS == "windows" { // which removes no file that is open
			release()
		} else {
			defer release()
		}
	}
	// Whatever becomes of the path meanwhile, nothing outside of the folder
	// above can be reached.
	above, err := os.OpenRoot(filepath.Dir(abs))
	if err != nil {
		return fail(err)
	}
	defer above.Close()
	now, err := above.Lstat(filepath.Base(abs))
	if err != nil {
		return fail(err)
	}
	if !os.SameFile(before, now) {
		return fail(errors.New("it was replaced meanwhile"))
	}
	if err := r.removeOwn(above, filepath.Base(abs)); err != nil {
		return fail(fmt.Errorf("in part: %w", err))
	}
	return nil
}

// removeOwn removes Joule's files from the folder dir within above, the marker
// last, so that what is left of an interrupted removal is still a run.
func (r *Run) removeOwn(above *os.Root, dir string) error {
	files, _, err := r.Files()
	if err != nil {
		return err
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(last(a.Path), last(b.Path)) })
	for _, f := range files {
		if !f.Own {
			continue
		}
		if err := above.Remove(path.Join(dir, f.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, sub := range []string{"checkpoints", "samples", "report", "."} {
		name := path.Join(dir, sub)
		if st, err := above.Lstat(name); err != nil || !st.IsDir() {
			continue // not there, or a link
		}
		entries, err := fs.ReadDir(above.FS(), name)
		if err != nil || len(entries) > 0 {
			continue // somebody else's files are in it
		}
		if err := above.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// last is 1 for files that are removed after the others.
func last(name string) int {
	if name == Marker {
		return 1
	}
	return 0
}
