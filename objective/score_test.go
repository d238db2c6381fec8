package objective

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/parity"
	"github.com/joule-ml/joule/internal/toy"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/setting"
)

func tinyScore() Setup {
	s := tiny(ScoreMatching)
	s.Objective.Sigma = 0.5 // that of the recordings
	return s
}

// recorded returns score matching on the network of a recording.
func recorded(t *testing.T, r parity.Recording, hiddenFeatures, batch int) *Score {
	t.Helper()
	s := tinyScore()
	s.Network, s.BatchSize = arch.CNN(hiddenFeatures, parity.Shape), batch
	s.Optimizer.LearningRate = 1e-4
	o := start(t, s).(*Score)
	copy(o.part.Net.Params(), r.Network(s.Network).Params())
	o.part.Net.Pack()
	return o
}

// TestParityScore holds a step to PyTorch's, which differentiates twice.
func TestParityScore(t *testing.T) {
	const n = 10
	for _, hiddenFeatures := range []int{8, 32} {
		t.Run(fmt.Sprintf("hf%d", hiddenFeatures), func(t *testing.T) {
			r := parity.Open(t, fmt.Sprintf("score_hf%d", hiddenFeatures))
			o := recorded(t, r, hiddenFeatures, n)
			o.setup.Optimizer.GradClipNorm = math.Inf(1)
			copy(o.noise, r.Values("noise", n, 1, 28, 28))
			images, result := r.Images("images", n, 1, 28, 28), Result{Values: make([]float64, 2)}
			if err := o.match(context.Background(), Batch{Real: images, N: n}, &result); err != nil {
				t.Fatal(err)
			}
			parity.Within(t, "noisy images", images, r.Values("noisy", n, 1, 28, 28), 0)
			parity.Share(t, "residual", o.residual, r.Values("residual", n, 1, 28, 28), 1e-5)
			parity.Share(t, "loss", []float32{float32(result.Loss)}, r.Values("loss", 1), 1e-6)

			var off, all float64
			for _, v := range o.part.Net.Named(o.part.Grad) {
				want := r.Values("gradient."+v.Name, v.Shape...)
				d, w := squares(v.Data, want)
				if w > 0 && math.Sqrt(d/w) > 5e-3 {
					t.Errorf("the gradient of %s is off by %.2g of its norm", v.Name, math.Sqrt(d/w))
				}
				off, all = off+d, all+w
			}
			if e := math.Sqrt(off / all); !(e <= 1e-3) {
				t.Errorf("the gradient is off by %.2g of its norm", e)
			}
		})
	}
}

// squares returns the sums of squares of got − want and of want.
func squares(got, want []float32) (difference, all float64) {
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		difference += d * d
		all += float64(w) * float64(w)
	}
	return difference, all
}

// TestParityScoreTraining takes ten recorded steps.
func TestParityScoreTraining(t *testing.T) {
	const steps, batch, decay = 10, 8, 5 // decay: steps at one learning rate
	size := batch * parity.Shape.Len()
	real := parity.Open(t, "training_images").Images("real", steps, batch, 1, 28, 28)
	r := parity.Open(t, "score_training_hf4")
	noise := r.Values("noise", steps, batch, 1, 28, 28)
	o := recorded(t, r, 4, batch)
	var losses, norms, rates []float32
	result := Result{Values: make([]float64, 2)}
	for step := range steps {
		copy(o.noise, noise[step*size:(step+1)*size])
		b := Batch{Real: real[step*size : (step+1)*size], N: batch, Epoch: step / decay, Step: uint32(step)}
		if err := o.match(context.Background(), b, &result); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float32(result.Loss))
		norms = append(norms, float32(result.GradNorm))
		rates = append(rates, float32(result.LearningRate))
		if step == 0 || step == steps-1 {
			tolerance := 0.01 * o.setup.Optimizer.LearningRate * float64(step+1)
			for _, v := range o.part.Net.Views() {
				name := fmt.Sprintf("step%d.%s", step+1, v.Name)
				parity.Within(t, name, v.Data, r.Values(name, v.Shape...), tolerance)
			}
		}
	}
	parity.Share(t, "losses", losses, r.Values("losses", steps), 1e-5)
	parity.Share(t, "gradient norms", norms, r.Values("gradient_norms", steps), 1e-3)
	parity.Share(t, "learning rates", rates, r.Values("learning_rates", steps), 1e-6)
}

