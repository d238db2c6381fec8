package joule

import (
	"runtime"

	"github.com/joule-ml/joule/arch"
	"github.com/joule-ml/joule/dataset"
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
	UseData        = "the data set" // which is there already
	UseNetwork     = "the network and its optimizer"
	UseActivations = "the activations of the network"
	UseBatch       = "a batch of images"
	UseBuffer      = "the replay buffer"
	UseGuard       = "the states that the guard keeps"
	UsePictures    = "pictures of samples"
	UseImages      = "the images"
	UseFrames      = "the images on their way"
)

// float is the size of a float32.
const float = 4

// MemoryUse estimates what a training with these settings on train takes in the
// end, on so many cores (0 takes all): what lives at the same time, without what
// the collector has not freed yet and the program itself. val may be nil. It
// allocates next to nothing.
func (c Config) MemoryUse(train, val *dataset.Set, threads int) ([]MemoryUse, error) {
	shape := lane.Shape{C: train.C, H: train.H, W: train.W}
	if err := c.fitGuard(shape); err != nil {
		return nil, err
	}
	spec, err := arch.Energy(c.Network, shape)
	if err != nil {
		return nil, setting.Under("network", err)
	}
	m, err := spec.Memory()
	if err != nil {
		return nil, err
	}
	if c.Objective.Generates() {
		g, err := c.generatorMemory(shape)
		if err != nil {
			return nil, err
		}
		m.Parameters, m.Packed, m.Grad = m.Parameters+g.Parameters, m.Packed+g.Packed, m.Grad+g.Grad
		m.Activations, m.Scratch = m.Activations+g.Activations, m.Scratch+g.Scratch
	}
	vectors, networks := int64(3), int64(2) // the weights and two moments; the network and a copy that is saved
	if c.EMA.Decay > 0 {
		vectors, networks = vectors+1, networks+1
	}
	buffer, older := c.ringUse(train)
	if c.Objective.Generates() {
		buffer, older = 0, 0 // there is none
	}
	list := []MemoryUse{
		{UseData, c.dataUse(train, val)},
		{UseNetwork, networks*(m.Parameters+m.Packed) + vectors*m.Parameters},
		{UseActivations, int64(engine.Gradients(cores(threads)))*m.Grad + c.teams(m, cores(threads))},
		{UseBatch, 3 * float * int64(c.BatchSize) * int64(shape.Len())}, // real, fake, and noise to compare with
		{UseBuffer, buffer * int64(shape.Len()*c.Buffer.ValueBytes())},
		{UsePictures, c.pictureUse(shape)},
	}
	if c.Guard.Retries > 0 {
		list = append(list, MemoryUse{UseGuard, keptStates*vectors*m.Parameters + older*int64(shape.Len()*c.Buffer.ValueBytes())})
	}
	return list, nil
}

// generatorMemory is what a generator of images of a shape takes.
func (c *Config) generatorMemory(shape lane.Shape) (nn.Memory, error) {
	spec, err := arch.Generator(c.Generator, shape)
	if err != nil {
		return nn.Memory{}, setting.Under("generator", err)
	}
	return spec.Memory()
}

// ringUse returns how many images the replay buffer comes to hold, and how many
// more of them the guard's states need.
func (c *Config) ringUse(train *dataset.Set) (images, older int64) {
	n := train.N
	if c.Holdout > 0 && n > 1 {
		n -= c.heldOut(n)
	}
	batches := limit((n+c.BatchSize-1)/c.BatchSize, c.LimitTrainBatches)
	put := int64(c.BatchSize) * (1 + int64(c.Epochs)*int64(batches)) // and a batch of noise at first
	images = min(put, int64(c.Buffer.Size))
	if c.Buffer.Policy == replay.Reservoir {
		return images, keptStates * images
	}
	return images, min(put-images, int64(c.olderImages()))
}

// dataUse is what the sets take. Images that are held out are copied, and so are
// the others then.
func (c *Config) dataUse(train, val *dataset.Set) int64 {
	bytes := int64(len(train.Pixels))
	if c.Holdout > 0 {
		bytes *= 2
	}
	if val != nil {
		bytes += int64(len(val.Pixels))
	}
	return bytes + float*int64(train.N) // and the order of an epoch
}

// teams is what the workers take: those of a batch, which draw pictures too, and
// those of a few images, which are narrower where those of a batch are not.
func (c *Config) teams(m nn.Memory, threads int) int64 {
	const few = lane.Width // contrastive divergence compares with as many images of noise
	bytes := workers(m, threads, c.BatchSize)
	if lane.Choose(c.BatchSize, threads) != lane.Choose(few, threads) {
		bytes += workers(m, threads, few)
	}
	return bytes
}

// pictureUse is what the larger of samples and filmstrips takes while it is drawn
// and written: the values, and a picture with its margins.
func (c Config) pictureUse(shape lane.Shape) int64 {
	value, pixel := int64(float*shape.Len()), int64(2*4*shape.H*shape.W) // red, green, blue and alpha, and about as much of the file
	var most int64
	if c.Objective.Generates() {
		c.Filmstrip.EveryNEpochs = 0 // there are none
	}
	if c.Generate.EveryNEpochs != 0 {
		most = int64(c.Generate.Chains) * (value + pixel)
	}
	if f := c.Filmstrip; f.EveryNEpochs != 0 {
		most = max(most, int64(f.Chains)*(value+int64(f.Pictures)*(value+pixel)))
	}
	return most
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
