package objective

import (
	"math"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/internal/parity"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/metric"
)

// TestParityAdversarial holds a step of both networks to PyTorch's: losses, gradients and
// the weights after Adam, whose first step is nearly the gradient's sign, so weights whose
// gradient is next to nothing are left out.
func TestParityAdversarial(t *testing.T) {
	const n, code = 6, 5
	shape := lane.Shape{C: 1, H: 8, W: 8}
	records := [2]parity.Recording{parity.Open(t, "ebgan_energy"), parity.Open(t, "ebgan_generator")}
	s := tinyAdversarial(EBGAN)
	s.BatchSize, s.Objective.Margin = n, 15.54
	s.Optimizer.LearningRate, s.Optimizer.Beta1 = 1e-3, 0.5
	s.Network = arch.Autoencoder(4, shape)
	var err error
	if s.Generator, err = arch.Generator(arch.GeneratorConfig{Kind: arch.ConvGenerator, HiddenFeatures: 4, Code: code}, shape); err != nil {
		t.Fatal(err)
	}
	o := start(t, s).(*Adversarial)
	for i, p := range o.parts {
		copy(p.Net.Params(), records[i].Network(p.Net.Spec()).Params())
		p.Net.Pack()
	}
	r := Result{Values: make([]float64, len(o.Figures()))}
	b := Batch{Real: records[0].Images("images", n, 1, 8, 8), N: n}
	copy(o.z, records[1].Values("z", n, code))
	if err := o.play(t.Context(), b, &r); err != nil {
		t.Fatal(err)
	}
	parity.Within(t, "samples", o.fake, records[1].Values("fake", n, 1, 8, 8), 1e-5)
	parity.Share(t, "energies", o.energies[0], records[0].Values("e_real", n), 1e-5)
	parity.Share(t, "energies of samples", o.energies[1], records[0].Values("e_fake", n), 1e-5)
	f := figures(o, r)
	for i, loss := range []float64{r.Loss, f[metric.GeneratorLoss]} {
		parity.Share(t, "loss", []float32{float32(loss)}, records[i].Values("loss", 1), 1e-5)
	}
	parity.Share(t, "pulling away", []float32{float32(f[metric.PullingAway])}, records[1].Values("pulling_away", 1), 1e-4)
	for i, p := range o.parts {
		weights := p.Net.Views()
		for k, g := range p.Net.Named(p.Grad) {
			want := records[i].Values("gradient."+g.Name, g.Shape...)
			parity.Share(t, "gradient of "+g.Name, g.Data, want, 1e-4)
			after, largest := records[i].Values("step1."+g.Name, g.Shape...), 0.0
			for _, v := range want {
				largest = max(largest, math.Abs(float64(v)))
			}
			for j, v := range want {
				if math.Abs(float64(v)) > 1e-3*largest {
					parity.Within(t, g.Name+" after a step", weights[k].Data[j:j+1], after[j:j+1], 0.02*s.Optimizer.LearningRate)
				}
			}
		}
	}
}
