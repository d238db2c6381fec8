package joule

import (
	"runtime"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/replay"
	"github.com/joule-ml/joule/setting"
)

// A MemoryUse is a part of the memory that a training or a drawing is going to
// take.
type MemoryUse struct {
	What  string // one of the names below
	Bytes int64
}

// What memory is used for.
const (
	UseNetwork     = "the network and its optimizer"
	UseActivations = "the activations of the network"
	UseBatch       = "a batch of images"
	UseBuffer      = "the replay buffer"
	UseGuard       = "the states that the guard keeps"
	UseImages      = "the images"
	UseFrames      = "the images on their way"
)

// float is the size of a float32.
const float = 4

// MemoryUse estimates what a training with these settings on images of a shape
// takes, besides its data set, on so many cores (0 takes all). It allocates
// next to nothing.
func (c Config) MemoryUse(shape lane.Shape, threads int) ([]MemoryUse, error) {
	spec, err := arch.Energy(c.Network, shape)
	if err != nil {
		return nil, setting.Under("network", err)
	}
	m, err := spec.Memory()
	if err != nil {
		return nil, err
	}
	size, batch := float*int64(shape.Len()), int64(c.BatchSize)
	vectors, networks := int64(3), int64(2) // the weights and two moments; the network and a copy that draws pictures
	if c.EMA.Decay > 0 {
		vectors, networks = vectors+1, networks+1
	}
	kept := vectors * m.Parameters
	images := int64(c.olderImages()) * size
	if c.Buffer.Policy == replay.Reservoir {
		images = keptStates * int64(c.Buffer.Size) * size
	}
	list := []MemoryUse{
		{UseNetwork, networks*(m.Parameters+m.Packed) + vectors*m.Parameters},
		{UseActivations, int64(engine.Gradients(cores(threads)))*m.Grad + 2*workers(m, cores(threads), c.BatchSize)},
		{UseBatch, 4 * batch * size},
		{UseBuffer, int64(c.Buffer.Size) * size},
	}
	if c.Guard.Retries > 0 {
		list = append(list, MemoryUse{UseGuard, keptStates*kept + images})
	}
	return list, nil
}

// MemoryUse estimates what Sample takes with c.
func (m *Model) MemoryUse(c SampleConfig) []MemoryUse {
	images := float * int64(c.N) * int64(m.net.Input().Len())
	n, err := m.net.Spec().Memory()
	if err != nil {
		panic("joule: " + err.Error()) // there is a network of that spec
	}
	return []MemoryUse{
		{UseImages, images},
		{UseFrames, images * int64(c.Frames())},
		{UseActivations, workers(n, cores(c.Threads), c.N)},
	}
}

// workers is what an engine takes for n images.
func workers(m nn.Memory, threads, n int) int64 {
	width := lane.Choose(n, threads)
	return int64(min(threads, lane.Blocks(n, width))*width) * (m.Activations + m.Scratch)
}

// cores is the number of cores that so many threads are; 0 takes all.
func cores(threads int) int {
	if threads <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return threads
}
