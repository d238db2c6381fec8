package joule

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/joule-ml/joule/setting"
)

// A Run is the folder of a training run, runs/<name>/version_N, which holds
//
//	config.yaml                     the settings
//	metrics.csv                     the training curves as numbers
//	metrics.jsonl                   the same rows as JSON, one a line
//	curves.png                      the same as a picture
//	checkpoints/last.safetensors    the whole state, to resume from
//	checkpoints/best.safetensors    the same at the best validation
//	samples/epoch=E.png             samples after epoch E
//	model.safetensors               the model after the last epoch
//
// [Run.Fit] trains a model and writes all of them.
type Run struct {
	Dir string
}

// Config returns the path of the settings.
func (r *Run) Config() string { return filepath.Join(r.Dir, "config.yaml") }

// Metrics returns the path of the training curves.
func (r *Run) Metrics() string { return filepath.Join(r.Dir, "metrics.csv") }

// MetricsJSON returns the path of the same as JSON Lines.
func (r *Run) MetricsJSON() string { return jsonBeside(r.Metrics()) }

// Curves returns the path of the picture of the curves.
func (r *Run) Curves() string { return filepath.Join(r.Dir, "curves.png") }

// Model returns the path of the model.
func (r *Run) Model() string { return filepath.Join(r.Dir, "model.safetensors") }

// Checkpoint returns the path of a checkpoint, "last" or "best".
func (r *Run) Checkpoint(which string) string {
	return filepath.Join(r.Dir, "checkpoints", which+".safetensors")
}

// lockPath returns the path of the file whose lock a training holds.
func (r *Run) lockPath() string { return filepath.Join(r.Dir, ".lock") }

// Samples returns the path of the picture of an epoch.
func (r *Run) Samples(epoch int) string {
	return filepath.Join(r.Dir, "samples", fmt.Sprintf("epoch=%d.png", epoch))
}

// Settings reads the settings of the run, or the default ones if the run has
// none.
func (r *Run) Settings() (Config, error) {
	st, err := os.Stat(r.Config())
	if errors.Is(err, fs.ErrNotExist) {
		return DefaultConfig(), nil
	}
	var data []byte
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil && st.Size() > setting.MaxBytes {
		err = errors.New("it is too large for a configuration")
	}
	if err == nil {
		data, err = os.ReadFile(r.Config())
	}
	if err != nil {
		return Config{}, &RunError{Path: r.Config(), Fault: "cannot be read", Err: err, Hint: "restore the file, or remove it to use the default settings"}
	}
	return ParseConfig(r.Config(), data, DefaultConfig())
}

// A RunError is a run folder that cannot be made or used.
type RunError struct {
	Path  string
	Fault string
	Hint  string // what the user can do; may be empty
	Err   error  // the cause; may be nil
}

// Error tells the fault without the hint.
func (e *RunError) Error() string {
	text := e.Path + ": " + e.Fault
	if e.Err != nil {
		text += ": " + bareError(e.Err).Error()
	}
	return text
}

// Remedy says what the user can do; it may be empty.
func (e *RunError) Remedy() string { return e.Hint }

func (e *RunError) Unwrap() error { return e.Err }

// bareError takes the path out of an error that repeats it.
func bareError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

const versionPrefix = "version_"

// CreateRun makes a new run folder under dir/name, one version higher than
// the highest there. Two processes never get the same one.
func CreateRun(dir, name string) (*Run, error) {
	if err := checkRunName(name); err != nil {
		return nil, err
	}
	parent := filepath.Join(dir, name)
	fail := func(path string, err error) (*Run, error) {
		return nil, &RunError{Path: path, Fault: "cannot make the run's folder", Err: err, Hint: "choose a folder that can be written to"}
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fail(parent, err)
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
		if err := r.makeFolders(); err != nil {
			return fail(r.Dir, err)
		}
		return r, nil
	}
}

