package sweep_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/recipe"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/sweep"
)

// worker returns one for small images, and settings of a small training.
func worker(dir string) (*sweep.Worker, joule.Config) {
	cfg := joule.DefaultConfig()
	cfg.Network.HiddenFeatures, cfg.Sampler.Steps, cfg.Epochs, cfg.Buffer.Size = 2, 1, 1, 64
	cfg.Generate.EveryNEpochs, cfg.Filmstrip.EveryNEpochs, cfg.Snapshot.EveryNEpochs = 0, 0, 0
	cfg.Outliers.EveryNEpochs, cfg.TensorBoard.EveryNSteps = 0, 0
	open := func(_ context.Context, cfg *joule.Config) (train, val *dataset.Set, err error) {
		set := func(n int) *dataset.Set {
			return &dataset.Set{Name: cfg.Data, N: n, C: 1, H: 8, W: 8, Pixels: make([]byte, n*64), Labels: make([]byte, n)}
		}
		return set(128), set(64), nil
	}
	return &sweep.Worker{Dir: dir, Threads: 1, Open: open}, cfg
}

// TestWork: a run that has too little memory is a row, and the others are trained.
func TestWork(t *testing.T) {
	w, base := worker(filepath.Join(t.TempDir(), "s"))
	errMemory := errors.New("too little memory")
	w.Enough = func(cfg joule.Config, _ string, _, _ *dataset.Set) error {
		if cfg.Seed == 1 {
			return errMemory
		}
		return nil
	}
	trials, err := sweep.Combine(base, nil, axes(t, "seed=1,2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context(), base, trials); err != nil {
		t.Fatal(err)
	}
	figure, err := sweep.FindFigure("val_contrastive_divergence")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Open(w.Dir, base, figure, trials)
	if err != nil {
		t.Fatal(err)
	}
	release, err := sweep.Lock(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	opt := sweep.Options{Code: func(error) int { return 5 }}
	if err := s.Run(t.Context(), s.Left(trials, opt), opt, w.Work); err != nil {
		t.Fatal(err)
	}
	if r := s.Results[0]; r.State != sweep.Failed || r.Code != 5 || r.Reason != errMemory.Error() || r.Run != "" {
		t.Errorf("without memory: %+v", r)
	}
	r := s.Results[1]
	if _, ok := r.Figure("val_contrastive_divergence"); !ok || r.State != sweep.Done {
		t.Errorf("trained: %+v", r)
	}
	if info := (&run.Run{Dir: filepath.Join(w.Dir, r.Run)}).Info(); info.State != run.Finished {
		t.Errorf("its run is %s", info.State)
	}
}

// TestCheck: what does not fit the images is found before the first run.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ grid, judge, want string }{
		{`network.layers="flatten, linear 1","conv2d 4 kernel=9, flatten, linear 1"`, "", "with network.layers=conv2d 4 kernel=9, flatten, linear 1: network.layers: "},
		{"image.channels=0,3", "", "with image.channels=3: image.channels: 3, and that of the images is 1"},
		{"data=mnist,./photos", sweep.Quick, `data: "./photos" cannot be judged`},
	} {
		w, base := worker(t.TempDir())
		w.Judge = c.judge
		trials, err := sweep.Combine(base, nil, axes(t, c.grid))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Check(t.Context(), base, trials); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.grid, err, c.want)
		}
	}
}

// TestAblation: the list of docs/recipes.md fits the recipe.
func TestAblation(t *testing.T) {
	data, err := os.ReadFile("../docs/ablation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := sweep.ParseRows("ablation.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	r, err := recipe.Find("mnist-best")
	if err != nil {
		t.Fatal(err)
	}
	base, err := r.Config(joule.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	base.Network.HiddenFeatures = 32 // as the command there has it
	if trials, err := sweep.Combine(base, rows, nil); err != nil || len(trials) != len(rows) {
		t.Errorf("%d trials of %d rows, %v", len(trials), len(rows), err)
	}
}
