// Package run keeps the folders of training runs: where each file is, how the
// training stands, and which run is the newest. Start with Create or Open, and
// List for all of them; package record trains into one.
package run

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/regular"
	"github.com/joule-ml/joule/setting"
)

// A Run is the folder of a training run, runs/<name>/version_N, which holds
//
//	config.yaml                     the settings
//	metrics.csv                     the training curves as numbers
//	metrics.jsonl                   the same rows as JSON, one a line
//	curves.png                      the same as a picture
//	checkpoints/last.safetensors    the whole state, to resume from
//	checkpoints/best.safetensors    the same at the best validation, without the replay buffer
//	samples/epoch=E.png             samples after epoch E
//	model.safetensors               the model after the last epoch
//	guard.log, notes.log            rollbacks, and what else people were told, if anything
//	.joule-run                      says that this is the folder of a run
//
// The function Fit of package record trains a model and writes all of them.
type Run struct {
	Dir string
}

// ConfigPath returns the path of the settings.
func (r *Run) ConfigPath() string { return filepath.Join(r.Dir, "config.yaml") }

// MetricsPath returns the path of the training curves.
func (r *Run) MetricsPath() string { return filepath.Join(r.Dir, "metrics.csv") }

// MetricsJSONPath returns the path of the same as JSON Lines.
func (r *Run) MetricsJSONPath() string { return filepath.Join(r.Dir, "metrics.jsonl") }

// CurvesPath returns the path of the picture of the curves.
func (r *Run) CurvesPath() string { return filepath.Join(r.Dir, "curves.png") }

// ModelPath returns the path of the model.
func (r *Run) ModelPath() string { return filepath.Join(r.Dir, "model.safetensors") }

// CheckpointPath returns the path of a checkpoint, "last" or "best".
func (r *Run) CheckpointPath(which string) string {
	return filepath.Join(r.Dir, "checkpoints", which+".safetensors")
}

// GuardLogPath returns the path of the list of the run's rollbacks in words, which
// is there if it has had any.
func (r *Run) GuardLogPath() string { return filepath.Join(r.Dir, "guard.log") }

// NotesPath returns the path of what people were told of the run besides, such as
// that it was resumed with other kernels. It is there if there was anything.
func (r *Run) NotesPath() string { return filepath.Join(r.Dir, "notes.log") }

// EpochPath returns the path of the model that checkpoint.top_k keeps of an epoch.
func (r *Run) EpochPath(epoch int) string {
	return filepath.Join(r.Dir, "checkpoints", fmt.Sprintf("epoch=%d.safetensors", epoch))
}

// lockPath returns the path of the file whose lock a training holds.
func (r *Run) lockPath() string { return filepath.Join(r.Dir, ".lock") }

// SamplesPath returns the path of the picture of an epoch.
func (r *Run) SamplesPath(epoch int) string {
	return filepath.Join(r.Dir, "samples", fmt.Sprintf("epoch=%d.png", epoch))
}

// Settings reads the settings of the run, or the default ones if the run has
// none.
func (r *Run) Settings() (joule.Config, error) {
	data, err := regular.Read(r.ConfigPath(), setting.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return joule.DefaultConfig(), nil
	}
	if err != nil {
		return joule.Config{}, &Error{Path: r.ConfigPath(), Fault: "cannot be read", Err: err, Hint: "restore the file, or remove it to use the default settings"}
	}
	return joule.ParseKeptConfig(r.ConfigPath(), data, joule.DefaultConfig())
}

// An Error is a run folder that cannot be made or used.
type Error struct {
	Path  string
	Fault string
	Hint  string // what the user can do; may be empty
	Err   error  // the cause; may be nil
}

// Error tells the fault without the hint.
func (e *Error) Error() string {
	text := e.Path + ": " + e.Fault
	if e.Err != nil {
		text += ": " + bareError(e.Err).Error()
	}
	return text
}

// Remedy says what the user can do; it may be empty.
func (e *Error) Remedy() string { return e.Hint }

func (e *Error) Unwrap() error { return e.Err }

// bareError takes the path out of an error that repeats it.
func bareError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
