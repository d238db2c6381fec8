// Command survive measures how many trainings under hard settings come to a
// usable end, without the guard and with it: docs/guard.md has its table.
//
// A hash of each setting says which half of the list it belongs to: "tune" may be
// used to choose the guard's rules, bounds and cures, and "report" is for the
// table alone. "later" is a second list, written after both halves were done.
// Results are added to a file as they come, one JSON object a line,
// and what is there is not done again, so that it can be stopped at any time:
//
//	go run ./tools/survive -half tune -out tune.jsonl          # train
//	go run ./tools/survive -half tune -out tune.jsonl -table   # print the table
//
// A training takes seconds to a minute. MNIST has to be there, and for some
// settings Fashion-MNIST: see joule data.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"
)

//go:embed settings.txt
var list string

//go:embed later.txt
var later string

// options are the flags.
type options struct {
	half, only, settings, out, trace string
	guard                            string
	seed                             uint64
	jobs                             int
	limit                            time.Duration
	table                            bool
}

func main() {
	var o options
	flag.StringVar(&o.half, "half", "all", "tune, report, all of both, or later")
	flag.StringVar(&o.only, "only", "", "a part of the settings to train under")
	flag.StringVar(&o.settings, "settings", "", "a file of settings, in place of the built-in list")
	flag.StringVar(&o.out, "out", "", "file of results, which is added to")
	flag.StringVar(&o.guard, "guard", "both", "train with it, without it, or both")
	flag.StringVar(&o.trace, "trace", "", "folder for the values of every step, for none if empty")
	flag.Uint64Var(&o.seed, "seed", 300, "of all trainings")
	flag.IntVar(&o.jobs, "jobs", 1, "trainings at the same time, each on one core")
	flag.DurationVar(&o.limit, "limit", 10*time.Minute, "time after which a training counts as too slow")
	flag.BoolVar(&o.table, "table", false, "print the table of the results that are there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "survive:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	text := list
	if o.half == "later" {
		text = later
	}
	if o.settings != "" {
		b, err := os.ReadFile(o.settings)
		if err != nil {
			return err
		}
		text = string(b)
	}
	var settings []string
	for _, line := range lines(text) {
		if (o.half == "all" || o.half == "later" || o.half == half(line)) && strings.Contains(line, o.only) {
			settings = append(settings, line)
		}
	}
	done, err := read(o.out)
	if err != nil {
		return err
	}
	if !o.table {
		if err := o.trainAll(ctx, settings, done); err != nil {
			return err
		}
	}
	printTable(settings, o.seed, done)
	return nil
}

// trainAll trains what is not done yet, and adds the results to done and to the
// file.
func (o options) trainAll(ctx context.Context, settings []string, done map[task]result) error {
	file, err := os.OpenFile(o.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer file.Close()
	tasks := make(chan task)
	go func() {
		defer close(tasks)
		for _, s := range settings {
			if ctx.Err() == nil {
				tasks <- task{Settings: s, Seed: o.seed}
			}
		}
	}()
	var group sync.WaitGroup
	var mutex sync.Mutex
	var failed error
	for range o.jobs {
		group.Go(func() {
			for t := range tasks {
				mutex.Lock()
				earlier := [2]result{done[t], done[t.guarded()]}
				mutex.Unlock()
				results, err := o.both(ctx, t, earlier)
				mutex.Lock()
				for _, r := range results {
					b, _ := json.Marshal(r) // plain data
					_, e := fmt.Fprintf(file, "%s\n", b)
					err = errors.Join(err, e)
					done[r.task] = r
					fmt.Println(r)
				}
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s: %w", t.Settings, err))
				}
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	return failed
}

// both trains with the guard and without it, where that is not done yet. A guard
// that had nothing to do leaves no trace, so that one training will do for both.
func (o options) both(ctx context.Context, t task, earlier [2]result) (results []result, err error) {
	with := earlier[1]
	if with.End == "" && o.guard != "without" {
		if with, err = o.train(ctx, t.guarded()); err != nil {
			return nil, err
		}
		results = append(results, with)
	}
	switch {
	case earlier[0].End != "" || o.guard == "with":
		return results, nil
	case with.End != "" && with.calm():
		with.task = t
		return append(results, with), nil
	}
	without, err := o.train(ctx, t)
	if err != nil {
		return results, err
	}
	return append(results, without), nil
}
