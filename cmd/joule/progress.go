package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/run"
)

// A progress shows how a training goes, and sums it up.
type progress struct {
	screen    *screen
	cfg       joule.Config
	began     time.Time
	duration  time.Duration // of a step, smoothed
	gradients int64
	stepping  time.Duration // time spent in steps
	epochs    []joule.EpochInfo
}

func newProgress(s *screen, cfg joule.Config) *progress {
	return &progress{screen: s, cfg: cfg, began: time.Now()}
}

// smoothing is the weight of the latest step in the mean of their durations:
// the last twenty or so count.
const smoothing = 0.05

func (p *progress) step(s joule.StepInfo) error {
	p.gradients += int64(s.ImageGradients)
	p.stepping += s.Duration
	if p.duration == 0 {
		p.duration = s.Duration
	}
	p.duration += time.Duration(smoothing * float64(s.Duration-p.duration))
	if p.screen.due() || s.Batch+1 == s.Batches && !p.screen.live {
		p.screen.show(p.parts(s))
	}
	return nil
}

// parts describes a step, the most important first, for a wide and for a
// narrow terminal.
func (p *progress) parts(s joule.StepInfo) (parts, short []string) {
	epoch, batch := s.Epoch+1, s.Batch+1
	left := (p.cfg.Epochs-epoch)*s.Batches + s.Batches - batch
	eta := "ETA " + durationText(time.Duration(left)*p.duration)
	rate := int64(0)
	if p.duration > 0 {
		rate = int64(float64(s.ImageGradients) / p.duration.Seconds())
	}
	parts = []string{
		fmt.Sprintf("epoch %d/%d", epoch, p.cfg.Epochs),
		fmt.Sprintf("batch %d/%d", batch, s.Batches),
		eta,
		thousands(rate) + " image-gradients/s",
	}
	short = []string{
		parts[0],
		fmt.Sprintf("%d/%d", batch, s.Batches),
		eta,
		fmt.Sprintf("%dk/s", rate/1000),
	}
	// What the objective measures, and the loss that comes of it.
	show := func(label string, v float64) {
		parts = append(parts, fmt.Sprintf("%s %+.4f", label, v))
		short = append(short, fmt.Sprintf("%s %+.3f", strings.TrimSuffix(strings.TrimPrefix(label, "E("), ")"), v))
	}
	for i, f := range s.Figures {
		if f.Label != "" && f.Name != metric.Loss {
			show(f.Label, s.Values[i])
		}
	}
	show("loss", s.Loss)
	return parts, short
}

func (p *progress) epoch(e joule.EpochInfo) error {
	p.epochs = append(p.epochs, e)
	p.screen.line("epoch %d/%d  validation: E(real) %+.4f  E(noise) %+.4f  contrastive divergence %+.4f",
		e.Epoch, p.cfg.Epochs, e.Real, e.Noise, e.Divergence)
	return nil
}

func (p *progress) rollback(r joule.Rollback) error {
	p.screen.line("guard: %s", r)
	return nil
}

func (p *progress) note(text string) { p.screen.line("note: %s", text) }

// summary tells what a finished training came to and what to do next.
func (p *progress) summary(folder *run.Run, threads int) {
	var b strings.Builder
	if len(p.epochs) > 1 {
		fmt.Fprintf(&b, "validation   E(real)  E(noise)  contrastive divergence\n")
		for _, e := range p.epochs {
			fmt.Fprintf(&b, "epoch %-5d  %+7.4f  %+8.4f  %+22.4f\n", e.Epoch, e.Real, e.Noise, e.Divergence)
		}
	}
	if p.stepping > 0 {
		fmt.Fprintf(&b, "speed   %s image-gradients/s (%s kernels, %s)\n",
			thousands(int64(float64(p.gradients)/p.stepping.Seconds())), kernel.Name(), plural(threads, "thread"))
	}
	fmt.Fprintf(&b, "time    %s\n", secondsText(time.Since(p.began)))
	if m := peakMemory(); m > 0 {
		fmt.Fprintf(&b, "memory  %s at most\n", bytesText(m))
	}
	fmt.Fprintf(&b, "run     %s\n", printable(folder.Dir))
	fmt.Fprintf(&b, "model   %s\n", printable(folder.ModelPath()))
	fmt.Fprintf(&b, "next    %s\n", p.screen.strong(commandName()+" sample "+quote(folder.Dir)))
	p.screen.Write([]byte(b.String()))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands writes 12345 as 12,345.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// durationText writes a duration as a clock would: 1h02m, 4m05s, 7s.
func durationText(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s >= 3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	case s >= 60:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%ds", s)
}

// secondsText writes a duration in seconds, and as a clock would if long.
func secondsText(d time.Duration) string {
	s := fmt.Sprintf("%.1f s", d.Seconds())
	if d >= time.Minute {
		s += " (" + durationText(d) + ")"
	}
	return s
}
