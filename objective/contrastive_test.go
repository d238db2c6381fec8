package objective

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/internal/parity"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/metric"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/sampler"
)

// TestParityContrastive takes ten steps on recorded x⁺ and x⁻ without noise. It
// asks for weights ten times closer to PyTorch's than a tenth of the learning
// rate a step, so as to notice a decay that is missing.
func TestParityContrastive(t *testing.T) {
	const steps, batch, decay = 10, 8, 5 // decay: steps at one learning rate
	images := parity.Open(t, "training_images")
	real, fake := images.Images("real", steps, batch, 1, 28, 28), images.Images("fake", steps, batch, 1, 28, 28)
	size := batch * parity.Shape.Len()
	for _, hiddenFeatures := range []int{4, 8} {
		t.Run(fmt.Sprintf("hf%d", hiddenFeatures), func(t *testing.T) {
			r := parity.Open(t, fmt.Sprintf("training_hf%d", hiddenFeatures))
			s := tiny(ContrastiveDivergence)
			s.Network, s.BatchSize = arch.CNN(hiddenFeatures, parity.Shape), batch
			s.Objective.DataNoise, s.Sampler.Steps, s.Buffer.RestartProbability = 0, 0, 0
			s.Optimizer.LearningRate = 1e-4
			made, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			o := made.(*Contrastive)
			copy(o.part.Net.Params(), r.Network(s.Network).Params())
			o.part.Net.Pack()

			var losses, norms, rates []float32
			result := Result{Values: make([]float64, len(o.Figures()))}
			for step := range steps {
				// A buffer of one image that is a whole batch hands
				// out that batch in its order.
				o.buffer = replay.New(lane.Shape{C: 1, H: 1, W: size}, replay.Config{Size: 1}, *s.Restart, -1, 1, 0)
				o.buffer.Add(fake[step*size:(step+1)*size], random.Stream{}, 0)
				b := Batch{Real: real[step*size : (step+1)*size], N: batch, Epoch: step / decay, Step: uint32(step)}
				if err := o.Step(context.Background(), b, &result); err != nil {
					t.Fatal(err)
				}
				losses = append(losses, float32(result.Loss))
				norms = append(norms, float32(result.GradNorm))
				rates = append(rates, float32(result.LearningRate))
				if step == 0 || step == steps-1 {
					tolerance := 0.01 * s.Optimizer.LearningRate * float64(step+1)
					for _, v := range o.part.Net.Views() {
						name := fmt.Sprintf("step%d.%s", step+1, v.Name)
						parity.Within(t, name, v.Data, r.Values(name, v.Shape...), tolerance)
					}
				}
			}
			parity.Within(t, "losses", losses, r.Values("losses", steps), 1e-5)
			parity.Share(t, "gradient norms", norms, r.Values("gradient_norms", steps), 1e-5)
			parity.Share(t, "learning rates", rates, r.Values("learning_rates", steps), 1e-6)
		})
	}
}

// TestContrastiveFigures: the figures are those that the loss is made of.
func TestContrastiveFigures(t *testing.T) {
	o := start(t, tiny(ContrastiveDivergence))
	for n := range 4 {
		r := step(t, o, n)
		v := map[string]float64{}
		for i, f := range o.Figures() {
			v[f.Name] = r.Values[i]
		}
		if math.Abs(r.Loss-v[metric.Divergence]-v[metric.Regularization]) > 1e-12 || math.Abs(v[metric.Divergence]-(v[metric.EnergyReal]-v[metric.EnergyFake])) > 1e-6 {
			t.Errorf("step %d: the parts of the loss do not add up: %v of %v", n, r.Loss, v)
		}
		if r.ImageGradients != 30 || r.ChainSteps != 3 || !(v[metric.Diversity] > 0) || !(v[metric.ChainGradNorm] > 0) {
			t.Errorf("step %d: %+v", n, r)
		}
	}
}

func TestContrastiveDivergence(t *testing.T) {
	real, fake := []float32{0.3, -1.2, 2}, []float32{-0.7, 0.1, 1.5}
	const alpha, h = 0.1, 1e-3
	loss := func() float64 {
		d, r := contrastiveDivergence(real, fake, alpha)
		return d + r
	}
	want := (0.3-1.2+2)/3 - (-0.7+0.1+1.5)/3 + alpha*(0.09+1.44+4+0.49+0.01+2.25)/3
	if got := loss(); math.Abs(got-want) > 1e-6 {
		t.Errorf("loss %v, want %v", got, want)
	}
	for part, x := range [][]float32{real, fake} {
		for i, at := range x {
			x[i] = at + h
			up := loss()
			x[i] = at - h
			want := (up - loss()) / (2 * h)
			x[i] = at
			if got := contrastiveCotangent(part == 1, at, alpha, len(x)); math.Abs(float64(got)-want) > 1e-4 {
				t.Errorf("cotangent %v, want %v", got, want)
			}
		}
	}
}

// TestAccepted: where chains may stay where they are, it is told how often they
// move.
func TestAccepted(t *testing.T) {
	s := tiny(ContrastiveDivergence)
	s.Sampler.Method, s.Sampler.StepSize, s.Sampler.Noise = sampler.MALA, 1e-6, 1e-3
	o := start(t, s)
	if last := o.Figures()[len(o.Figures())-1]; last.Name != metric.Accepted {
		t.Fatalf("the last figure is %+v", last)
	}
	if r := step(t, o, 0); !(r.Values[len(r.Values)-1] > 0.5) {
		t.Errorf("a share %v of tiny steps is accepted", r.Values[len(r.Values)-1])
	}
	s = tiny(ContrastiveDivergence)
	s.Sampler.Method, s.Sampler.StepSize, s.Sampler.Noise = sampler.MALA, 1e5, 1
	if r := step(t, start(t, s), 0); !(r.Values[len(r.Values)-1] < 0.5) {
		t.Errorf("a share %v of huge steps is accepted", r.Values[len(r.Values)-1])
	}
}
