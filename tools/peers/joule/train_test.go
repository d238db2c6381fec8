package main

import (
	"math"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/python"
	"github.com/joule-ml/joule/lane"
)

// TestRehearse: the step that others repeat begins at the images in the files,
// and steps that are timed have the recipe's noise again.
func TestRehearse(t *testing.T) {
	shape := lane.Shape{C: 3, H: 9, W: 9}
	w, dir := newWorker(t, shape, 4)
	path := func(name string) string { return filepath.Join(dir, name) }
	q := request{Do: "rehearse", Images: path("real"), Start: path("start"), Out: path("out"), Steps: 2, Buffer: 100}
	if _, err := w.answer(q); err != nil {
		t.Fatal(err)
	}
	file := func(name string, n int) []float32 {
		t.Helper()
		x, err := read(path(name))
		if err != nil || len(x) != n {
			t.Fatalf("%s: %d values, want %d; %v", name, len(x), n, err)
		}
		return x
	}
	batch := 64 * shape.Len()
	real, start := file("real", batch), file("start", batch)
	weights := w.model.Parameters()
	out := file("out", 2+2*weights)

	energies := [2][]float32{make([]float32, 64), make([]float32, 64)}
	w.model.Energies(energies[0], real)
	w.model.Energies(energies[1], start) // two steps with fresh weights change next to nothing
	loss := 0.0
	for i := range 64 {
		r, f := float64(energies[0][i]), float64(energies[1][i])
		loss += (r - f + 0.1*(r*r+f*f)) / 64
	}
	if math.Abs(float64(out[0])-loss) > 1e-3 {
		t.Errorf("loss %v, want about %v", out[0], loss)
	}
	rate := joule.DefaultConfig().Optimizer.LearningRate
	for i, change := range out[2+weights:] {
		if g := out[2+i]; g > 1e-4 && math.Abs(float64(change)/rate+1) > 0.01 || g < -1e-4 && math.Abs(float64(change)/rate-1) > 0.01 {
			t.Fatalf("weight %d of gradient %v changed by %v", i, g, change)
		}
	}

	if _, err := w.answer(request{Do: "train", Count: 2, Steps: 3}); err != nil {
		t.Fatal(err)
	}
	c, want := w.training.cfg, joule.DefaultConfig()
	if c.Sampler.Noise != want.Sampler.Noise || c.Objective.DataNoise != want.Objective.DataNoise || c.Sampler.Steps != 3 || w.training.step != 3 || w.training.chain != 8 {
		t.Errorf("%d training steps, %d of the sampler, settings %+v", w.training.step, w.training.chain, c)
	}
	if n := w.training.objective.Buffer().Len(); n != 100 {
		t.Errorf("%d images in the buffer", n)
	}
}

// TestPython runs the tests of the scripts that need no framework.
func TestPython(t *testing.T) {
	path := python.Need(t, "")
	if out, err := exec.Command(path, "-B", "-m", "unittest", "discover", "..").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