// makeFolders makes the folders inside a run.
func (r *Run) makeFolders() error {
	for _, path := range []string{r.Checkpoint("last"), r.Samples(0)} {
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

// checkRunName refuses names that are no folder's on some system or that
// lead out of the folder of the runs.
func checkRunName(name string) error {
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

// OpenRun opens the run folder at path. The path of the folder above, or of
// one of the run's files, will do as well: of several versions the newest is
// taken.
func OpenRun(path string) (*Run, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, &RunError{Path: path, Fault: "cannot be opened", Err: err, Hint: "give the folder of a run, such as runs/mnist/version_0"}
	}
	if !st.IsDir() {
		if r, ok := RunOf(path); ok {
			return r, nil
		}
		return nil, &RunError{Path: path, Fault: "is not part of a run", Hint: "give the folder of a run, such as runs/mnist/version_0"}
	}
	r := &Run{Dir: filepath.Clean(path)}
	if r.is() {
		return r, nil
	}
	return NewestRun(path)
}

// is tells whether r.Dir looks like a run.
func (r *Run) is() bool {
	for _, path := range []string{r.Config(), r.Model(), r.Checkpoint("last")} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

// RunOf returns the run in which the file at path lies.
func RunOf(path string) (*Run, bool) {
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

// ErrNoRun is the cause of a [*RunError] on a folder of runs without a run that
// has what is wanted, or one that is not there.
var ErrNoRun = errors.New("there is no run with one in it")

// NewestRun returns the run under dir, runs' folder or that of one name, whose
// model or checkpoint was written last. Runs that have neither are passed
// over.
func NewestRun(dir string) (*Run, error) {
	return newestRun(dir, "model", func(r *Run) []string {
		return []string{r.Model(), r.Checkpoint("last"), r.Checkpoint("best")}
	})
}

// runsUnder returns the runs under dir, which holds names, which hold
// versions, or is one of those names.
func runsUnder(dir string) (runs []*Run, err error) {
	for _, pattern := range []string{versionPrefix + "*", filepath.Join("*", versionPrefix+"*")} {
		matches, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(pattern))
		if err != nil {
			return nil, &RunError{Path: dir, Fault: "cannot be searched for runs", Err: err}
		}
		for _, m := range matches {
			if _, ok := versionOf(filepath.Base(m)); ok {
				runs = append(runs, &Run{Dir: filepath.Join(dir, filepath.FromSlash(m))})
			}
		}
	}
	return runs, nil
}

// newestRun returns the run under dir one of whose files was written last.
// Of equally old ones the later version is taken.
func newestRun(dir, what string, files func(*Run) []string) (*Run, error) {
	runs, err := runsUnder(dir)
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
		return nil, &RunError{Path: dir, Fault: "has no " + what, Hint: "train one with joule train, or name the folder of the runs", Err: ErrNoRun}
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
			if err := checkRunName(name); err != nil {
				return "", nil, err
			}
			dir = filepath.Join(dir, name)
		}
		run, err = newestRun(dir, "checkpoint", func(r *Run) []string { return []string{r.Checkpoint("last")} })
		if err != nil {
			return "", nil, err
		}
		return run.Checkpoint("last"), run, nil
	}
	st, err := os.Stat(which)
	if err != nil {
		return "", nil, &RunError{Path: which, Fault: "no such checkpoint", Err: err, Hint: `give a .safetensors file under checkpoints, a run's folder, or "last"`}
	}
	if !st.IsDir() {
		run, _ = RunOf(which)
		return which, run, nil
	}
	run = &Run{Dir: filepath.Clean(which)}
	if _, err := os.Stat(run.Checkpoint("last")); err != nil {
		run, err = newestRun(which, "checkpoint", func(r *Run) []string { return []string{r.Checkpoint("last")} })
		if err != nil {
			return "", nil, err
		}
	}
	return run.Checkpoint("last"), run, nil
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
		r, ok := RunOf(path)
		if !ok {
			return "", &RunError{Path: path, Fault: "is not part of a run, so it has no checkpoint " + strconv.Quote(which), Hint: "give the folder of a run"}
		}
		path = r.Dir
	}
	r, err := OpenRun(path)
	if err != nil {
		return "", err
	}
	if which == "" {
		for _, file := range []string{r.Model(), r.Checkpoint("last")} {
			if _, err := os.Stat(file); err == nil {
				return file, nil
			}
		}
		return "", &RunError{Path: r.Dir, Fault: "has no model yet", Hint: "let it train until the end of an epoch"}
	}
	file := r.Checkpoint(which)
	if _, err := os.Stat(file); err != nil {
		return "", &RunError{Path: file, Fault: "no such checkpoint", Err: err, Hint: "let the run train until the end of an epoch"}
	}
	return file, nil
}
