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
func (p Pool) Each(n int, f func(worker, block int)) {
	workers := min(p.Workers, n)
	if workers <= 1 {
		for b := range n {
			f(0, b)
		}
		return
	}
	var next atomic.Int64
	work := func(worker int) {
		for b := next.Add(1) - 1; b < int64(n); b = next.Add(1) - 1 {
			f(worker, int(b))
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { work(w) })
	}
	work(0)
	wg.Wait()
}