// TestScore: Step adds the stream's noise, its loss is that of the formula, and
// its gradient that of the loss.
func TestScore(t *testing.T) {
	const n, direction = batchSize, 2e-3
	s := tinyScore()
	s.Optimizer.GradClipNorm, s.Optimizer.LearningRate = math.Inf(1), 0
	o := start(t, s).(*Score)
	p, size := o.part, toy.Shape.Len()
	for i := range p.Net.Params() { // a score that counts beside the noise
		p.Net.Params()[i] *= 3
	}
	p.Net.Pack()
	r := step(t, o, 0)
	noise := make([]float32, n*size)
	for i := range n {
		(random.Stream{Seed: 1, Purpose: random.DataNoise}).Normal(noise[i*size:(i+1)*size], uint32(i), 0, 1)
	}
	noisy, dx, ones := make([]float32, n*size), make([]float32, n*size), slices.Repeat([]float32{1}, n)
	set := toy.Strokes(n)
	for i := range n {
		set.Image(noisy[i*size:(i+1)*size], i)
	}
	for i := range noisy {
		noisy[i] += s.Objective.Sigma * noise[i]
	}
	loss := func() (sum float64) {
		p.Net.Pack()
		p.Engine.InputGrad(dx, nil, noisy, [][]float32{ones})
		for i, g := range dx {
			sum += math.Pow(float64(s.Objective.Sigma)*float64(g)-float64(noise[i]), 2) / (2 * float64(len(dx)))
		}
		return sum
	}
	if want := loss(); math.Abs(r.Loss/want-1) > 1e-5 {
		t.Errorf("the loss is %v, want %v", r.Loss, want)
	}
	if r.ImageGradients != n || r.ChainSteps != 0 {
		t.Errorf("%+v", r)
	}
	// The loss along the gradient, to both sides.
	weights := slices.Clone(p.Net.Params())
	along := func(h float64) float64 {
		for i, w := range weights {
			p.Net.Params()[i] = w + float32(h*float64(p.Grad[i])/r.GradNorm)
		}
		return loss()
	}
	slope := (along(direction) - along(-direction)) / (2 * direction)
	if math.Abs(slope/r.GradNorm-1) > 1e-2 {
		t.Errorf("the loss rises by %v along its gradient, which has the norm %v", slope, r.GradNorm)
	}
}

// TestScoreThreads: the weights have the same bits for any number of cores.
func TestScoreThreads(t *testing.T) {
	var want []float32
	for _, threads := range []int{1, 2, 7} {
		o := start(t, tinyScore())
		p := o.Parts()[0]
		p.SetThreads(threads)
		for n := range 3 {
			step(t, o, n)
		}
		got := append(slices.Clone(p.Grad), p.Net.Params()...)
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d threads give other bits than 1", threads)
		}
	}
}

// TestScoreShort: the last batch of an epoch may have fewer images.
func TestScoreShort(t *testing.T) {
	long, short := start(t, tinyScore()).(*Score), tinyScore()
	short.BatchSize = 3
	o := start(t, short)
	step(t, long, 0) // leaves more images in its memory than the next step has
	copy(long.part.Net.Params(), o.Parts()[0].Net.Params())
	long.part.Net.Pack()
	var loss [2]float64
	for i, o := range []Objective{long, o} {
		r := Result{Values: make([]float64, 2)}
		if err := o.Step(context.Background(), Batch{Real: toy.Images(3, toy.Shape.Len(), 1), N: 3}, &r); err != nil {
			t.Fatal(err)
		}
		loss[i] = r.Loss
	}
	if loss[0] != loss[1] || !slices.Equal(long.part.Grad, o.Parts()[0].Grad) {
		t.Error("images of the batch before count")
	}
}

// TestScoreFlat: where an image's r is zero it is left where it is, and what is
// not finite ends the step before the weights change.
func TestScoreFlat(t *testing.T) {
	s := tinyScore()
	o := start(t, s).(*Score)
	clear(o.part.Net.Params())
	o.part.Net.Pack()
	images, r := toy.Images(batchSize, toy.Shape.Len(), 1), Result{Values: make([]float64, 2)}
	b := Batch{Real: images, N: batchSize}
	if err := o.match(context.Background(), b, &r); err != nil || r.Loss != 0 || r.GradNorm != 0 || !slices.Equal(o.side[0], o.side[1]) {
		t.Errorf("no energy and no noise: %v, %+v", err, r)
	}
	if r := step(t, o, 0); math.Abs(r.Loss-0.5) > 0.05 {
		t.Errorf("a flat energy has the loss %v, want about 1/2", r.Loss)
	}

	for what, bad := range map[string]float32{"NaN": float32(math.NaN()), "infinity": float32(math.Inf(1)), "an overflow": 3e38} {
		o := start(t, s).(*Score)
		for i := range o.part.Net.Params() {
			o.part.Net.Params()[i] = bad
		}
		o.part.Net.Pack()
		before := slices.Clone(o.part.Net.Params())
		err := o.Step(context.Background(), Batch{Real: images, N: batchSize}, &r)
		if e := (*engine.NonFiniteError)(nil); !errors.As(err, &e) || !strings.Contains(e.What, "energy of noise") {
			t.Errorf("%s: error %v", what, err)
		}
		for i, w := range o.part.Net.Params() {
			if w != before[i] && w == w {
				t.Fatalf("%s: weights have changed", what)
			}
		}
	}
}

func TestSigma(t *testing.T) {
	s := tinyScore()
	s.Objective.Sigma = 0
	_, err := New(s)
	if e, ok := err.(*setting.Error); !ok || e.Key != "objective.sigma" || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if _, err := New(tiny(ContrastiveDivergence)); err != nil {
		t.Error(err)
	}
}

// TestScoreMemory: steps reuse their memory, however many images there are.
func TestScoreMemory(t *testing.T) {
	allocs := func(n int) float64 {
		s := tinyScore()
		s.BatchSize = n
		o := start(t, s)
		o.Parts()[0].SetThreads(1)
		r, x := Result{Values: make([]float64, 2)}, toy.Images(n, toy.Shape.Len(), 1)
		return testing.AllocsPerRun(5, func() {
			if err := o.Step(context.Background(), Batch{Real: x, N: n}, &r); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(8), allocs(64); many > few {
		t.Errorf("56 more images allocate %v times more", many-few)
	}
}
