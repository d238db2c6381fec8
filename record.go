package joule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/joule-ml/joule/internal/atomicfile"
)

// Fit trains t as [Trainer.Fit] does and keeps the run's folder up to date:
// metrics at every step; checkpoints, the model and a picture of samples at
// the end of an epoch, before hooks.Epoch is called; the curves at the end,
// and before that as often as drawing them costs little. When ctx is
// done it finishes the batch, saves the last checkpoint and returns ctx's
// error. A trainer that [ResumeTrainer] made goes on where it was: metrics of
// later steps are cut off.
//
// A process that is killed loses what came after the last checkpoint, and
// nothing before. Of two processes that train in one folder, the second gets
// a [*RunError].
func (r *Run) Fit(ctx context.Context, t *Trainer, hooks Hooks) error {
	release, err := r.lock()
	if err != nil {
		return err
	}
	defer release()
	rec, err := r.record(t)
	if err != nil {
		return err
	}
	err = t.Fit(ctx, Hooks{
		Step: func(s StepInfo) error {
			if err := rec.step(s); err != nil {
				return err
			}
			if hooks.Step != nil {
				return hooks.Step(s)
			}
			return nil
		},
		Epoch: func(e EpochInfo) error {
			if err := rec.epoch(e); err != nil {
				return err
			}
			if hooks.Epoch != nil {
				return hooks.Epoch(e)
			}
			return nil
		},
	})
	return rec.end(ctx, err)
}

// lock keeps other processes from training in the same folder.
func (r *Run) lock() (release func(), err error) {
	release, held, err := lockFile(r.lockPath())
	if err != nil {
		return nil, &RunError{Path: r.Dir, Fault: "cannot be written to", Err: err, Hint: "choose a folder that can be written to"}
	}
	if held {
		return nil, &RunError{Path: r.Dir, Fault: "another process is training in this folder", Hint: "wait until it ends, or start a new run"}
	}
	return release, nil
}

// A recorder writes a run's files while its trainer trains.
type recorder struct {
	run  *Run
	t    *Trainer
	cfg  Config
	log  *metricLog
	best float64 // lowest val_contrastive_divergence so far
	// drawn is when the curves were.
	drawn time.Time
}

// curvesAge is how old the curves may become while epochs end: drawing them
// takes longer than a short epoch.
const curvesAge = 10 * time.Second

// record begins to record t: the settings, the metrics up to t's step, and a
// checkpoint, so that a folder or a disk that cannot be written to is found
// before any work.
func (r *Run) record(t *Trainer) (*recorder, error) {
	rec := &recorder{run: r, t: t, cfg: t.Config(), drawn: time.Now()}
	if err := r.makeFolders(); err != nil {
		return nil, &RunError{Path: r.Dir, Fault: "cannot be written to", Err: err, Hint: "choose a folder that can be written to"}
	}
	err := atomicfile.Write(r.Config(), func(w io.Writer) error {
		_, err := w.Write(rec.cfg.YAML())
		return err
	})
	if err != nil {
		return nil, err
	}
	// The checkpoint comes before the cut: if the process ends in between,
	// the metrics have too many rows, which the next resume cuts, not a gap.
	if err := t.Save(r.Checkpoint("last")); err != nil {
		return nil, err
	}
	if rec.log, err = openMetricLog(r.Metrics(), t.Steps()); err != nil {
		return nil, err
	}
	if rec.best, err = rec.log.lowest(tagValDivergence); err != nil {
		rec.log.close()
		return nil, err
	}
	return rec, nil
}

func (rec *recorder) step(s StepInfo) error {
	if err := rec.log.step(s); err != nil {
		return err
	}
	if n := rec.cfg.Checkpoint.EveryNSteps; n > 0 && s.Step%n == 0 {
		return rec.checkpoint("last")
	}
	return nil
}

// checkpoint saves the trainer's state, and before it the metrics, which thus
// are never behind.
func (rec *recorder) checkpoint(which string) error {
	if err := rec.log.sync(); err != nil {
		return err
	}
	return rec.t.Save(rec.run.Checkpoint(which))
}

// epoch writes the files of a finished epoch, the last checkpoint at the end:
// a process that is killed before does the epoch over, and all of its files.
func (rec *recorder) epoch(e EpochInfo) error {
	if err := rec.log.epoch(e); err != nil {
		return err
	}
	if err := rec.t.Model().Save(rec.run.Model()); err != nil {
		return err
	}
	if time.Since(rec.drawn) > curvesAge {
		if err := rec.curves(); err != nil {
			return err
		}
	}
	if n := rec.cfg.Generate.EveryNEpochs; n > 0 && e.Epoch%n == 0 {
		if err := rec.samples(e.Epoch); err != nil {
			return err
		}
	}
	if v := e.ValContrastiveDivergence; v < rec.best {
		if err := rec.checkpoint("best"); err != nil {
			return err
		}
		rec.best = v
	}
	return rec.checkpoint("last")
}

// model returns the model as it is now, for a picture in the run's folder
// samples. Its path leads there from the picture, so that runs in different
// folders make the same files.
func (rec *recorder) model() *Model {
	m := rec.t.Model()
	m.path = "../" + filepath.Base(rec.run.Model())
	return m
}

// curves draws the curves.
func (rec *recorder) curves() error {
	rec.drawn = time.Now()
	return atomicfile.Write(rec.run.Curves(), func(w io.Writer) error {
		c := SampleConfig{Seed: rec.cfg.Seed, Sampler: rec.cfg.Sampler}
		return rec.log.curves(w, provenanceOf(rec.t.Model(), c, Picture{}).Text())
	})
}

// samples draws the picture of an epoch: always from the same noise, so that
// the pictures of a run show the same chains. It is not interrupted: it takes
// about as long as ten batches, and the epoch would lack its picture.
func (rec *recorder) samples(epoch int) error {
	m := rec.model()
	c := SampleConfig{N: rec.cfg.Generate.Chains, Seed: rec.cfg.Seed, Sampler: rec.cfg.Sampler, Threads: rec.t.engine.pool.Workers}
	c.Sampler.Steps = rec.cfg.Generate.Steps
	s, err := m.Sample(context.Background(), c)
	if err != nil {
		return err
	}
	return atomicfile.Write(rec.run.Samples(epoch), func(w io.Writer) error { return WriteSamples(w, m, c, s) })
}

// end closes the record of a training that ended with err.
func (rec *recorder) end(ctx context.Context, err error) error {
	switch {
	case err == nil:
		// Also where there was nothing left to train.
		if err = rec.t.Model().Save(rec.run.Model()); err == nil {
			err = rec.curves()
		}
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		if saveErr := rec.checkpoint("last"); saveErr != nil {
			err = fmt.Errorf("interrupted, and the state is not saved: %w", saveErr)
		}
		fallthrough
	default:
		// The curves show what led to the end. If they cannot be drawn
		// either, the first error is still the one to tell.
		_ = rec.curves()
	}
	if closeErr := rec.log.close(); err == nil {
		err = closeErr
	}
	return err
}
