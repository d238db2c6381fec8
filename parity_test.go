package joule

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/sampler"
)

// These tests hold Joule to what PyTorch computes. The recorded values, the
// formula of the weights and the script that makes them are described in
// testdata/parity/README.md.

// recording is one fixture. Its methods end the test where it lacks
// something.
type recording struct {
	*checkpoint.File
	t *testing.T
}

func openRecording(t *testing.T, name string) recording {
	t.Helper()
	f, err := checkpoint.Read(filepath.Join("testdata", "parity", name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return recording{f, t}
}

func (r recording) values(name string, shape ...int) []float32 {
	r.t.Helper()
	v, err := r.Float32(name, shape...)
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// images returns bytes as pixels, in the arithmetic of PyTorch's ToTensor and
// Normalize.
func (r recording) images(name string, shape ...int) []float32 {
	r.t.Helper()
	bytes, err := r.Uint8(name, shape...)
	if err != nil {
		r.t.Fatal(err)
	}
	x := make([]float32, len(bytes))
	for i, p := range bytes {
		x[i] = (float32(p)/255 - 0.5) / 0.5
	}
	return x
}

// network builds spec with the weights that the recording was made with.
func (r recording) network(spec nn.Spec) *nn.Network {
	r.t.Helper()
	net, err := nn.New(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	seed, err := strconv.ParseUint(r.Metadata["weights_seed"], 10, 32)
	if err != nil {
		r.t.Fatal(err)
	}
	gain, err := strconv.ParseFloat(r.Metadata["weights_gain"], 64)
	if err != nil {
		r.t.Fatal(err)
	}
	n, bound := uint64(0), 0.0
	for _, v := range net.Views() {
		if len(v.Shape) > 1 { // a bias has the fan-in of the weight before it
			bound = gain / math.Sqrt(float64(len(v.Data)/v.Shape[0]))
		}
		for i := range v.Data {
			n++
			z := (seed<<32 + n) * 0x9E3779B97F4A7C15
			z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
			z = (z ^ z>>27) * 0x94D049BB133111EB
			z ^= z >> 31
			u := float64(z>>40) / (1 << 24)
			v.Data[i] = float32((2*u - 1) * bound)
		}
	}
	sum := crc32.NewIEEE()
	if err := binary.Write(sum, binary.LittleEndian, net.Params()); err != nil {
		r.t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%08x", sum.Sum32()), r.Metadata["weights_crc32"]; got != want {
		r.t.Fatalf("weights by formula have CRC-32 %s, those recorded with had %s", got, want)
	}
	net.Pack()
	return net
}

// apart returns the largest difference between got and want, and want's
// largest magnitude. A NaN is infinitely far from anything.
func apart(got, want []float32) (difference, largest float64) {
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		difference = max(difference, d)
		largest = max(largest, math.Abs(float64(w)))
	}
	return difference, largest
}

func wantWithin(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if d, _ := apart(got, want); d > tolerance {
		t.Errorf("%s: off by up to %.3g, allowed %.3g", what, d, tolerance)
	}
}

// wantShare is wantWithin a share of want's largest magnitude.
func wantShare(t *testing.T, what string, got, want []float32, share float64) {
	t.Helper()
	if d, largest := apart(got, want); d > share*largest {
		t.Errorf("%s: off by up to %.3g of the largest, allowed %.3g", what, d/largest, share)
	}
}

func wantEnergies(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		tolerance := 1e-5 * max(1, math.Abs(float64(w)))
		wantWithin(t, fmt.Sprintf("%s: energy of image %d", what, i), got[i:i+1], want[i:i+1], tolerance)
	}
}

// parityShape is the shape of the document's images.
var parityShape = lane.Shape{C: 1, H: 28, W: 28}

func TestParityGradients(t *testing.T) {
	rgb := nn.Spec{Input: lane.Shape{C: 3, H: 8, W: 8}, Prefix: "cnn_layers", Layers: []nn.LayerSpec{
		nn.Conv2D(6, 3, 1, 1), nn.SiLU(), nn.Conv2D(5, 4, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(1),
	}}
	for _, c := range []struct {
		name string
		spec nn.Spec
		n    int
	}{
		{"energy_hf4", Network(4, parityShape), 10},
		{"energy_hf8", Network(8, parityShape), 10},
		{"energy_hf32", Network(32, parityShape), 10},
		{"energy_rgb", rgb, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := openRecording(t, c.name)
			e := engine.New(r.network(c.spec), 2)
			s := c.spec.Input
			x := r.images("images", c.n, s.C, s.H, s.W)
			want := r.values("energies", c.n)

			energy := make([]float32, c.n)
			e.Energies(energy, x)
			wantEnergies(t, "energies", energy, want)

			inputs := make([]float32, len(x))
			ones := slices.Repeat([]float32{1}, c.n)
			e.InputGrad(inputs, [][]float32{energy}, x, [][]float32{ones})
			wantEnergies(t, "beside input gradients", energy, want)
			wantShare(t, "input gradients", inputs, r.values("input_gradients", c.n, s.C, s.H, s.W), 1e-5)

			clear(energy)
			pass := e.NewPass()
			pass.Forward([][][]float32{{energy}}, [][]float32{x})
			wantEnergies(t, "forward", energy, want)
			grad := make([]float32, len(e.Network().Params()))
			pass.Backward(grad, [][][]float32{{r.values("cotangents", c.n)}})
			for _, v := range e.Network().Named(grad) {
				wantShare(t, "gradient of "+v.Name, v.Data, r.values("gradient."+v.Name, v.Shape...), 1e-4)
			}
		})
	}
}

// TestParityTraining lets the trainer take ten steps on recorded x⁺ and x⁻
// without noise. It asks for weights ten times closer to PyTorch's than a
// tenth of the learning rate a step, so as to notice a decay that is missing.
func TestParityTraining(t *testing.T) {
	const steps, batch, decay = 10, 8, 5 // decay: steps at one learning rate
	images := openRecording(t, "training_images")
	pixels, err := images.Uint8("real", steps, batch, 1, 28, 28)
	if err != nil {
		t.Fatal(err)
	}
	real := &dataset.Set{N: steps * batch, C: 1, H: 28, W: 28, Pixels: pixels}
	fake := images.images("fake", steps, batch, 1, 28, 28)
	for _, hiddenFeatures := range []int{4, 8} {
		t.Run(fmt.Sprintf("hf%d", hiddenFeatures), func(t *testing.T) {
			r := openRecording(t, fmt.Sprintf("training_hf%d", hiddenFeatures))
			c := DefaultConfig()
			c.Network.HiddenFeatures, c.BatchSize = hiddenFeatures, batch
			c.Objective.DataNoise, c.Sampler.Steps = 0, 0
			c.Buffer.Size, c.Buffer.RestartProbability = 1, 0
			trainer, err := NewTrainer(c, real, real)
			if err != nil {
				t.Fatal(err)
			}
			copy(trainer.net.Params(), r.network(trainer.net.Spec()).Params())
			trainer.net.Pack()
			trainer.loader = dataset.NewLoader(real, batch, 0, false) // in the recorded order

			var losses, norms, rates []float32
			for step := range steps {
				// A buffer of one image that is a whole batch hands
				// out that batch in its order.
				size := batch * parityShape.Len()
				trainer.replay = newReplay(lane.Shape{C: 1, H: 1, W: size}, c)
				trainer.replay.put(fake[step*size : (step+1)*size])
				trainer.place.Epoch = step / decay
				info, err := trainer.Step()
				if err != nil {
					t.Fatal(err)
				}
				losses = append(losses, float32(info.Loss))
				norms = append(norms, float32(info.GradNorm))
				rates = append(rates, float32(info.LearningRate))
				if step == 0 || step == steps-1 {
					tolerance := 0.01 * c.Optimizer.LearningRate * float64(step+1)
					for _, v := range trainer.net.Views() {
						name := fmt.Sprintf("step%d.%s", step+1, v.Name)
						wantWithin(t, name, v.Data, r.values(name, v.Shape...), tolerance)
					}
				}
			}
			wantWithin(t, "losses", losses, r.values("losses", steps), 1e-5)
			wantShare(t, "gradient norms", norms, r.values("gradient_norms", steps), 1e-5)
			wantShare(t, "learning rates", rates, r.values("learning_rates", steps), 1e-6)
		})
	}
}

// TestParityChain follows 60 Langevin steps without noise.
func TestParityChain(t *testing.T) {
	const n = 8
	r := openRecording(t, "chain_hf8")
	e := engine.New(r.network(Network(8, parityShape)), 2)
	c := DefaultConfig().Sampler
	c.Noise = 0
	x := r.images("start", n, 1, 28, 28)
	frames := [][]float32{append([]float32(nil), x...)}
	for range c.Steps {
		frames = append(frames, make([]float32, len(x)))
	}
	info := make([]sampler.Info, 1)
	run := engine.Chains{X: x, Info: info, Frame: func(step int) []float32 { return frames[step] }}
	if err := e.Advance(context.Background(), c, run); err != nil {
		t.Fatal(err)
	}
	wantWithin(t, "images at the end", x, r.values("end", n, 1, 28, 28), 1e-3)
	energies := r.values("energies", c.Steps+1, n)
	energy := make([]float32, n)
	for k, frame := range frames {
		e.Energies(energy, frame)
		wantWithin(t, fmt.Sprintf("energies after %d steps", k), energy, energies[k*n:(k+1)*n], 1e-3)
	}
	wantWithin(t, "energies of the last step", info[0].Energy[:], energies[(c.Steps-1)*n:c.Steps*n], 1e-3)
}
