package record

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/run"
	"github.com/joule-ml/joule/tensorboard"
)

// frozen are settings under which the validation does not become better.
func frozen() joule.Config {
	c := tinyRun()
	c.Optimizer.LearningRate = 0
	c.Epochs = 9
	c.EarlyStop.Patience = 3
	// Real images do not change, nor does what the network says of them.
	c.EarlyStop.Monitor = metric.Column(metric.ValReal)
	return c
}

func TestRunStopsEarly(t *testing.T) {
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(frozen(), toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	pause := errors.New("pause")
	// The patience goes on over a resume.
	err = Fit(t.Context(), r, trainer, joule.Callback{Epoch: func(e joule.EpochInfo) error {
		if e.Epoch == 2 {
			return pause
		}
		return nil
	}})
	if !errors.Is(err, pause) {
		t.Fatal(err)
	}
	trainer, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
	if err != nil {
		t.Fatal(err)
	}
	var stop *joule.StopError
	if err := Fit(t.Context(), r, trainer); !errors.As(err, &stop) || !stop.Done {
		t.Fatalf("Fit ends with %v", err)
	}
	if trainer.Epochs() != 4 {
		t.Errorf("stopped after %d epochs, want 4", trainer.Epochs())
	}
	if _, err := joule.LoadModel(r.ModelPath()); err != nil {
		t.Error(err)
	}
	if i := r.Info(); i.State != run.Finished {
		t.Errorf("the run is %s", i.State)
	}
	// Who resumes it wants to go on.
	trainer, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := Fit(t.Context(), r, trainer); !errors.As(err, &stop) || trainer.Epochs() != 5 {
		t.Errorf("Fit ends with %v after %d epochs", err, trainer.Epochs())
	}
}

func TestRunStopsInTime(t *testing.T) {
	c := tinyRun()
	straight := fitRun(t, c)
	c.MaxMinutes = 1e-9
	r, err := run.Create(t.TempDir(), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	for range 6 { // one step each time
		before := trainer.Steps()
		err := Fit(t.Context(), r, trainer)
		var stop *joule.StopError
		if trainer.Epochs() < c.Epochs && (!errors.As(err, &stop) || stop.Done) {
			t.Fatalf("Fit ends with %v", err)
		}
		if trainer.Steps() != before+1 {
			t.Fatalf("%d steps in no time", trainer.Steps()-before)
		}
		if trainer, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := Fit(t.Context(), r, trainer); err != nil {
		t.Fatal(err)
	}
	a, err := joule.LoadModel(straight.ModelPath())
	if err != nil {
		t.Fatal(err)
	}
	b, err := joule.LoadModel(r.ModelPath())
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash() != b.Hash() {
		t.Error("a training in pieces gives another model")
	}
}

// What callbacks look at must not change what is trained.
func TestCallbacksLeaveNoTrace(t *testing.T) {
	c := tinyRun()
	loud := fitRun(t, c)
	c.Generate.EveryNEpochs, c.Filmstrip.EveryNEpochs, c.Snapshot.EveryNEpochs = 0, 0, 0
	c.Outliers.EveryNEpochs, c.TensorBoard.EveryNSteps = 0, 0
	quiet := fitRun(t, c)
	var hash []string
	for _, r := range []*run.Run{loud, quiet} {
		trainer, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
		if err != nil {
			t.Fatal(err)
		}
		hash = append(hash, trainer.Model().Hash())
	}
	if hash[0] != hash[1] {
		t.Error("pictures and logs change the model")
	}
	events, err := filepath.Glob(filepath.Join(quiet.Dir, "events*"))
	if err != nil || len(events) != 0 {
		t.Errorf("event files that nobody asked for: %v, %v", events, err)
	}
}

// logged trains for four epochs with a callback, and returns the trainer and
// the records of the callback.
func logged(t *testing.T, make func(*joule.Trainer) joule.Callback) (*joule.Trainer, []joule.Record) {
	t.Helper()
	c := tinyRun()
	c.Epochs = 4
	tr, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	var records []joule.Record
	log := joule.Callback{Log: func(r joule.Record) error { records = append(records, r); return nil }}
	if err := tr.Fit(t.Context(), log, make(tr)); err != nil {
		t.Fatal(err)
	}
	return tr, records
}

// TestFilmstrip: chain 1's last picture is sample 1 of the model.
func TestFilmstrip(t *testing.T) {
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return Filmstrip(tr, joule.FilmstripConfig{Chains: 3, Steps: 8, Pictures: 4, EveryNEpochs: 2})
	})
	if len(records) != 2 || records[0].Epoch != 2 {
		t.Fatalf("every second of four epochs is %+v", records)
	}
	r := records[1]
	if len(r.Figures) != 4 || r.Figures[0].File != "samples/chain=4.png" || r.Figures[2].Tag != "generation_1" || r.Epoch != 4 || r.Step != 12 {
		t.Fatalf("record %+v", r)
	}
	img, err := png.Decode(bytes.NewReader(encoded(t, r.Figures[2])))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != 4*14+2 || b.Dy() != 16 {
		t.Errorf("a strip of four pictures of 12×12 is %v", b)
	}
	sc := joule.SampleConfig{N: 3, Seed: tr.Config().Seed, Sampler: tr.Config().Sampler}
	sc.Sampler.Steps = 8
	s, err := tr.Model().Sample(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	for y := range 12 {
		for x := range 12 {
			got, _, _, _ := img.At(2+3*14+x, 2+y).RGBA()
			want := (s.Images[144+y*12+x] + 1) / 2 * 255
			if math.Abs(float64(got>>8)-float64(want)) > 1 {
				t.Fatalf("pixel %d,%d of the last picture is %d, want %.1f", x, y, got>>8, want)
			}
		}
	}
}

func TestSnapshot(t *testing.T) {
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return Snapshot(tr, joule.SnapshotConfig{Images: 9, EveryNEpochs: 4})
	})
	if f := records[0].Figures[0]; f.Tag != "replay_buffer" || f.File != "samples/buffer=4.png" || len(encoded(t, f)) == 0 {
		t.Errorf("figure %+v", f)
	}
	// All images shown are in the buffer, and not all the same one.
	x, b := make([]float32, 20*144), tr.Buffer()
	b.Show(x, tr.Stream(random.Snapshot), 0, 12)
	distinct := map[int]bool{}
	for i := range 20 {
		at := 0
		for at < b.Len() && !slices.Equal(b.Image(at), x[i*144:(i+1)*144]) {
			at++
		}
		if at == b.Len() {
			t.Fatal("a picture of something that is not in the buffer")
		}
		distinct[at] = true
	}
	if len(distinct) < 5 {
		t.Errorf("%d different images of 20 draws from %d", len(distinct), b.Len())
	}
}

