package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// A screen prints lines, and below them, where it is a terminal, one live line
// that is drawn over and over. It is safe for use by several goroutines.
type screen struct {
	w     io.Writer
	live  bool // has a live line
	paint bool // may use colour
	width func() int

	mu    sync.Mutex
	lost  func()    // is told that nobody reads any more; may be nil
	drawn int       // columns of the live line now on the terminal
	at    time.Time // when it was drawn
}

// redraw is the least time between two drawings of the live line, and plain
// that between two lines of progress where there is none.
const (
	redraw = 100 * time.Millisecond
	plain  = 10 * time.Second
)

// newScreen prints to f, with a live line if it is a terminal that can show
// one and nobody keeps a log of it, as continuous integration does.
func newScreen(f *os.File, env func(string) string) *screen {
	s := &screen{w: f, width: func() int { return 80 }}
	if !term.IsTerminal(int(f.Fd())) {
		return s
	}
	capable := env("TERM") != "dumb" && enableEscapes(f)
	s.live = capable && env("CI") == ""
	s.paint = capable && env("NO_COLOR") == ""
	s.width = func() int {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}
	return s
}

// Write prints lines of text, above the live line. What a terminal might obey, our
// own colours apart, is made visible.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	if _, err := s.write(visibleLines(p, s.paint, appendVisible)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// onLost has f called when what is printed goes to a pipe that nobody reads any
// more. f must not print.
func (s *screen) onLost(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = f
}

// write needs s.mu.
func (s *screen) write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if s.lost != nil && errors.Is(err, syscall.EPIPE) {
		s.lost()
	}
	return n, err
}

// line prints a line above the live line, whatever is in the texts among args.
func (s *screen) line(format string, args ...any) {
	fmt.Fprintf(s, format+"\n", visibleArgs(args)...)
}

// clear takes the live line away.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

// erase needs s.mu.
func (s *screen) erase() {
	if s.drawn > 0 {
		s.write([]byte("\r\x1b[K"))
		s.drawn = 0
	}
}

// due tells whether it is time to show progress again, and if so counts it as
// shown.
func (s *screen) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	interval := plain
	if s.live {
		interval = redraw
	}
	now := time.Now()
	if now.Sub(s.at) < interval {
		return false
	}
	s.at = now
	return true
}

// show puts the parts on the live line, or the short ones where they do not
// fit, as many as do; where there is no live line it prints all parts as a
// line.
func (s *screen) show(parts, short []string) {
	parts, short = visibleAll(parts), visibleAll(short)
	if !s.live {
		s.line("%s", strings.Join(parts, "  "))
		return
	}
	width := s.width() - 1 // text in the last column makes some terminals go on to the next line
	text, columns, all := fit(parts, width)
	if !all && len(short) > 0 {
		text, columns, _ = fit(short, width)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, rest, ok := strings.Cut(text, "  "); ok && s.paint {
		text = bold + first + reset + "  " + rest
	}
	s.write([]byte("\r" + text + "\x1b[K"))
	s.drawn = max(columns, 1)
}

// fit joins as many of the parts as take no more than width columns, which
// are characters here, and always a piece of the first. all tells whether
// none was left out.
func fit(parts []string, width int) (text string, columns int, all bool) {
	for i, p := range parts {
		n := len([]rune(p))
		if i > 0 {
			p, n = "  "+p, n+2
		}
		if columns+n > width {
			if i == 0 {
				r := []rune(p)[:max(width, 0)]
				return string(r), len(r), false
			}
			return text, columns, false
		}
		text, columns = text+p, columns+n
	}
	return text, columns, true
}

const (
	bold  = "\x1b[1m"
	reset = "\x1b[0m"
)

// strong makes text bold where the screen can.
func (s *screen) strong(text string) painted {
	text = printable(text)
	if !s.paint {
		return painted(text)
	}
	return painted(bold + text + reset)
}
