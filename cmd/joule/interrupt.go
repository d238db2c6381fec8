package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// humanInterval is the least time between two requests of a person. timeout
// signals a program and its process group at once, and a terminal and what
// runs the program may do so both: that is one request.
const humanInterval = time.Second

// A stopper says what a request to stop means.
type stopper struct {
	now    func() time.Time
	saving func() bool // there is something to save
	tell   func(format string, args ...any)
	cancel func() // ends the command, which saves what there is
	quit   func() // ends the program at once

	begun time.Time // when the first request came; zero before
}

// request takes a request to stop. The first ends the command. A later one of a
// person ends the program at once; one of the system does so only where nothing
// is lost by it.
func (s *stopper) request(sig os.Signal) {
	switch {
	case s.begun.IsZero():
		s.begun = s.now()
		if sig == os.Interrupt {
			s.tell("stopping; press Ctrl-C once more to quit at once")
		} else {
			s.tell("stopping: %v", sig)
		}
		s.cancel()
	case s.now().Sub(s.begun) < humanInterval:
	case sig == os.Interrupt || !s.saving():
		s.quit()
	}
}

// interruptible returns a context that ends at the first request to stop: Ctrl-C,
// SIGTERM, a terminal that hangs up, or a pipe from stderr that nobody reads any
// more. What was ignored when the program started stays so, as nohup wants it
// (of SIGTERM Go does not tell). Windows' requests come as os.Interrupt and
// SIGTERM.
func (a *app) interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := stopper{
		now: time.Now, saving: a.saving.Load, tell: a.screen.line, cancel: cancel,
		quit: func() { a.screen.clear(); os.Exit(exitInterrupted) },
	}
	signals := make(chan os.Signal, 4)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			signal.Notify(signals, sig)
		}
	}
	// Without a channel for it, SIGPIPE would end the program within a write.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	lost := make(chan struct{}, 1)
	if !signal.Ignored(syscall.SIGHUP) {
		a.screen.onLost(func() {
			select {
			case lost <- struct{}{}:
			default:
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-signals:
				s.request(sig)
			case <-lost:
				s.request(syscall.SIGPIPE)
			case <-ended:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		close(ended)
		cancel()
	}
}

// nobodyReads tells whether standard output is a pipe whose reader has gone, as
// in joule runs list | head.
func nobodyReads(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Path == os.Stdout.Name() && errors.Is(p.Err, syscall.EPIPE)
}
