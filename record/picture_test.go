package record_test

import (
	"bytes"
	"image/png"
	"math"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/record"
)

// logged trains for four epochs with a callback, and returns the trainer and
// the records of the callback.
func logged(t *testing.T, make func(*joule.Trainer) joule.Callback) (*joule.Trainer, []joule.Record) {
	t.Helper()
	c := tinyRun()
	c.Epochs = 4
	_, tr := create(t, c)
	var records []joule.Record
	log := joule.Callback{Log: func(r joule.Record) error { records = append(records, r); return nil }}
	if err := tr.Fit(t.Context(), log, make(tr)); err != nil {
		t.Fatal(err)
	}
	return tr, records
}

// TestFilmstrip: chain 1's last picture is sample 1 of the model.
func TestFilmstrip(t *testing.T) {
	t.Parallel()
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return record.Filmstrip(tr, joule.FilmstripConfig{Chains: 3, Steps: 8, Pictures: 4, EveryNEpochs: 2})
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

// TestSnapshot: the picture shows images of the replay buffer.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return record.Snapshot(tr, joule.SnapshotConfig{Images: 9, EveryNEpochs: 4})
	})
	if f := records[0].Figures[0]; f.Tag != "replay_buffer" || f.File != "samples/buffer=4.png" || len(encoded(t, f)) == 0 {
		t.Errorf("figure %+v", f)
	}
	// All images shown are in the buffer, and not all the same one.
	x, y, b := make([]float32, 20*144), make([]float32, 144), tr.Buffer()
	b.Show(x, tr.Stream(random.Snapshot), 0, 12)
	distinct := map[int]bool{}
	for i := range 20 {
		at := 0
		for ; at < b.Len(); at++ {
			if b.Image(y, at); slices.Equal(y, x[i*144:(i+1)*144]) {
				break
			}
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

// TestOutliers: the figure is the mean output for fresh uniform noise.
func TestOutliers(t *testing.T) {
	t.Parallel()
	tr, records := logged(t, func(tr *joule.Trainer) joule.Callback {
		return record.Outliers(tr, joule.OutlierConfig{Images: 19, EveryNEpochs: 4})
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

// encoded returns the PNG of a figure.
func encoded(t *testing.T, f joule.Figure) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mean(v []float32) (m float64) {
	for _, x := range v {
		m += float64(x) / float64(len(v))
	}
	return m
}
