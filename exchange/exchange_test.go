package exchange

import (
	"context"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/random"
)

// network returns a model of spec with random weights, large enough for
// energies that differ from image to image.
func network(t testing.TB, spec nn.Spec, seed uint64) *joule.Model {
	t.Helper()
	net, err := nn.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	net.Init(seed)
	var tensors []checkpoint.Tensor
	for _, v := range net.Views() {
		for i := range v.Data {
			v.Data[i] *= 2
		}
		tensors = append(tensors, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
	}
	m, err := joule.NewModel(spec, tensors)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// document returns a model of the default network for MNIST's images.
func document(t testing.TB) *joule.Model {
	return network(t, arch.CNN(8, lane.Shape{C: 1, H: 28, W: 28}), 1)
}

// trained returns a model of the default network after an epoch of a few
// steps, with a card.
func trained(t testing.TB) *joule.Model {
	t.Helper()
	set := &dataset.Set{Name: "mnist", N: 48, C: 1, H: 28, W: 28, Pixels: make([]byte, 48*28*28)}
	for i := range set.N {
		for y := range 28 {
			set.Pixels[(i*28+y)*28+3+i%20] = 255
		}
	}
	c := joule.DefaultConfig()
	c.Epochs, c.BatchSize, c.Network.HiddenFeatures, c.Sampler.Steps, c.Generate.Steps = 1, 8, 8, 4, 12
	c.Optimizer.LearningRate = 0.01
	c.Sampler.BurnIn, c.Sampler.BurnInScale, c.Restart.Patch = 3, 2, 1
	c.Guard.Retries = 0 // it would have something to say of so few steps
	trainer, err := joule.NewTrainer(c, set, set)
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.Fit(context.Background()); err != nil {
		t.Fatal(err)
	}
	m := trainer.Model()
	if m.Card() == nil || m.Card().Epochs != 1 {
		t.Fatalf("card %+v", m.Card())
	}
	return m
}

// imagesFor returns n random images, from noise to nearly uniform, and their
// energies, which differ.
func imagesFor(t testing.TB, m *joule.Model, n int) (images, energies []float32) {
	t.Helper()
	c, h, w := m.Shape()
	size := c * h * w
	images, energies = make([]float32, n*size), make([]float32, n)
	random := random.Stream{Seed: 7}
	for i := range n {
		image := images[i*size:][:size]
		random.Uniform(image, uint32(i), 0, -1, 1)
		for j := range image {
			image[j] = image[j]*float32(i)/float32(n) + float32(i%5-2)/2*(1-float32(i)/float32(n))
		}
	}
	m.Energies(energies, images)
	if spread := slices.Max(energies) - slices.Min(energies); n > 1 && spread < 0.01 {
		t.Fatalf("energies differ by %v only: they would show nothing", spread)
	}
	return images, energies
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// closeTo compares energies; tolerance is relative to those above 1.
func closeTo(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tolerance*max(1, math.Abs(float64(want[i])))) {
			t.Errorf("%s: energy %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}
