// Package record trains into the folder of a run: it writes the metrics, the
// pictures, the checkpoints and TensorBoard's event files. Start with Fit. Its
// other functions are callbacks for joule.Trainer.Fit, which log one thing each.
package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/picture"
	"github.com/joule-ml/joule/run"
)

// Fit trains t as [joule.Trainer.Fit] does and keeps the run's folder up to date:
// metrics at every step, and TensorBoard's event files; the model, and where the
// settings say so checkpoints and pictures, at the end of an epoch, before the
// callbacks given here are called; the curves at the end, and before that as often as drawing them costs
// little. The settings say which pictures, and when to stop early. After a
// rollback the files are those of the steps that count, and guard.log tells of it.
// When ctx is done, or a callback stops the training, it saves the last
// checkpoint and returns ctx's error, or nil for a clean stop, which
// [joule.Trainer.Stopped] tells. A trainer that
// [joule.ResumeTrainer] made goes on where it was: metrics of later steps are
// cut off. Metrics and event files that are damaged or have gaps do not keep it
// from that: they are mended from one another as far as possible, damaged files are
// kept under another name, and Note of the callbacks is told.
//
// A process that is killed loses what came after the last checkpoint, and
// nothing before. Of two processes that train in one folder, the second gets
// a [*run.Error].
func Fit(ctx context.Context, r *run.Run, t *joule.Trainer, list ...joule.Callback) error {
	if err := r.CheckFiles(); err != nil {
		return err
	}
	release, err := r.Lock()
	if err != nil {
		return err
	}
	defer release()
	rec, err := newRecorder(r, t, list)
	if err != nil {
		return err
	}
	err = t.Fit(ctx, append(rec.callbacks(), list...)...)
	return rec.end(ctx, err)
}

// A recorder writes a run's files while its trainer trains: a callback that
// saves, and a logger of metrics and pictures.
type recorder struct {
	run     *run.Run
	t       *joule.Trainer
	cfg     joule.Config
	log     *metricLog
	board   *boardLog      // nil where there are to be no event files
	notes   []func(string) // are told what people should know
	past    []float64      // of the early stop's monitor
	ranking ranking
	saved   time.Time     // when the last checkpoint was
	took    time.Duration // to save it
	drawn   time.Time     // when the curves were
}

// curvesAge is how old the curves may become while epochs end: drawing them
// takes longer than a short epoch.
const curvesAge = 10 * time.Second

// newRecorder begins to record t: the settings, the metrics up to t's step, and a
// checkpoint, so that a folder or a disk that cannot be written to is found
// before any work.
func newRecorder(r *run.Run, t *joule.Trainer, list []joule.Callback) (*recorder, error) {
	rec := &recorder{run: r, t: t, cfg: t.Config(), drawn: time.Now(), saved: time.Now()}
	for _, c := range list {
		if c.Note != nil {
			rec.notes = append(rec.notes, c.Note)
		}
	}
	if err := r.MakeFolders(); err != nil {
		return nil, &run.Error{Path: r.Dir, Fault: "cannot be written to", Err: err, Hint: "choose a folder that can be written to"}
	}
	if err := rec.writeSettings(); err != nil {
		return nil, err
	}
	_, err := os.Lstat(r.CheckpointPath("last"))
	resumed := err == nil
	// The checkpoint comes before the cut: if the process ends in between,
	// the metrics have too many rows, which the next resume cuts, not a gap.
	if err := t.Save(r.CheckpointPath("last")); err != nil {
		return nil, err
	}
	rec.took = time.Since(rec.saved)
	if other := t.OtherBits(); other != "" {
		rec.note("%s", other)
	}
	if err := rec.mend(resumed); err != nil {
		return nil, err
	}
	if rec.log, err = openMetricLog(r.MetricsPath(), rec.columns(), t); err != nil {
		return nil, err
	}
	if err := rec.begin(); err != nil {
		rec.log.close()
		return nil, err
	}
	return rec, nil
}

// note tells people something, and keeps it in the run's folder. That it cannot
// be kept is no reason to end a training.
func (rec *recorder) note(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	for _, note := range rec.notes {
		note(text)
	}
	if f, err := os.OpenFile(rec.run.NotesPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666); err == nil {
		_, _ = fmt.Fprintf(f, "step %d: %s\n", rec.t.Steps(), text)
		_ = f.Close()
	}
}

