package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestStopper: the first request ends the command, and only a later one of a
// person the program, where there is something to save.
func TestStopper(t *testing.T) {
	const soon, later = time.Millisecond, 2 * time.Second
	type request struct {
		sig   os.Signal
		after time.Duration // the one before
	}
	for name, c := range map[string]struct {
		saving   bool
		requests []request
		want     []string
	}{
		"Ctrl-C":               {true, []request{{os.Interrupt, 0}}, []string{"cancel"}},
		"twice at once":        {true, []request{{os.Interrupt, 0}, {os.Interrupt, soon}}, []string{"cancel"}},
		"twice":                {true, []request{{os.Interrupt, 0}, {os.Interrupt, soon}, {os.Interrupt, later}}, []string{"cancel", "quit"}},
		"timeout":              {true, []request{{syscall.SIGTERM, 0}, {syscall.SIGTERM, soon}}, []string{"cancel"}},
		"SIGTERM again":        {true, []request{{syscall.SIGTERM, 0}, {syscall.SIGTERM, later}}, []string{"cancel"}},
		"nothing to save":      {false, []request{{syscall.SIGTERM, 0}, {syscall.SIGTERM, later}}, []string{"cancel", "quit"}},
		"hangup, then SIGTERM": {true, []request{{syscall.SIGHUP, 0}, {syscall.SIGTERM, later}}, []string{"cancel"}},
		"SIGTERM, then Ctrl-C": {true, []request{{syscall.SIGTERM, 0}, {os.Interrupt, later}}, []string{"cancel", "quit"}},
	} {
		now := time.Unix(0, 0)
		var got []string
		s := stopper{
			now:    func() time.Time { return now },
			saving: func() bool { return c.saving },
			tell:   func(string, ...any) {},
			cancel: func() { got = append(got, "cancel") },
			quit:   func() { got = append(got, "quit") },
		}
		for _, r := range c.requests {
			now = now.Add(r.after)
			s.request(r.sig)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestNobodyReads: a closed standard output ends the program without a word, a
// closed connection does not.
func TestNobodyReads(t *testing.T) {
	gone := &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}
	for _, c := range []struct {
		err  error
		code int
	}{{gone, exitPipe}, {errors.Join(gone), exitPipe}, {&fs.PathError{Op: "write", Path: "x", Err: syscall.EPIPE}, exitFailure}, {syscall.EPIPE, exitFailure}} {
		a, _, stderr := testApp()
		if code := a.report(t.Context(), c.err); code != c.code || (stderr.Len() == 0) != (code == exitPipe) {
			t.Errorf("%v: exit code %d, printed %q", c.err, code, stderr)
		}
	}
}
