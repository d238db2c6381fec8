package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interruptible returns a context that ends at the first Ctrl-C, or at the
// system's request to terminate. The second one ends the program at once.
func (a *app) interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-signals:
			case <-ctx.Done():
				if n == 0 {
					return // the command ended by itself
				}
				<-signals
			}
			if n > 0 {
				a.screen.clear()
				os.Exit(exitInterrupted)
			}
			a.screen.line("stopping; press Ctrl-C once more to quit at once")
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