// mend makes the metrics of the steps done whole again, as far as that is
// possible. Those of a run that goes on from another's checkpoint lack the steps
// before it.
func (rec *recorder) mend(resumed bool) error {
	if _, err := os.Lstat(rec.run.MetricsPath()); err != nil && !resumed {
		return nil
	}
	notes, err := metric.Mend(rec.run.MetricsPath(), rec.columns(), rec.t.Steps(), rec.t.Batch() == 0, func() ([]metric.Row, error) { return pastRows(rec.run.Dir) })
	for _, n := range notes {
		rec.note("%s", n)
	}
	return err
}

// begin takes up what the epochs before have left, and opens the event files.
func (rec *recorder) begin() error {
	c := rec.cfg
	past, err := rec.log.history(c.Checkpoint.Monitor)
	if err != nil {
		return err
	}
	rec.ranking = ranking{mode: c.Checkpoint.Mode, keep: c.Checkpoint.TopK}
	for i, v := range past.Value {
		rec.ranking.add(past.Epoch[i], v)
	}
	if past, err = rec.log.history(c.EarlyStop.Monitor); err != nil {
		return err
	}
	rec.past = past.Value
	if c.TensorBoard.EveryNSteps > 0 {
		if rec.board, err = openBoardLog(rec.run.Dir, c, rec.t.Steps(), rec.unfinished()); err != nil {
			return err
		}
		for _, path := range rec.board.w.Damaged() {
			rec.note("an event file is damaged; it is kept as %s, and what can be read of it stays", path)
		}
		return rec.tellLacking()
	}
	return nil
}

// tellLacking says how much of the metrics is not in the event files that the run
// goes on with.
func (rec *recorder) tellLacking() error {
	if !rec.board.old {
		return nil
	}
	if err := rec.log.sync(); err != nil {
		return err
	}
	t, err := metric.Read(rec.run.MetricsPath())
	if err != nil {
		return err
	}
	last, steps, err := lacking(rec.run.Dir, t, rec.board.every)
	if err == nil && steps > 0 {
		rec.note("the event files were cut short: TensorBoard cannot show steps behind step %d that metrics.csv has: %d", last, steps)
	}
	return err
}

// unfinished returns which tags of events at the trainer's step will be written
// anew: those of the end of an epoch, where the trainer is right before it. It is
// nil where none will.
func (rec *recorder) unfinished() func(tag string) bool {
	if rec.t.Batch() == 0 {
		return nil
	}
	steps := append(metric.Columns(rec.t.Figures()), "epoch", "config", "guard")
	validation := append(metric.Monitors(), metric.Column(metric.Outliers))
	return func(tag string) bool {
		return slices.Contains(validation, tag) || !slices.Contains(steps, tag) && !strings.HasPrefix(tag, "_hparams_/")
	}
}

// columns lists those of the run's metrics.
func (rec *recorder) columns() []string {
	return metric.Columns(append(rec.t.Figures(), metric.Named(metric.Outliers)...))
}