func TestOutliers(t *testing.T) {
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return Outliers(tr, joule.OutlierConfig{Images: 19, EveryNEpochs: 4})
	})
	noise, energy := make([]float32, 19*144), make([]float32, 19)
	for i := range 19 {
		random.Stream{Seed: tr.Config().Seed, Purpose: random.Outliers}.Uniform(noise[i*144:(i+1)*144], uint32(i), 4, -1, 1)
	}
	tr.Model().Energies(energy, noise)
	if got := records[0].Scalars[metric.Column(metric.Outliers)]; math.Abs(got+mean(energy)) > 1e-6 {
		t.Errorf("rand_out is %v, want %v", got, -mean(energy))
	}
}

func encoded(t *testing.T, f joule.Figure) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheckpointPolicy(t *testing.T) {
	c := tinyRun()
	c.Epochs = 6
	c.Checkpoint.TopK = 2
	c.Checkpoint.Monitor, c.Checkpoint.Mode = metric.Column(metric.ValNoise), metric.Higher
	c.Checkpoint.EveryNMinutes = 1e-9
	r, err := run.Create(filepath.Join(t.TempDir(), "a[1]"), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	pause := errors.New("pause")
	hash := map[int]string{}
	hooks := joule.Callback{
		Step: func(s joule.StepInfo) error {
			saved, err := joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil)
			if err != nil || saved.Steps() != s.Step {
				t.Errorf("the checkpoint after step %d is of step %d, %v", s.Step, saved.Steps(), err)
			}
			return err
		},
		Epoch: func(e joule.EpochInfo) error {
			hash[e.Epoch] = trainer.Model().Hash()
			if e.Epoch == 4 {
				return pause
			}
			return nil
		},
	}
	if err := Fit(t.Context(), r, trainer, hooks); !errors.Is(err, pause) {
		t.Fatal(err)
	}
	if trainer, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil); err != nil {
		t.Fatal(err)
	}
	if err := Fit(t.Context(), r, trainer, hooks); err != nil {
		t.Fatal(err)
	}
	table, err := metric.Read(r.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	value := table.Get(metric.Column(metric.ValNoise)).Value
	order := []int{1, 2, 3, 4, 5, 6}
	slices.SortStableFunc(order, func(a, b int) int {
		if value[a-1] > value[b-1] {
			return -1
		}
		return 1
	})
	for i, epoch := range order {
		m, err := joule.LoadModel(r.EpochPath(epoch))
		if i >= 2 {
			if !errors.Is(err, os.ErrNotExist) {
				t.Errorf("epoch %d of rank %d is kept: %v", epoch, i+1, err)
			}
			continue
		}
		if err != nil || m.Hash() != hash[epoch] {
			t.Errorf("epoch %d of rank %d: %v", epoch, i+1, err)
		}
	}
	if m, err := joule.LoadModel(r.CheckpointPath("best")); err != nil || m.Hash() != hash[order[0]] {
		t.Errorf("best.safetensors is not of epoch %d: %v", order[0], err)
	}
}

