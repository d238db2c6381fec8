package joule_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/parity"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/sampler"
)

func TestParityGradients(t *testing.T) {
	rgb := nn.Spec{Input: lane.Shape{C: 3, H: 8, W: 8}, Prefix: "cnn_layers", Layers: []nn.LayerSpec{
		nn.Conv2D(6, 3, 1, 1), nn.SiLU(), nn.Conv2D(5, 4, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(1),
	}}
	conv := nn.Spec{Input: lane.Shape{C: 3, H: 8, W: 8}, Prefix: "cnn_layers", Layers: []nn.LayerSpec{
		nn.Conv2D(8, 4, 2, 1), nn.GroupNorm(2), nn.LeakyReLU(0.2), nn.Conv2D(8, 3, 1, 1), nn.SiLU(), nn.Residual(2),
		nn.ConvTranspose2D(6, 3, 2, 1, 1), nn.Tanh(), nn.Upsample(2), nn.AvgPool2D(3, 2), nn.ConvTranspose2D(3, 2, 1, 0, 0), nn.Sigmoid(), nn.Distance(1),
	}}
	mlp := nn.Spec{Input: lane.Shape{C: 1, H: 8, W: 8}, Prefix: "cnn_layers", Layers: []nn.LayerSpec{
		nn.Flatten(), nn.Linear(20), nn.ReLU(), nn.Linear(20), nn.Residual(2), nn.GroupNorm(1), nn.LeakyReLU(0.1),
		nn.Linear(80), nn.Reshape(5, 4, 4), nn.ConvTranspose2D(1, 4, 2, 1, 0), nn.Tanh(), nn.Distance(2),
	}}
	for _, c := range []struct {
		name string
		spec nn.Spec
		n    int
	}{
		{"energy_hf4", arch.CNN(4, parity.Shape), 10},
		{"energy_hf8", arch.CNN(8, parity.Shape), 10},
		{"energy_hf32", arch.CNN(32, parity.Shape), 10},
		{"energy_rgb", rgb, 7},
		{"layers_conv", conv, 7},
		{"layers_mlp", mlp, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parity.Open(t, c.name)
			e := engine.New(r.Network(c.spec), 2)
			s := c.spec.Input
			x := r.Images("images", c.n, s.C, s.H, s.W)
			want := r.Values("energies", c.n)

			energy := make([]float32, c.n)
			e.Energies(energy, x)
			parity.Energies(t, "energies", energy, want)

			inputs := make([]float32, len(x))
			ones := slices.Repeat([]float32{1}, c.n)
			e.InputGrad(inputs, [][]float32{energy}, x, [][]float32{ones})
			parity.Energies(t, "beside input gradients", energy, want)
			parity.Share(t, "input gradients", inputs, r.Values("input_gradients", c.n, s.C, s.H, s.W), 1e-5)

			clear(energy)
			grad, cotangents := make([]float32, len(e.Network().Params())), r.Values("cotangents", c.n)
			e.NewPass().Gradient(grad, [][]float32{x}, func(_, i int, y, dy []float32) { energy[i], dy[0] = y[0], cotangents[i] })
			parity.Energies(t, "of the pass", energy, want)
			for _, v := range e.Network().Named(grad) {
				parity.Share(t, "gradient of "+v.Name, v.Data, r.Values("gradient."+v.Name, v.Shape...), 1e-4)
			}
		})
	}
}

// TestParityChain follows 60 Langevin steps without noise.
func TestParityChain(t *testing.T) {
	const n = 8
	r := parity.Open(t, "chain_hf8")
	e := engine.New(r.Network(arch.CNN(8, parity.Shape)), 2)
	c := joule.DefaultConfig().Sampler
	c.Noise = 0
	x := r.Images("start", n, 1, 28, 28)
	frames := [][]float32{append([]float32(nil), x...)}
	for range c.Steps {
		frames = append(frames, make([]float32, len(x)))
	}
	info := make([]sampler.Info, n)
	run := engine.Chains{X: x, Info: info, Frame: func(step int) []float32 { return frames[step] }}
	if err := e.Advance(context.Background(), c, run); err != nil {
		t.Fatal(err)
	}
	parity.Within(t, "images at the end", x, r.Values("end", n, 1, 28, 28), 1e-3)
	energies := r.Values("energies", c.Steps+1, n)
	energy := make([]float32, n)
	for k, frame := range frames {
		e.Energies(energy, frame)
		parity.Within(t, fmt.Sprintf("energies after %d steps", k), energy, energies[k*n:(k+1)*n], 1e-3)
	}
	for i := range info {
		energy[i] = info[i].Energy
	}
	parity.Within(t, "energies of the last step", energy, energies[(c.Steps-1)*n:c.Steps*n], 1e-3)
}