// callbacks lists what the settings ask for; the recorder itself comes after
// those whose files a checkpoint must not be ahead of.
func (rec *recorder) callbacks() []joule.Callback {
	c, t := rec.cfg, rec.t
	list := []joule.Callback{{Log: rec.log.Log}, {Log: figureLog{rec.run}.Log}}
	if rec.board != nil {
		list = append(list, joule.Callback{Log: rec.board.Log})
	}
	list = append(list, Scalars(t), SampleGrid(t, c.Generate), Filmstrip(t, c.Filmstrip), Snapshot(t, c.Snapshot), Outliers(t, c.Outliers))
	if rec.board != nil {
		list = append(list, Histograms(t, c.TensorBoard))
	}
	if c.Objective.Generates() {
		w := &marginWatch{note: rec.note}
		list = append(list, joule.Callback{Step: w.step, Epoch: w.epoch})
	}
	list = append(list, joule.Callback{Step: rec.step, Epoch: rec.epoch, Rollback: rec.rollback})
	if c.EarlyStop.Patience > 0 {
		list = append(list, joule.EarlyStop(c.EarlyStop, rec.past...))
	}
	if c.MaxMinutes > 0 {
		list = append(list, joule.TimeLimit(minutes(c.MaxMinutes)))
	}
	return list
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

// step saves a checkpoint where it is time.
func (rec *recorder) step(s joule.StepInfo) error {
	n, m := rec.cfg.Checkpoint.EveryNSteps, rec.cfg.Checkpoint.EveryNMinutes
	if n > 0 && s.Step%n == 0 || m > 0 && time.Since(rec.saved) >= minutes(m) {
		return rec.checkpoint()
	}
	return nil
}

// sync writes the metrics and events so far to the disk.
func (rec *recorder) sync() error {
	err := rec.log.sync()
	if err == nil && rec.board != nil {
		err = rec.board.w.Flush()
	}
	return err
}

// checkpoint saves the trainer's state, and before it the metrics, which thus
// are never behind.
func (rec *recorder) checkpoint() error {
	if err := rec.sync(); err != nil {
		return err
	}
	begun := time.Now()
	err := rec.t.Save(rec.run.CheckpointPath("last"))
	rec.saved = time.Now()
	rec.took = rec.saved.Sub(begun)
	return err
}

// savingShare is the part of the time that checkpoints may take.
const savingShare = 20

// saves reports whether the state is saved at an epoch's end.
func (rec *recorder) saves(epoch int) bool {
	n := rec.cfg.Checkpoint.EveryNEpochs
	switch {
	case epoch == rec.cfg.Epochs:
		return true
	case n == joule.Auto:
		return time.Since(rec.saved) >= savingShare*rec.took
	}
	return n > 0 && epoch%n == 0
}

// epoch writes the files of a finished epoch, the last checkpoint at the end:
// a process that is killed before does the epoch over, and all of its files.
func (rec *recorder) epoch(e joule.EpochInfo) error {
	m := rec.t.Model()
	if err := m.Save(rec.run.ModelPath()); err != nil {
		return err
	}
	if time.Since(rec.drawn) > curvesAge {
		if err := rec.curves(); err != nil {
			return err
		}
	}
	v, _ := e.Column(rec.cfg.Checkpoint.Monitor)
	best := rec.ranking.add(e.Epoch, v)
	if err := keepEpochs(rec.run, rec.ranking.top, e.Epoch, m); err != nil {
		return err
	}
	if best {
		if err := rec.sync(); err != nil {
			return err
		}
		if err := rec.t.SaveWithoutReplay(rec.run.CheckpointPath("best")); err != nil {
			return err
		}
	}
	if rec.saves(e.Epoch) {
		return rec.checkpoint()
	}
	return rec.sync()
}

// curves draws the curves. A table that has grown too long for them ends no
// training.
func (rec *recorder) curves() error {
	rec.drawn = time.Now()
	err := atomicfile.Write(rec.run.CurvesPath(), func(w io.Writer) error {
		return rec.log.curves(w, picture.Describe(rec.t.Model(), rec.t.Config().Generation(), picture.Layout{}).Text())
	})
	if e := (*metric.Error)(nil); errors.As(err, &e) {
		rec.note("no curves are drawn: %v", e)
		return nil
	}
	return err
}

// end closes the record of a training that ended with err.
func (rec *recorder) end(ctx context.Context, err error) error {
	stop := rec.t.Stopped()
	stopped := err == nil && stop != nil
	success := err == nil && (stop == nil || stop.Done)
	switch {
	case success:
		// Also where there was nothing left to train.
		saveErr := rec.t.Model().Save(rec.run.ModelPath())
		if saveErr == nil && stopped {
			saveErr = rec.checkpoint()
		}
		if saveErr == nil {
			saveErr = rec.curves()
		}
		if saveErr != nil {
			err = saveErr
		}
	case stopped, ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		if saveErr := rec.checkpoint(); saveErr != nil {
			err = fmt.Errorf("interrupted, and the state is not saved: %w", saveErr)
		}
		fallthrough
	default:
		// The curves show what led to the end. If they cannot be drawn
		// either, the first error is still the one to tell.
		_ = rec.curves()
	}
	closeErr := rec.log.close()
	if rec.board != nil {
		closeErr = errors.Join(closeErr, rec.board.close(success))
	}
	if err == nil {
		err = closeErr
	}
	return err
}
