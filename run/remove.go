package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/internal/lockfile"
	"github.com/joule-ml/joule/weights"
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
	if !r.ours() && !r.bare() {
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

// ours tells whether one of the run's files is sure to be Joule's. Other
// programs have folders of such names with files of such names.
func (r *Run) ours() bool {
	if checkRegular(r.ConfigPath()) == nil {
		if _, err := r.Settings(); err == nil {
			return true
		}
	}
	for _, path := range []string{r.ModelPath(), r.CheckpointPath("last"), r.CheckpointPath("best")} {
		if checkRegular(path) != nil {
			continue
		}
		if h, err := checkpoint.ReadHeader(path); err == nil && h.Metadata[weights.MetaFormat] == weights.Format {
			return true
		}
	}
	return false
}

// bare tells whether the folder has both folders of a new run and nothing
// that a run does not have: it was never trained in, or all is damaged.
func (r *Run) bare() bool {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return false
	}
	folders := 0
	own := []string{r.ConfigPath(), r.MetricsPath(), r.MetricsJSONPath(), r.CurvesPath(), r.ModelPath(), r.lockPath()}
	for _, e := range entries {
		path := filepath.Join(r.Dir, e.Name())
		switch {
		case e.IsDir() && (path == filepath.Dir(r.CheckpointPath("last")) || path == filepath.Dir(r.SamplesPath(0))):
			folders++
		case slices.Contains(own, path):
		case strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), ".tmp-"): // atomicfile's, of a killed process
		default:
			return false
		}
	}
	return folders == 2
}

// Remove removes the run's folder with all that is in it, and nothing else:
// symbolic links are removed, not followed. It checks what [Removable]
// does.
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
	if err := above.RemoveAll(filepath.Base(abs)); err != nil {
		return fail(fmt.Errorf("in part: %w", err))
	}
	return nil
}
