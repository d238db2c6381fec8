package run

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Open opens the run folder at path. The path of the folder above, or of
// one of the run's files, will do as well: of several versions the newest is
// taken.
func Open(path string) (*Run, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, &Error{Path: path, Fault: "cannot be opened", Err: err, Hint: "give the folder of a run, such as runs/mnist/version_0"}
	}
	if !st.IsDir() {
		if r, ok := Of(path); ok {
			return r, nil
		}
		return nil, &Error{Path: path, Fault: "is not part of a run", Hint: "give the folder of a run, such as runs/mnist/version_0"}
	}
	r := &Run{Dir: filepath.Clean(path)}
	if r.is() {
		return r, nil
	}
	return Newest(path)
}

// is tells whether r.Dir looks like a run.
func (r *Run) is() bool {
	for _, path := range []string{r.ConfigPath(), r.ModelPath(), r.CheckpointPath("last")} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// Of returns the run in which the file at path lies.
func Of(path string) (*Run, bool) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, false
	}
	up := filepath.Dir(path)
	if filepath.Base(filepath.Dir(abs)) == "checkpoints" {
		up = filepath.Join(up, "..")
		abs = filepath.Dir(abs)
	}
	if _, ok := versionOf(filepath.Base(filepath.Dir(abs))); !ok {
		return nil, false
	}
	r := &Run{Dir: up}
	return r, r.is()
}

// ErrNone is the cause of an [*Error] where no run in a folder has what is
// asked for, or the folder does not exist.
var ErrNone = errors.New("there is no run with one in it")

// Newest returns the run under dir, runs' folder or that of one name, whose
// model or checkpoint was written last. Runs that have neither are passed
// over.
func Newest(dir string) (*Run, error) {
	return newest(dir, "model", func(r *Run) []string {
		return []string{r.ModelPath(), r.CheckpointPath("last"), r.CheckpointPath("best")}
	})
}

// under returns the runs under dir, which holds names, which hold
// versions, or is one of those names.
func under(dir string) (runs []*Run, err error) {
	for _, pattern := range []string{versionPrefix + "*", filepath.Join("*", versionPrefix+"*")} {
		matches, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(pattern))
		if err != nil {
			return nil, &Error{Path: dir, Fault: "cannot be searched for runs", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
		}
		for _, m := range matches {
			if _, ok := versionOf(filepath.Base(m)); ok {
				runs = append(runs, &Run{Dir: filepath.Join(dir, filepath.FromSlash(m))})
			}
		}
	}
	return runs, nil
}

// newest returns the run under dir one of whose files was written last.
// Of equally old ones the later version is taken.
func newest(dir, what string, files func(*Run) []string) (*Run, error) {
	runs, err := under(dir)
	if err != nil {
		return nil, err
	}
	var newest *Run
	var newestTime time.Time
	version := 0
	for _, r := range runs {
		n, _ := versionOf(filepath.Base(r.Dir))
		for _, path := range files(r) {
			st, err := os.Stat(path)
			if err != nil || !st.Mode().IsRegular() {
				continue
			}
			if t := st.ModTime(); newest == nil || t.After(newestTime) || t.Equal(newestTime) && n > version {
				newest, newestTime, version = r, t, n
			}
		}
	}
	if newest == nil {
		return nil, &Error{Path: dir, Fault: "has no " + what, Hint: "train one with joule train, or name the folder of the runs", Err: ErrNone}
	}
	return newest, nil
}

// FindCheckpoint returns the checkpoint that which means: "last" is the last
// one of the newest run under dir (of the given name, unless that is empty);
// anything else is the path of a checkpoint or of a run's folder. The run is
// nil if the file does not lie in one.
func FindCheckpoint(dir, name, which string) (path string, run *Run, err error) {
	if which == "last" {
		if name != "" {
			if err := checkName(name); err != nil {
				return "", nil, err
			}
			dir = filepath.Join(dir, name)
		}
		run, err = newest(dir, "checkpoint", func(r *Run) []string { return []string{r.CheckpointPath("last")} })
		if err != nil {
			return "", nil, err
		}
		return run.CheckpointPath("last"), run, nil
	}
	st, err := os.Stat(which)
	if err != nil {
		return "", nil, &Error{Path: which, Fault: "no such checkpoint", Err: err, Hint: `give a .safetensors file under checkpoints, a run's folder, or "last"`}
	}
	if !st.IsDir() {
		run, _ = Of(which)
		return which, run, nil
	}
	run = &Run{Dir: filepath.Clean(which)}
	if _, err := os.Stat(run.CheckpointPath("last")); err != nil {
		run, err = newest(which, "checkpoint", func(r *Run) []string { return []string{r.CheckpointPath("last")} })
		if err != nil {
			return "", nil, err
		}
	}
	return run.CheckpointPath("last"), run, nil
}

// FindModel returns the file of weights that path means: a file itself, or a
// run's folder; of several runs in it, the newest. which chooses within the
// run: "" is the model, or the last checkpoint where training has not come to
// a model; "last" and "best" are the checkpoints.
func FindModel(path, which string) (string, error) {
	if st, err := os.Stat(path); err == nil && !st.IsDir() {
		if which == "" {
			return path, nil
		}
		r, ok := Of(path)
		if !ok {
			return "", &Error{Path: path, Fault: "is not part of a run, so it has no checkpoint " + strconv.Quote(which), Hint: "give the folder of a run"}
		}
		path = r.Dir
	}
	r, err := Open(path)
	if err != nil {
		return "", err
	}
	if which == "" {
		for _, file := range []string{r.ModelPath(), r.CheckpointPath("last")} {
			if _, err := os.Stat(file); err == nil {
				return file, nil
			}
		}
		return "", &Error{Path: r.Dir, Fault: "has no model yet", Hint: "let it train until the end of an epoch"}
	}
	file := r.CheckpointPath(which)
	if _, err := os.Stat(file); err != nil {
		return "", &Error{Path: file, Fault: "no such checkpoint", Err: err, Hint: "let the run train until the end of an epoch"}
	}
	return file, nil
}
