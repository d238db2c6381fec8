package bench

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/setting"
)

// tinyBench takes moments, also with the generic kernels.
func tinyBench() Config {
	return Config{
		HiddenFeatures: 4, Channels: 2, Size: 9, Chains: 10, Steps: 2, Threads: 2,
		Repetitions: 3, Images: 32, Window: 200 * time.Microsecond,
	}
}

func TestImageGradientFLOP(t *testing.T) {
	net, err := nn.New(arch.CNN(32, lane.Shape{C: 1, H: 28, W: 28}))
	if err != nil {
		t.Fatal(err)
	}
	// 856,128 multiply-adds forward, as many back.
	if got := imageGradientFLOP(net); got != 4*856128 {
		t.Errorf("%v, want 3,424,512", got)
	}
}

func TestBench(t *testing.T) {
	for _, threads := range []int{1, 2} {
		c := tinyBench()
		c.Threads = threads
		calls, last := 0, -1
		c.Progress = func(done, total int) {
			if total != c.Repetitions || done < last {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			calls, last = calls+1, done
		}
		r, err := Run(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		if last != c.Repetitions || calls < c.Repetitions {
			t.Errorf("%d calls of Progress, the last with %d", calls, last)
		}
		if r.Threads != threads || r.SingleCore.Threads != 1 || (r.Scaling != nil) != (threads > 1) {
			t.Errorf("threads %d and %d, scaling %v", r.Threads, r.SingleCore.Threads, r.Scaling)
		}
		if s := r.Scaling; s != nil {
			positive(t, "scaling", s.Loop, s.FMAPeak, s.LoopOverPeak)
		}
		for _, s := range []Speed{r.Speed, r.SingleCore} {
			checkSpeed(t, r, s)
		}
		checkLevels(t, r)
		// Six layers with weights; the activations, two parts of the sampler.
		if len(r.Layers) != 6*3 || len(r.Elementwise) != 3 {
			t.Errorf("%d layers and %d others", len(r.Layers), len(r.Elementwise))
		}
		for _, l := range r.Layers {
			positive(t, l.Name, l.Microseconds, l.GFLOPS, l.ShareOfPeak)
			if (l.ShareOfLoop > 0) != (l.Direction != paramGrad) {
				t.Errorf("%s, %s: share of the loop %v", l.Name, l.Direction, l.ShareOfLoop)
			}
		}
		for _, l := range r.Elementwise {
			positive(t, l.Name, l.Microseconds, l.ShareOfLoop)
		}
	}
}

// checkSpeed holds the numbers of s to one another: three repetitions have
// one median, whatever it is told in.
func checkSpeed(t *testing.T, r *Report, s Speed) {
	t.Helper()
	positive(t, "speed", s.FMAPeakGFLOPS, s.LoopGFLOPS, s.LoopShareOfPeak, s.ImageGradientsPerSecond, s.SampleStepMS, s.TrainStepMS, s.TrainStepOverSampling)
	near := func(what string, a, b float64) {
		if math.Abs(a-b) > 1e-9*b {
			t.Errorf("%s: %v and %v", what, a, b)
		}
	}
	near("GFLOP/s", s.LoopGFLOPS, s.ImageGradientsPerSecond*r.MFLOPPerImageGradient/1e3)
	near("milliseconds a step", s.SampleStepMS, 1e3*float64(r.Chains)/s.ImageGradientsPerSecond)
	if s.AllocationsPerStep < 0 || s.AllocatedBytesPerStep < 0 {
		t.Errorf("%v allocations of %v bytes", s.AllocationsPerStep, s.AllocatedBytesPerStep)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	if len(s.Spread) != len(values)-2 {
		t.Errorf("spread of %d of %d values", len(s.Spread), len(values)-2)
	}
	for key, spread := range s.Spread {
		if v, ok := values[key].(float64); !ok || v < spread[0] || v > spread[1] {
			t.Errorf("%s: %v is not within %v", key, values[key], spread)
		}
	}
}

// checkLevels wants the kernels in use on one thread and, where there are more,
// on all.
func checkLevels(t *testing.T, r *Report) {
	t.Helper()
	want := []Speed{r.SingleCore}
	if r.Scaling != nil {
		want = append(want, r.Speed)
	}
	if len(r.Levels) != len(want) {
		t.Fatalf("%d levels, want %d", len(r.Levels), len(want))
	}
	for i, l := range r.Levels {
		if l.Kernel != r.Kernel || l.Width < 1 || l.Threads != want[i].Threads || l.LoopShareOfPeak != want[i].LoopShareOfPeak {
			t.Errorf("level %+v", l)
		}
	}
	if r.ActivationBytes < 1 {
		t.Errorf("%d bytes of activations", r.ActivationBytes)
	}
}

func positive(t *testing.T, what string, values ...float64) {
	t.Helper()
	for i, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			t.Errorf("%s: value %d is %v", what, i, v)
		}
	}
}

// Programs rely on these keys.
func TestBenchKeys(t *testing.T) {
	data, err := json.Marshal(&Report{
		Scaling: &Scaling{}, Layers: []Layer{{Direction: forward, GFLOPS: 1, ShareOfPeak: 1}}, Levels: []Level{{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	has := func(what any, keys ...string) {
		t.Helper()
		object, ok := what.(map[string]any)
		for _, key := range keys {
			if _, found := object[key]; !ok || !found {
				t.Errorf("no key %q", key)
			}
		}
	}
	speed := []string{
		"threads", "fma_peak_gflops", "loop_gflops", "loop_share_of_peak", "image_gradients_per_second", "sample_step_ms", "train_step_ms",
		"train_step_over_sampling", "allocations_per_step", "allocated_bytes_per_step",
	}
	has(values, append(speed, "cpu", "kernel", "peak_rss_mb", "peak_rss_bytes", "activation_bytes", "layers", "levels", "single_core", "scaling", "date", "go")...)
	has(values["levels"].([]any)[0], "kernel", "width", "threads", "fma_peak_gflops", "loop_gflops", "loop_share_of_peak", "train_step_over_sampling")
	has(values["single_core"], speed...)
	has(values["layers"].([]any)[0], "name", "direction", "gflops", "share_of_peak")
}

// Chains of one, full batches alone from few images, and all cores.
func TestBenchCorners(t *testing.T) {
	c := tinyBench()
	c.Chains, c.Steps, c.Threads, c.Images, c.Repetitions = 1, 1, 0, 1, 1
	r, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	checkSpeed(t, r, r.Speed)
}

func TestBenchStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := tinyBench()
	c.Repetitions = 1000
	c.Progress = func(done, _ int) {
		if done == 1 {
			cancel()
		}
		if done > 1 {
			t.Error("went on")
		}
	}
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestBenchConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for key, change := range map[string]func(c *Config){
		"hidden-features": func(c *Config) { c.HiddenFeatures = 3 },
		"channels":        func(c *Config) { c.Channels = 0 },
		"size":            func(c *Config) { c.Size = 1000 },
		"chains":          func(c *Config) { c.Chains, c.Size = 16384, 512 },
		"steps":           func(c *Config) { c.Steps = 0 },
		"threads":         func(c *Config) { c.Threads = -1 },
		"repetitions":     func(c *Config) { c.Repetitions = 0 },
		"images":          func(c *Config) { c.Images = 0 },
		"window":          func(c *Config) { c.Window = 0 },
	} {
		c := tinyBench()
		change(&c)
		var e *setting.Error
		if _, err := Run(context.Background(), c); !errors.As(err, &e) || e.Key != key {
			t.Errorf("%s: error %v", key, err)
		}
	}
	// A network that cannot be built is an error too: its activations are
	// beyond bounds.
	c := tinyBench()
	c.HiddenFeatures, c.Size = 1024, 512
	if _, err := Run(context.Background(), c); err == nil {
		t.Error("built a network without bounds")
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 4}, 4}, {[]float64{4, 1, 9, 2}, 3}} {
		before := slices.Clone(test.values)
		if got := median(test.values); got != test.want || !slices.Equal(before, test.values) {
			t.Errorf("median of %v: %v, want %v", before, got, test.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("median of nothing")
	}
}
