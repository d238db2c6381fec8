package lane

import (
	"sync"
	"sync/atomic"
)

// A Pool spreads blocks over workers. Which worker takes a block is left to
// chance: nothing computed may depend on it.
type Pool struct{ Workers int }

// Each calls f for every block 0 … n−1, on up to p.Workers goroutines.
// worker, below p.Workers, names a goroutine's own scratch space. There is no
// synchronisation while f runs; n blocks on w workers take ⌈n/w⌉ rounds.
func (p Pool) Each(n int, f func(worker, block int)) { new(Crew).Each(p.Workers, n, f) }

// A Crew does what a Pool does in memory that it keeps: a call takes none. It is
// for one goroutine at a time.
type Crew struct {
	f    func(worker, block int)
	n    int64
	next atomic.Int64
	done sync.WaitGroup
	work []func() // of each worker but the first, which is whoever calls Each
}

// Each is that of a Pool of so many workers.
func (c *Crew) Each(workers, n int, f func(worker, block int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for b := range n {
			f(0, b)
		}
		return
	}
	for len(c.work) < workers-1 {
		worker := len(c.work) + 1
		c.work = append(c.work, func() {
			defer c.done.Done()
			c.take(worker)
		})
	}
	c.f, c.n = f, int64(n)
	c.next.Store(0)
	c.done.Add(workers - 1)
	for _, work := range c.work[:workers-1] {
		start(work)
	}
	c.take(0)
	c.done.Wait()
	c.f = nil // what it holds may be large
}

// take takes blocks until none is left.
func (c *Crew) take(worker int) {
	for b := c.next.Add(1) - 1; b < c.n; b = c.next.Add(1) - 1 {
		c.f(worker, int(b))
	}
}

// idle hands work to goroutines that have none. They are never ended: a new one
// for each call would take memory in every step of a training.
var idle = make(chan func())

// start runs work on a goroutine that is idle, or on a new one.
func start(work func()) {
	select {
	case idle <- work:
	default:
		go serve(work)
	}
}

// serve runs work, and then what start gives it.
func serve(work func()) {
	for {
		work()
		work = <-idle
	}
}
