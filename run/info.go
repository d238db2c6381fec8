package run

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/lockfile"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/metric"
)

// A State says how the training of a run stands.
type State string

// The states of a run.
const (
	Running     State = "running"     // a process is training in the folder
	Finished    State = "finished"    // all epochs that it was to train are done
	Interrupted State = "interrupted" // not all are; it can be resumed from a checkpoint
	Broken      State = "broken"      // nothing to go on from
)

// Info is what a run's folder tells without loading its weights. Numbers
// that it does not tell are NaN.
type Info struct {
	Run     *Run
	Name    string // of the folder above
	Version int
	State   State
	Config  *joule.Config // nil if neither settings nor a checkpoint can be read
	Epochs  int           // done
	Steps   int           // done
	Updated time.Time     // when one of its files was written last

	// Best and Last are val_contrastive_divergence, where it was lowest and
	// after the last epoch; Speed is the median of the image-gradients a
	// second.
	Best, Last, Speed float64
	Metrics           []metric.Summary // a column of metrics.csv each

	Faults []error // files that are damaged or missing
}

// List lists the runs under dir, the folder of all runs or that of one name,
// by name and version. A run that is damaged is among them, with its faults; a
// folder of somebody else's is not, whatever its name.
func List(dir string) ([]*Info, error) {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		if err == nil {
			err = errors.New("it is not a folder")
		}
		return nil, &Error{Path: dir, Fault: "cannot be searched for runs", Err: err, Hint: "train one with joule train, or name the folder of the runs"}
	}
	var list []*Info
	for _, pattern := range []string{versionPrefix + "*", path.Join("*", versionPrefix+"*")} {
		matches, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, &Error{Path: dir, Fault: "cannot be searched for runs", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
		}
		for _, m := range matches {
			r := &Run{Dir: filepath.Join(dir, filepath.FromSlash(m))}
			if _, ok := versionOf(path.Base(m)); !ok {
				continue
			}
			if st, err := os.Stat(r.Dir); err == nil && st.IsDir() && (r.ours() || r.empty()) {
				list = append(list, r.Info())
			}
		}
	}
	slices.SortFunc(list, func(a, b *Info) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return list, nil
}

// empty tells whether nothing is in the folder, or in those that a run has.
func (r *Run) empty() bool {
	files, _, err := r.Files()
	return err == nil && len(files) == 0
}

// Info reads what the run's folder tells. Damaged files are among the faults,
// and the rest is reported all the same.
func (r *Run) Info() *Info {
	nan := math.NaN()
	i := &Info{Run: r, Best: nan, Last: nan, Speed: nan}
	if abs, err := filepath.Abs(r.Dir); err == nil {
		i.Name = filepath.Base(filepath.Dir(abs))
		i.Version, _ = versionOf(filepath.Base(abs))
	}
	for _, path := range []string{r.ConfigPath(), r.MetricsPath(), r.ModelPath(), r.CheckpointPath("last"), r.CheckpointPath("best")} {
		if st, err := os.Stat(path); err == nil && st.ModTime().After(i.Updated) {
			i.Updated = st.ModTime()
		}
	}
	settings, err := i.settings()
	i.fault(err)
	// The state is in the last checkpoint; a model alone tells it as well.
	at, err := progressOf(r.CheckpointPath("last"))
	i.fault(err)
	resumable := err == nil
	if !resumable {
		at, _ = progressOf(r.ModelPath())
	}
	i.Config = cmp.Or(settings, at.Config)
	i.Epochs, i.Steps = at.Epochs, at.Steps
	i.fault(i.metrics())

	missing := 0
	for _, err := range i.Faults {
		if errors.Is(err, fs.ErrNotExist) {
			missing++
		}
	}
	switch {
	case lockfile.Held(r.lockPath()):
		i.State = Running
		if missing == len(i.Faults) {
			i.Faults = nil // they are still to come
		}
	case at.Config != nil && (i.Epochs >= i.Config.Epochs || at.Stopped):
		i.State = Finished
	case resumable:
		i.State = Interrupted
	default:
		i.State = Broken
		if missing == 3 {
			i.Faults = []error{&Error{Path: r.Dir, Fault: "holds no settings, checkpoint or metrics", Hint: "joule runs rm removes it"}}
		}
	}
	return i
}

// fault notes what is wrong with a file, if anything is.
func (i *Info) fault(err error) {
	if err != nil {
		i.Faults = append(i.Faults, err)
	}
}

// settings reads config.yaml, which must be there.
func (i *Info) settings() (*joule.Config, error) {
	if err := checkRegular(i.Run.ConfigPath()); err != nil {
		return nil, err
	}
	c, err := i.Run.Settings()
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// progressOf reads how far the training had come when a checkpoint or a model
// was written.
func progressOf(path string) (joule.Progress, error) {
	if err := checkRegular(path); err != nil {
		return joule.Progress{}, err
	}
	return joule.ReadProgress(path)
}

// metrics reads metrics.csv, which may be ahead of the last checkpoint.
func (i *Info) metrics() error {
	if err := checkRegular(i.Run.MetricsPath()); err != nil {
		return err
	}
	t, err := metric.Read(i.Run.MetricsPath())
	if err != nil {
		return err
	}
	for _, s := range t.Series {
		sum := s.Summary()
		i.Metrics = append(i.Metrics, sum)
		i.Steps = max(i.Steps, sum.Step)
		switch s.Name {
		case metric.Column(metric.ValDivergence):
			i.Best, i.Last = sum.Min, sum.Last
			i.Epochs = max(i.Epochs, sum.Epoch)
		case metric.Column(metric.Speed):
			i.Speed = sum.Median
		}
	}
	return nil
}

// checkRegular reports why path is no regular file.
func checkRegular(path string) error {
	if err := regular.Check(path); err != nil {
		return &Error{Path: path, Fault: "cannot be read", Err: err, Hint: "look at what is there and at its permissions"}
	}
	return nil
}

// CheckFiles reports something else in the place of a file that a training writes
// or goes on from.
func (r *Run) CheckFiles() error {
	for _, path := range []string{
		r.ConfigPath(), r.MetricsPath(), r.MetricsJSONPath(), r.CurvesPath(), r.ModelPath(), r.GuardLogPath(), r.NotesPath(),
		r.CheckpointPath("last"), r.CheckpointPath("best"), r.lockPath(),
	} {
		if err := regular.Check(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &Error{Path: path, Fault: "cannot be written", Err: err, Hint: "remove what is there; a training makes it anew"}
		}
	}
	return nil
}
