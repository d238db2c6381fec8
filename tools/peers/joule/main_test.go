package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/lane"
)

func newWorker(t *testing.T, shape lane.Shape, width int) (w *worker, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "model.safetensors")
	if err := create(path, shape, width); err != nil {
		t.Fatal(err)
	}
	model, err := joule.LoadModel(path)
	if err != nil {
		t.Fatal(err)
	}
	return &worker{model: model, threads: 1}, dir
}

// TestAnswer holds the worker to what the harness takes for granted: chains
// begin at the images that "start" gives, and only the size of noise and step
// tells them apart.
func TestAnswer(t *testing.T) {
	w, dir := newWorker(t, lane.Shape{C: 1, H: 28, W: 28}, 4)
	ask := func(q request) []float32 {
		t.Helper()
		q.Out = filepath.Join(dir, "out.f32")
		if _, err := w.answer(q); err != nil {
			t.Fatal(err)
		}
		x, err := read(q.Out)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	start := ask(request{Do: "start"})
	if len(start) != 64*28*28 {
		t.Fatalf("%d values to start from, want 64 images of 28×28", len(start))
	}
	apart := func(q request) float64 {
		t.Helper()
		var sum float64
		for i, v := range ask(q) {
			sum += math.Pow(float64(v-start[i]), 2)
		}
		return math.Sqrt(sum / float64(len(start)))
	}
	if d := apart(request{Do: "chain", Steps: 1}); d != 0 {
		t.Errorf("without noise and step the images moved by %v", d)
	}
	if d := apart(request{Do: "chain", Steps: 1, Noise: 0.005}); math.Abs(d-0.005) > 1e-4 {
		t.Errorf("noise of 0.005 moved the images by %v", d)
	}
	if d := apart(request{Do: "chain", Steps: 2, StepSize: 10}); d == 0 {
		t.Error("steps left the images where they were")
	}

	images := filepath.Join(dir, "images.f32")
	if err := write(images, start[:3*28*28]); err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 3)
	w.model.Energies(want, start[:3*28*28])
	if got := ask(request{Do: "energies", Images: images}); len(got) != 3 || got[0] != want[0] || got[2] != want[2] {
		t.Errorf("energies %v, want %v", got, want)
	}
}

func TestAnswerFaults(t *testing.T) {
	w, dir := newWorker(t, lane.Shape{C: 1, H: 28, W: 28}, 4)
	ragged := filepath.Join(dir, "ragged")
	if err := os.WriteFile(ragged, make([]byte, 7), 0o644); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half")
	if err := write(half, make([]float32, 28*14)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, q := range []request{
		{},
		{Do: "loop"},
		{Do: "train", Count: 1},
		{Do: "chain", Steps: -1, Out: out},
		{Do: "energies", Images: ragged, Out: out},
		{Do: "energies", Images: half, Out: out},
		{Do: "energies", Images: filepath.Join(dir, "none"), Out: out},
	} {
		if _, err := w.answer(q); err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
}
