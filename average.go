package joule

import (
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/optim"
)

// An average is the moving average of a network's weights, with a network of
// its own to run it.
type average struct {
	params []float32
	net    *nn.Network
	engine *engine.Engine
	stale  bool // params have changed since they were packed
}

func newAverage(net *nn.Network) (*average, error) {
	twin, err := nn.New(net.Spec())
	if err != nil {
		return nil, err
	}
	return &average{params: make([]float32, len(net.Params())), net: twin, engine: engine.New(twin, 0), stale: true}, nil
}

// weights are those of the model: the moving average where there is one.
func (t *Trainer) weights() []float32 {
	if t.average != nil {
		return t.average.params
	}
	return t.net.Params()
}

// judge runs the model as it is now, for validation and callbacks.
func (t *Trainer) judge() *engine.Engine {
	a := t.average
	if a == nil {
		return t.engine
	}
	if a.stale {
		copy(a.net.Params(), a.params)
		a.net.Pack()
		a.stale = false
	}
	return a.engine
}

// limit holds the layers' weights to the largest spectral norm allowed.
func (t *Trainer) limit() {
	if t.cfg.Optimizer.SpectralNorm == 0 {
		return
	}
	for _, v := range t.net.Views() {
		if len(v.Shape) > 1 {
			optim.SpectralClip(v.Data, v.Shape[0], t.cfg.Optimizer.SpectralNorm)
		}
	}
}