func TestEventFiles(t *testing.T) {
	c := tinyRun()
	c.Epochs = 3
	c.TensorBoard.EveryNSteps = 2
	c.Filmstrip.Steps = 8
	r, err := run.Create(filepath.Join(t.TempDir(), "a[1]"), "stripes")
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := joule.NewTrainer(c, toy.Stripes(20), toy.Stripes(9))
	if err != nil {
		t.Fatal(err)
	}
	// Stop after step 4, and go on from the checkpoint of step 3.
	pause := errors.New("pause")
	err = Fit(t.Context(), r, trainer, joule.Callback{Step: func(s joule.StepInfo) error {
		if s.Step == 4 {
			return pause
		}
		return nil
	}})
	if !errors.Is(err, pause) {
		t.Fatal(err)
	}
	if trainer, err = joule.ResumeTrainer(r.CheckpointPath("last"), toy.Stripes(20), toy.Stripes(9), nil); err != nil {
		t.Fatal(err)
	}
	if trainer.Steps() != 3 {
		t.Fatalf("the checkpoint is of step %d", trainer.Steps())
	}
	if err := Fit(t.Context(), r, trainer); err != nil {
		t.Fatal(err)
	}

	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	steps := map[string][]int64{}
	scalar := map[string][]float32{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "events.out.tfevents.") {
			continue
		}
		events, err := tensorboard.Read(filepath.Join(r.Dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			for _, v := range ev.Values {
				steps[v.Tag] = append(steps[v.Tag], ev.Step)
				if x, ok := v.Scalar(); ok {
					scalar[v.Tag] = append(scalar[v.Tag], x)
				}
			}
		}
	}
	want := map[string][]int64{
		"loss": {2, 4, 6, 8}, "learning_rate": {2, 4, 6, 8}, metric.ValDivergence: {3, 6, 9}, metric.Column(metric.Outliers): {3, 6, 9},
		"generation_0": {3, 6, 9}, "generation_7": {3, 6, 9}, "samples": {3, 6, 9}, "replay_buffer": {3, 6, 9},
		"energy/validation": {3, 6, 9}, "weights/cnn_layers.0.weight": {3, 6, 9}, "config": {0},
		"_hparams_/experiment": {0}, "_hparams_/session_start_info": {0}, "_hparams_/session_end_info": {0},
	}
	for tag, w := range want {
		if !slices.Equal(steps[tag], w) {
			t.Errorf("%s is at steps %v, want %v", tag, steps[tag], w)
		}
	}
	// The same numbers as in the table.
	table, err := metric.Read(r.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	loss := table.Get("loss").Value
	for i, x := range scalar["loss"] {
		if x != float32(loss[2*i+1]) {
			t.Errorf("loss %v at step %d, want %v", x, 2*i+2, loss[2*i+1])
		}
	}
}
