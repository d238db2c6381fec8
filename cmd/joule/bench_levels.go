package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/joule-ml/joule/bench"
	"github.com/joule-ml/joule/internal/kernel"
	"github.com/spf13/pflag"
)

// lesserKernels are those that a processor can run besides the ones it has
// chosen. The generic ones are not among them: nothing has a peak that they
// could be near.
var lesserKernels = map[string][]string{"avx512": {"avx2"}}

// benchLesser adds to r how near the lesser kernels come to their peaks. Kernels
// are chosen once, when a process starts, so another one measures each.
func (a *app) benchLesser(ctx context.Context, r *bench.Report, flags *pflag.FlagSet) error {
	if a.self == nil || a.env(envKernel) != "" {
		return nil
	}
	self, err := a.self()
	if err != nil {
		a.screen.line("note: this program cannot start itself to measure other kernels: %v", err)
		return nil
	}
	args := []string{"bench", "--json"}
	flags.Visit(func(f *pflag.Flag) {
		if f.Name != "json" {
			args = append(args, fmt.Sprintf("--%s=%s", f.Name, f.Value))
		}
	})
	for _, name := range lesserKernels[kernel.Name()] {
		a.screen.line("measuring with the %s kernels", name)
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Env = append(a.environ[:len(a.environ):len(a.environ)], envKernel+"="+name)
		levels, err := levelsOf(cmd)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			a.screen.line("note: the %s kernels were not measured: %v", name, err)
			continue
		}
		r.Levels = append(r.Levels, levels...)
	}
	return nil
}

// levelsOf runs a bench --json and returns the levels of its report.
func levelsOf(cmd *exec.Cmd) ([]bench.Level, error) {
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		if _, said, found := strings.Cut(faults.String(), "joule: "); found {
			said, _, _ = strings.Cut(said, "\n")
			return nil, errors.New(said)
		}
		return nil, err
	}
	var r bench.Report
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, err
	}
	return r.Levels, nil
}

// writeLevels prints the share of each level's own peak, a line for each set of
// kernels where there are several.
func writeLevels(out io.Writer, r *bench.Report) {
	var names []string
	shares := map[string][]string{}
	for _, l := range r.Levels {
		if shares[l.Kernel] == nil {
			names = append(names, l.Kernel)
		}
		shares[l.Kernel] = append(shares[l.Kernel], fmt.Sprintf("%.3f of their peak on %s", l.LoopShareOfPeak, plural(l.Threads, "thread")))
	}
	if len(names) < 2 {
		return
	}
	for _, name := range names {
		fmt.Fprintf(out, "%s kernels: %s\n", name, strings.Join(shares[name], ", "))
	}
}
