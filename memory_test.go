package joule_test

import (
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/replay"
)

// TestMemoryUse: what a setting costs is told under the name of what it is for.
func TestMemoryUse(t *testing.T) {
	use := func(change func(*joule.Config), what string) (n int64) {
		t.Helper()
		c := joule.DefaultConfig()
		change(&c)
		list, err := c.MemoryUse(lane.Shape{C: 1, H: 28, W: 28}, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range list {
			if u.What == what {
				n += u.Bytes
			}
		}
		return n
	}
	const image = 4 * 28 * 28
	for _, c := range []struct {
		what   string
		change func(*joule.Config)
		least  int64 // more than by default
	}{
		{joule.UseBuffer, func(c *joule.Config) { c.Buffer.Size += 1000 }, 1000 * image},
		{joule.UseGuard, func(c *joule.Config) { c.Guard.EveryNSteps += 10 }, 2 * 10 * 64 * image},
		{joule.UseGuard, func(c *joule.Config) { c.Buffer.Policy, c.Buffer.Size = replay.Reservoir, 20000 }, 20000 * image},
		{joule.UseBatch, func(c *joule.Config) { c.BatchSize *= 2 }, 64 * image},
		{joule.UseActivations, func(c *joule.Config) { c.Network.HiddenFeatures *= 2 }, 1 << 20},
		{joule.UseNetwork, func(c *joule.Config) { c.Network.HiddenFeatures *= 2 }, 1 << 20},
		{joule.UseNetwork, func(c *joule.Config) { c.EMA.Decay = 0.9 }, 1 << 18},
	} {
		if got := use(c.change, c.what) - use(func(*joule.Config) {}, c.what); got < c.least {
			t.Errorf("%s: %d bytes more, want at least %d", c.what, got, c.least)
		}
	}
	if n := use(func(c *joule.Config) { c.Guard.Retries = 0 }, joule.UseGuard); n != 0 {
		t.Errorf("a guard that is off keeps %d bytes", n)
	}
}
