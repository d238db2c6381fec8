package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/lockfile"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/setting"
)

// A Sweep is the folder of the runs of a sweep, runs/<name>. Beside the runs it
// holds
//
//	sweep.json    what is to be done and what is done
//	sweep.csv     a row for each run
//	sweep.html    the same to look at
type Sweep struct {
	Dir     string
	Base    joule.Config // what the settings of results differ from
	Metric  Figure       // by which runs are compared
	Results []*Result

	known map[string]*Result // the results by their settings, as YAML
	mu    sync.Mutex         // while it runs
}

// An Error is a file of a sweep that cannot be used.
type Error struct {
	Path  string
	Fault string
	Hint  string
	Err   error // the cause; may be nil
}

func (e *Error) Error() string {
	text := e.Path + ": " + e.Fault
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Remedy says what the user can do.
func (e *Error) Remedy() string { return e.Hint }

func (e *Error) Unwrap() error { return e.Err }

// file is sweep.json.
type file struct {
	Joule    string    `json:"joule_version"`
	Metric   string    `json:"metric"`
	Settings string    `json:"settings"` // a configuration
	Runs     []*Result `json:"runs"`
}

// maxFile bounds sweep.json: a thousand runs with some hundred figures each.
const maxFile = 16 << 20

// maxKept bounds the runs that a sweep has after it was called several times.
const maxKept = 10 * MaxRuns

// Paths of the files.
func (s *Sweep) path() string    { return filepath.Join(s.Dir, "sweep.json") }
func (s *Sweep) CSVPath() string { return filepath.Join(s.Dir, "sweep.csv") }

// HTMLPath returns the path of the page.
func (s *Sweep) HTMLPath() string { return filepath.Join(s.Dir, "sweep.html") }

// Open returns the sweep in a folder, which need not be there, with the trials that
// are to be done added to those that it has. Nothing is written yet.
func Open(dir string, base joule.Config, metric Figure, trials []Trial) (*Sweep, error) {
	s := &Sweep{Dir: dir, Base: base, Metric: metric, known: make(map[string]*Result)}
	if err := s.load(); err != nil {
		return nil, err
	}
	if diff := s.Base.Diff(base); len(diff) > 0 {
		d := diff[0]
		return nil, &setting.Error{Place: s.path(), Key: d.Key, Problem: fmt.Sprintf("was %s when the sweep began, and is %s", d.A, d.B), Hint: "choose another --name for another sweep, or give --grid all values of it"}
	}
	for _, t := range trials {
		if s.find(t.Config) != nil {
			continue
		}
		r := &Result{Name: t.Name, Config: t.Config, State: Waiting, Settings: []string{}}
		for _, d := range s.Base.Diff(t.Config) {
			r.Settings = append(r.Settings, d.B.Assignment())
		}
		s.add(r)
	}
	return s, nil
}

// load reads what is there.
func (s *Sweep) load() error {
	fail := func(err error) error {
		return &Error{Path: s.path(), Fault: "is not what joule sweep has written", Err: err, Hint: "choose another --name, or remove the file; its runs stay"}
	}
	data, err := regular.Read(s.path(), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var f struct {
		Settings string            `json:"settings"`
		Runs     []json.RawMessage `json:"runs"` // counted before they take memory
	}
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err == nil && len(f.Runs) > maxKept {
		err = fmt.Errorf("%d runs are more than %d", len(f.Runs), maxKept)
	}
	if err != nil {
		return fail(err)
	}
	if s.Base, err = joule.ParseKeptConfig(s.path(), []byte(f.Settings), joule.DefaultConfig()); err != nil {
		return fail(err)
	}
	for _, text := range f.Runs {
		var r *Result
		if err := json.Unmarshal(text, &r); err != nil {
			return fail(err)
		}
		if err := s.check(r); err != nil {
			return fail(err)
		}
		s.add(r)
	}
	return nil
}

// check reads the settings of a result and refuses what could not be written.
func (s *Sweep) check(r *Result) error {
	if r == nil {
		return errors.New("a run is null")
	}
	if !slices.Contains([]State{Waiting, Running, Trained, Done, Failed}, r.State) {
		return errors.New("a run has the state " + string(r.State))
	}
	if r.Run != "" && (r.Run != filepath.Base(r.Run) || !strings.HasPrefix(r.Run, "version_")) {
		return errors.New("a run lies in " + r.Run)
	}
	r.Config = s.Base
	for _, a := range r.Settings {
		if err := r.Config.Set(a); err != nil {
			return err
		}
	}
	if s.find(r.Config) != nil {
		return errors.New("two runs have the same settings")
	}
	return nil
}

// find returns the result of some settings; nil if there is none.
func (s *Sweep) find(c joule.Config) *Result { return s.known[string(c.YAML())] }

func (s *Sweep) add(r *Result) {
	s.Results = append(s.Results, r)
	s.known[string(r.Config.YAML())] = r
}

// Lock makes the folder of a sweep and keeps other processes from sweeping in it.
// [Open] comes after it, so that it reads what the last of them has left.
func Lock(dir string) (release func(), err error) {
	for _, d := range []string{filepath.Dir(dir), dir} { // either may be a link
		if err := atomicfile.MakeFolder(d); err != nil {
			return nil, &Error{Path: dir, Fault: "cannot make the folder", Err: err, Hint: "choose a --run-dir that can be written to"}
		}
	}
	release, held, err := lockfile.Take(filepath.Join(dir, ".sweep.lock"))
	switch {
	case err != nil:
		return nil, &Error{Path: dir, Fault: "cannot be written to", Err: err, Hint: "choose a --run-dir that can be written to"}
	case held:
		return nil, &Error{Path: dir, Fault: "another process is sweeping in this folder", Hint: "wait until it ends, or choose another --name"}
	}
	return release, nil
}

// save writes the files.
func (s *Sweep) save() error {
	data, err := json.MarshalIndent(file{program.Version(), s.Metric.Name, string(s.Base.YAML()), s.Results}, "", " ")
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { _, err := w.Write(append(data, '\n')); return err }
	if err := atomicfile.Write(s.path(), write); err != nil {
		return err
	}
	if err := atomicfile.Write(s.CSVPath(), s.WriteCSV); err != nil {
		return err
	}
	return atomicfile.Write(s.HTMLPath(), s.WriteHTML)
}
