package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
)

// A ranking orders epochs by a metric of their validation.
type ranking struct {
	mode string
	keep int
	best float64
	seen bool
	top  []ranked // the best first, at most keep
}

type ranked struct {
	epoch int
	value float64
}

// add reports whether the epoch is the best so far. Of equal ones the earlier
// is better.
func (r *ranking) add(epoch int, v float64) bool {
	// An epoch that is done over, after a process was killed, counts once.
	r.top = slices.DeleteFunc(r.top, func(t ranked) bool { return t.epoch == epoch })
	r.top = append(r.top, ranked{epoch, v})
	slices.SortStableFunc(r.top, func(a, b ranked) int {
		if r.mode == metric.Higher {
			a, b = b, a
		}
		return cmp.Compare(a.value, b.value)
	})
	r.top = r.top[:min(len(r.top), r.keep)]
	if r.seen && !metric.IsBetter(r.mode, v, r.best, 0) {
		return false
	}
	r.best, r.seen = v, true
	return true
}

// keepEpochs saves m as the model of the epoch if that is among the top, and
// removes those of epochs that are not.
func keepEpochs(r *run.Run, top []ranked, epoch int, m *joule.Model) error {
	wanted := map[string]bool{}
	for _, t := range top {
		wanted[r.EpochPath(t.epoch)] = true
		if t.epoch == epoch {
			if err := m.Save(r.EpochPath(epoch)); err != nil {
				return err
			}
		}
	}
	// Globbing would take a run's folder for a pattern.
	entries, err := os.ReadDir(filepath.Dir(r.EpochPath(0)))
	if err != nil {
		return &run.Error{Path: r.Dir, Fault: "its checkpoints cannot be listed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
	}
	for _, e := range entries {
		path := filepath.Join(filepath.Dir(r.EpochPath(0)), e.Name())
		var n int
		if _, err := fmt.Sscanf(e.Name(), "epoch=%d.safetensors", &n); err != nil || path != r.EpochPath(n) || wanted[path] {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &run.Error{Path: path, Fault: "cannot be removed", Err: err, Hint: "look at the permissions of the folder and of what is in it"}
		}
	}
	return nil
}
