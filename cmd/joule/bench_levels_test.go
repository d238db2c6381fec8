package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/joule-ml/joule/bench"
	"github.com/joule-ml/joule/internal/kernel"
)

// TestBenchLesser lets the program that scripts run measure the generic kernels,
// which every processor has.
func TestBenchLesser(t *testing.T) {
	before := lesserKernels
	lesserKernels = map[string][]string{kernel.Name(): {"generic"}}
	defer func() { lesserKernels = before }()

	measure := func(chains string, environ ...string) (levels []bench.Level, said string) {
		t.Helper()
		a, _, stderr := testApp(environ...)
		a.self = func() (string, error) { return exec.LookPath("joule") }
		flags := a.benchCommand().Flags()
		for name, value := range map[string]string{"json": "true", "quick": "true", "hidden-features": "4", "size": "9x9", "chains": chains, "steps": "1", "repetitions": "1", "threads": "2"} {
			if err := flags.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		r := &bench.Report{Levels: []bench.Level{{Kernel: "first"}}}
		if err := a.benchLesser(context.Background(), r, flags); err != nil {
			t.Fatal(err)
		}
		return r.Levels, stderr.String()
	}
	levels, said := measure("8")
	if len(levels) != 3 || levels[0].Kernel != "first" {
		t.Fatalf("levels %+v; %s", levels, said)
	}
	for i, l := range levels[1:] {
		if l.Kernel != "generic" || l.Threads != i+1 || l.Width < 1 || !(l.LoopShareOfPeak > 0) {
			t.Errorf("level %+v", l)
		}
	}
	// Who asks for kernels gets those alone, and a fault costs only what it concerns.
	if levels, said := measure("8", envKernel+"=generic"); len(levels) != 1 || said != "" {
		t.Errorf("levels %+v; %s", levels, said)
	}
	want := "measuring with the generic kernels\nnote: the generic kernels were not measured: --chains: 0 is not within 1 to 16384\n"
	if levels, said := measure("0"); len(levels) != 1 || said != want {
		t.Errorf("levels %+v; %s", levels, said)
	}
}

func TestWriteLevels(t *testing.T) {
	var text strings.Builder
	r := &bench.Report{Levels: []bench.Level{{Kernel: "a", Threads: 1, LoopShareOfPeak: .5}, {Kernel: "a", Threads: 2, LoopShareOfPeak: .25}}}
	if writeLevels(&text, r); text.Len() > 0 {
		t.Errorf("%q of a single level", &text)
	}
	r.Levels = append(r.Levels, bench.Level{Kernel: "b", Threads: 1, LoopShareOfPeak: .75})
	writeLevels(&text, r)
	want := "a kernels: 0.500 of their peak on 1 thread, 0.250 of their peak on 2 threads\nb kernels: 0.750 of their peak on 1 thread\n"
	if text.String() != want {
		t.Errorf("%q, want %q", &text, want)
	}
}
