package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
)

// TestTrainCost: what a training takes is known and told before it begins.
func TestTrainCost(t *testing.T) {
	c := joule.DefaultConfig()
	c.Network.HiddenFeatures, c.BatchSize, c.Sampler.Steps, c.Epochs = 2, 8, 2, 5
	c.Generate.Chains, c.Generate.Steps, c.Filmstrip.Chains = 3, 2, 1
	c.Filmstrip.Steps = 0
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9)) // 3 batches an epoch
	if err != nil {
		t.Fatal(err)
	}
	const image = 4 * 12 * 12
	cost := costOf(tr)
	state := 12 * int64(tr.Model().Parameters())
	if want := (trainCost{state: state, buffer: 8192 * image, guard: 2*state + 3*8*image, pictures: 3, epochs: 5}); cost != want {
		t.Errorf("%+v, want %+v", cost, want)
	}
	for _, tt := range []struct {
		cost trainCost
		want string
	}{
		{cost, "epochs are short: pictures of the first and the last epoch and each multiple of 3; generate.every_n_epochs=1 makes them all\n"},
		{trainCost{pictures: 9, epochs: 5}, "epochs are short: pictures of the first and the last epoch; generate.every_n_epochs=1 makes them all\n"},
		{trainCost{pictures: 1, epochs: 5}, ""},
		{trainCost{state: 1e6, buffer: 100e6, guard: 5e6}, "a checkpoint will take up to 106.0 MB: 100.0 MB the replay buffer (buffer.size), 5.0 MB what the guard goes back to"},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "screen"))
		if err != nil {
			t.Fatal(err)
		}
		tt.cost.tell(newScreen(f, func(string) string { return "" }))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || !strings.HasPrefix(string(got), tt.want) || tt.want == "" && len(got) > 0 {
			t.Errorf("%+v tells %q, want %q", tt.cost, got, tt.want)
		}
	}
}
