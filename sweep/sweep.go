// Package sweep trains with many combinations of settings and compares what comes
// out. Start with Combine for the combinations, Open for the folder that keeps what
// is done, and Sweep.Run; a Worker trains and judges one.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/joule-ml/joule"
)

// A State says how a run of a sweep stands.
type State string

// The states of a run, in their order.
const (
	Waiting State = "waiting"
	Running State = "running" // or a process was ended while it was
	Trained State = "trained" // and still to be judged
	Done    State = "done"
	Failed  State = "failed" // see Result.Code and Result.Reason
)

// A Result is a combination of settings, and what its run has come to.
type Result struct {
	Name     string             `json:"name,omitempty"`
	Settings []string           `json:"settings"`      // key=value, where they differ from the sweep's
	Run      string             `json:"run,omitempty"` // its folder, beside sweep.json
	State    State              `json:"state"`
	Code     int                `json:"code,omitempty"`   // the exit code that joule train gives for it
	Reason   string             `json:"reason,omitempty"` // of a failure, or what is to be known of a success
	Starts   int                `json:"starts,omitempty"` // since one was ended properly
	Seconds  float64            `json:"seconds"`          // of training and judging
	Judged   string             `json:"judged,omitempty"` // how thoroughly
	Figures  map[string]float64 `json:"figures,omitempty"`

	Config joule.Config `json:"-"`
}

// most is how often a run is started whose process was ended each time, by the
// system for want of memory perhaps.
const most = 3

// Work trains the run of r, or goes on with it, and fills in what it comes to. It
// calls keep whenever r has changed in a way that must not be lost.
type Work func(ctx context.Context, r *Result, keep func() error) error

// Options say how a sweep runs.
type Options struct {
	Parallel int             // runs at a time, from 1
	Judge    string          // see Depths; "" for no evaluation
	Retry    bool            // failed runs begin again
	Code     func(error) int // the exit code for an error
	Begin    func(r *Result) // is told of a run that begins; may be nil
	End      func(r *Result) // and of one that has ended or failed; may be nil
}

// Left lists the trials' runs that are still to be trained or judged, in order.
func (s *Sweep) Left(trials []Trial, opt Options) []*Result {
	var left []*Result
	for _, t := range trials {
		r := s.find(t.Config)
		if r == nil {
			panic("sweep: a trial that was not added")
		}
		switch {
		case r.State == Failed && !opt.Retry:
			continue
		case r.State == Done && (opt.Judge == "" || r.Judged == opt.Judge):
			continue
		}
		left = append(left, r)
	}
	return left
}

// Run works at those that are left, in their order and so many at a time, and
// keeps the results. A run that fails is a result; only what keeps the sweep from
// going on is an error, such as ctx's where that is done first. The runs under way
// are then saved, and the next Run goes on with them.
func (s *Sweep) Run(ctx context.Context, left []*Result, opt Options, work Work) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan *Result)
	var workers sync.WaitGroup
	for range max(opt.Parallel, 1) {
		workers.Go(func() {
			for r := range next {
				if err := s.one(ctx, r, opt, work); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, r := range left {
		select {
		case next <- r:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// one works at one result.
func (s *Sweep) one(ctx context.Context, r *Result, opt Options, work Work) error {
	if ctx.Err() != nil {
		return nil
	}
	copied, err := s.begin(r, opt)
	if err != nil || copied.State == Failed {
		return err
	}
	start := time.Now()
	err = work(ctx, copied, func() error { return s.keep(r, copied) })
	copied.Seconds += time.Since(start).Seconds()
	copied.Starts = 0
	switch {
	case err == nil:
		copied.State = Done
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		return s.keep(r, copied)
	default:
		copied.State, copied.Reason = Failed, err.Error()
		copied.Code = opt.Code(err)
	}
	if err := s.keep(r, copied); err != nil {
		return err
	}
	s.notify(opt.End, copied)
	return nil
}

// notify calls f, of all runs one at a time.
func (s *Sweep) notify(f func(*Result), r *Result) {
	if f != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		f(r)
	}
}

// begin notes that r is worked at and returns the copy that is, so that others may
// read r.
func (s *Sweep) begin(r *Result, opt Options) (*Result, error) {
	copied := *r
	if copied.State == Failed || copied.State == Waiting {
		copied.Code, copied.Reason, copied.Starts = 0, "", 0
	}
	if copied.Starts >= most {
		copied.State, copied.Code, copied.Starts = Failed, opt.Code(errEnded), 0
		copied.Reason = errEnded.Error()
		defer s.notify(opt.End, &copied)
		return &copied, s.keep(r, &copied)
	}
	copied.Starts++
	switch copied.State {
	case Waiting, Failed:
		copied.State = Running
	case Done: // and to be judged
		copied.State = Trained
	}
	s.notify(opt.Begin, &copied)
	return &copied, s.keep(r, &copied)
}

// errEnded is why a run is not tried again.
var errEnded = fmt.Errorf("the program was ended %d times while it trained this; by the system for want of memory, perhaps", most)

// keep puts what has become of r in its place and writes the files.
func (s *Sweep) keep(r, now *Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	figures := map[string]float64{}
	for name, v := range now.Figures {
		figures[name] = v
	}
	*r = *now
	r.Figures = figures
	return s.save()
}
