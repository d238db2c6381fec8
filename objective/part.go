package objective

import (
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
	"github.com/joule-ml/joule/random"
	"github.com/joule-ml/joule/weights"
)

// A Part is a network with all that its training needs: the engine that runs
// it, its gradient, the optimizer, and the moving average of the weights where
// the model is that average.
type Part struct {
	Net    *nn.Network
	Engine *engine.Engine
	Pass   *engine.Pass
	Grad   []float32 // of the weights, for Update

	purpose   random.Purpose // of the first weights
	optimizer *optim.Config
	schedule  *optim.Schedule
	adam      *optim.Adam
	average   *average // nil for none
	crew      lane.Crew
	update    func(worker, layer int) // updateLayer, bound once
}

// An average is the moving average of a network's weights, with a network of
// its own to run it.
type average struct {
	decay  float64
	params []float32
	engine *engine.Engine
	stale  bool // params have changed since they were packed
}

// NewPart returns the part of a setup's energy. Its weights are zero.
func NewPart(s Setup) (*Part, error) { return newPart(s.Network, s, random.Weights) }

func newPart(spec nn.Spec, s Setup, purpose random.Purpose) (*Part, error) {
	net, err := nn.New(spec)
	if err != nil {
		return nil, err
	}
	n, c := len(net.Params()), s.Optimizer
	p := &Part{
		Net: net, Engine: engine.New(net, 0), Grad: make([]float32, n),
		purpose: purpose, optimizer: c, schedule: s.Schedule, adam: optim.NewAdam(n, c.Beta1, c.Beta2, c.Epsilon),
	}
	p.Pass = p.Engine.NewPass()
	p.update = p.updateLayer
	if s.EMA.Decay > 0 {
		twin, err := nn.New(spec)
		if err != nil {
			return nil, err
		}
		p.average = &average{decay: s.EMA.Decay, params: make([]float32, n), engine: engine.New(twin, 0), stale: true}
	}
	return p, nil
}

// SetThreads sets the number of cores to use; 0 takes all.
func (p *Part) SetThreads(n int) {
	p.Engine = p.Engine.WithThreads(n)
	p.Pass.SetThreads(n)
	if p.average != nil {
		p.average.engine = p.average.engine.WithThreads(n)
	}
}

// Init draws the first weights from the seed.
func (p *Part) Init(seed uint64) { p.Redraw(random.Stream{Seed: seed}) }

// Redraw draws the weights anew, from the stream for its own purpose, and forgets the
// optimizer's moments. [Part.Restored] must be called then, too.
func (p *Part) Redraw(s random.Stream) {
	p.Net.Redraw(s.For(p.purpose))
	clear(p.adam.M)
	clear(p.adam.V)
	if p.average != nil {
		copy(p.average.params, p.Net.Params())
	}
}

// Update takes a step of the optimizer with Grad, which it clips, and says so
// in r. Where the gradient is not finite it leaves the weights as they are, and
// returns a [*engine.NonFiniteError].
func (p *Part) Update(b Batch, r *Result) error {
	norm, err := p.clip()
	r.GradNorm = norm
	if err == nil {
		r.LearningRate = p.apply(b)
	}
	return err
}

// clip scales Grad down to the limit on its norm and returns the norm before, which
// has to be finite.
func (p *Part) clip() (norm float64, err error) {
	if norm = optim.ClipNorm(p.Grad, p.optimizer.GradClipNorm); !finite(norm) {
		err = &engine.NonFiniteError{What: "the gradient of the weights"}
	}
	return norm, err
}

// apply takes a step of the optimizer and returns its learning rate.
func (p *Part) apply(b Batch) (rate float64) {
	c, s := p.optimizer, p.schedule
	rate = optim.StepLR(c.LearningRate, s.Gamma, s.EveryNEpochs, b.Epoch)
	p.adam.Begin(rate)
	p.crew.Each(p.Engine.Threads(), len(p.Net.Spec().Layers), p.update)
	if c.SpectralNorm > 0 {
		p.limit()
		p.Net.Pack()
	}
	if p.average != nil {
		optim.Average(p.average.params, p.Net.Params(), p.average.decay, p.adam.Steps-1)
		p.average.stale = true
	}
	return rate
}

// updateLayer takes the optimizer's step for the weights of a layer, and packs them.
func (p *Part) updateLayer(_, i int) {
	first, end := p.Net.Span(i)
	p.adam.Update(p.Net.Params(), p.Grad, first, end)
	p.Net.PackLayer(i)
}

// limit holds the layers' weights to the largest spectral norm allowed.
func (p *Part) limit() {
	for _, v := range p.Net.Views() {
		if len(v.Shape) > 1 {
			optim.SpectralClip(v.Data, v.Shape[0], p.optimizer.SpectralNorm)
		}
	}
}

// Weights returns the weights of the model: the moving average where there is
// one. They are not to be changed.
func (p *Part) Weights() []float32 {
	if p.average != nil {
		return p.average.params
	}
	return p.Net.Params()
}

// Model returns what runs the model as it is now.
func (p *Part) Model() *engine.Engine {
	a := p.average
	if a == nil {
		return p.Engine
	}
	if net := a.engine.Network(); a.stale {
		copy(net.Params(), a.params)
		net.Pack()
		a.stale = false
	}
	return a.engine
}

// A Vector is a part of the state with a value for every weight.
type Vector struct {
	Prefix string // of its tensors' names in a checkpoint, "" for the model's own
	Kept   string // the same in a state that is kept to go back to
	Data   []float32
}

// Vectors lists all that a part's state is: what a checkpoint holds, and what a
// training goes back to.
func (p *Part) Vectors() []Vector {
	list := []Vector{
		{"", "", p.Net.Params()},
		{weights.AdamM, weights.AdamM, p.adam.M},
		{weights.AdamV, weights.AdamV, p.adam.V},
	}
	if p.average != nil {
		list[0].Prefix = weights.Raw
		list = append(list, Vector{"", weights.Average, p.average.params})
	}
	return list
}

// Restored must be called after the vectors were set to those of a state. steps
// is the number of training steps since its weights were drawn.
func (p *Part) Restored(steps int) {
	p.adam.Steps = steps
	p.Net.Pack()
	if p.average != nil {
		p.average.stale = true
	}
}
