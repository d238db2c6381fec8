package joule_test

import (
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/replay"
)

// TestMemoryUse: what a setting costs is told under the name of what it is for.
func TestMemoryUse(t *testing.T) {
	set := &dataset.Set{N: 60000, C: 1, H: 28, W: 28, Pixels: make([]byte, 60000*28*28)}
	use := func(change func(*joule.Config), what string) (n int64) {
		t.Helper()
		c := joule.DefaultConfig()
		change(&c)
		list, err := c.MemoryUse(set, nil, 2)
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
	const image = 28 * 28 * 4
	for _, c := range []struct {
		what   string
		change func(*joule.Config)
		least  int64 // more than by default
	}{
		{joule.UseBuffer, func(c *joule.Config) { c.Buffer.Size += 1000 }, 1000 * image},
		{joule.UseGuard, func(c *joule.Config) { c.Guard.EveryNSteps += 10 }, 2 * 10 * 64 * image},
		{joule.UseGuard, func(c *joule.Config) { c.Buffer.Policy, c.Buffer.Size = replay.Reservoir, 20000 }, 20000 * image},
		{joule.UseBatch, func(c *joule.Config) { c.BatchSize *= 2 }, 64 * image},
		{joule.UsePictures, func(c *joule.Config) { c.Generate.Chains *= 2 }, 64 * image},
		{joule.UseData, func(c *joule.Config) { c.Holdout = 0.1 }, 60000 * 28 * 28},
		{joule.UseActivations, func(c *joule.Config) { c.Network.HiddenFeatures *= 2 }, 1 << 20},
		{joule.UseNetwork, func(c *joule.Config) { c.Network.HiddenFeatures *= 2 }, 1 << 20},
		{joule.UseNetwork, func(c *joule.Config) { c.EMA.Decay = 0.9 }, 1 << 18},
	} {
		if got := use(c.change, c.what) - use(func(*joule.Config) {}, c.what); got < c.least {
			t.Errorf("%s: %d bytes more, want at least %d", c.what, got, c.least)
		}
	}
	for precision, bytes := range map[string]int64{replay.Float32: 4, replay.Float16: 2, replay.Uint8: 1} {
		for what, images := range map[string]int64{joule.UseBuffer: 8192, joule.UseGuard: 6400} {
			n := use(func(c *joule.Config) { c.Buffer.Precision = precision }, what)
			if least := images * 28 * 28 * bytes; n < least || n > least+3e6 {
				t.Errorf("%s of %s: %d bytes, want %d and a little", what, precision, n, least)
			}
		}
	}
	// A short training fills neither.
	short := func(c *joule.Config) { c.Epochs, c.LimitTrainBatches = 1, 9 }
	if n := use(short, joule.UseBuffer); n != 640*image {
		t.Errorf("%d bytes of buffer after nine batches, want 640 images", n)
	}
	if n := use(func(c *joule.Config) { c.Guard.Retries = 0 }, joule.UseGuard); n != 0 {
		t.Errorf("a guard that is off keeps %d bytes", n)
	}
}
