package joule

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/dataset"
	"github.com/joule-ml/joule/engine"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/nn"
	"github.com/joule-ml/joule/weights"
)

// A Model is an energy: a network and its weights. A low energy means a
// likely image. One that was trained beside a generator has that, too.
// Methods may run side by side.
type Model struct {
	net       *nn.Network
	engine    *engine.Engine
	generator *generator // nil where it has none
	card      *Card
	path      string // of its file, where it has one
	origin    *Origin
}

// emptyModel returns a model of a spec that was built before.
func emptyModel(spec nn.Spec) *Model {
	net, err := nn.New(spec)
	if err != nil {
		panic("joule: " + err.Error())
	}
	return newModel(net)
}

func newModel(net *nn.Network) *Model {
	return &Model{net: net, engine: engine.New(net, 0)}
}

// Engine returns what runs the model's network: its first output is the energy.
// It is not to be changed.
func (m *Model) Engine() *engine.Engine { return m.engine }

// NewModel returns a model of spec whose weights are the tensors of the names
// and shapes that [nn.Spec.Parameters] lists; others are ignored.
func NewModel(spec nn.Spec, tensors []checkpoint.Tensor) (*Model, error) {
	net, err := energyNetwork(spec, &checkpoint.File{Tensors: tensors})
	if err != nil {
		return nil, err
	}
	return newModel(net), nil
}

// Path returns the path of the file that the model was read from, with slashes,
// "" where there is none.
func (m *Model) Path() string { return m.path }

// Card returns where the model comes from, nil where that is not known. It is
// not to be changed.
func (m *Model) Card() *Card { return m.card }

// Spec returns the network's description.
func (m *Model) Spec() nn.Spec { return m.net.Spec() }

// Tensors returns the energy's weights and biases under PyTorch's names and in its
// order. They are the model's own, not copies, and not to be changed.
func (m *Model) Tensors() []checkpoint.Tensor { return tensors(m.net) }

func tensors(net *nn.Network) []checkpoint.Tensor {
	var list []checkpoint.Tensor
	for _, v := range net.Views() {
		list = append(list, checkpoint.Tensor{Name: v.Name, Shape: v.Shape, Data: v.Data})
	}
	return list
}

// Shape returns the channels, height and width of the model's images.
func (m *Model) Shape() (c, h, w int) {
	s := m.net.Input()
	return s.C, s.H, s.W
}

// Parameters returns the number of weights and biases of the energy.
func (m *Model) Parameters() int { return len(m.net.Params()) }

// Hash identifies the model: the first 16 hexadecimal digits of the SHA-256
// of its spec and weights, and of those of its generator.
func (m *Model) Hash() string {
	if m.generator == nil {
		return weights.Hash(m.net)
	}
	return weights.Hash(m.net, m.generator.net())
}

// WithContext returns a model with the weights and the memory of m, whose work
// ends early when ctx is done. What its methods give is worthless then, so the
// caller has to ask ctx after each.
func (m *Model) WithContext(ctx context.Context) *Model {
	c := *m
	c.engine = m.engine.WithContext(ctx)
	if g := m.generator; g != nil {
		c.generator = &generator{g.engine.WithContext(ctx), g.latent}
	}
	return &c
}

// Energies sets energy[i] = E(x_i) for images N×C×H×W in [−1, 1]: a byte p of a
// picture is p/127.5 − 1. Other values have an energy as well, which says
// nothing: [Model.CheckImages] finds them. Any number of goroutines may call it at
// the same time, as a server does; each call uses all cores, and the energies
// are the same bits.
func (m *Model) Energies(energy, images []float32) {
	e := m.engine
	if e.Images(images) != len(energy) {
		panic("joule: Energies of another number of images")
	}
	e.Energies(energy, images)
}

// maxPixel is how far from 0 a value may be: 1, and some noise.
const maxPixel = 1.5

// CheckImages reports as a [*dataset.Error] images that are not as [Model.Energies]
// takes them: of another number of values than N×C×H×W, not finite, or of another
// range than [−1, 1], such as [0, 255] or [0, 1]. Values may be up to 1.5 from 0,
// for noise. Images whose least value is 0 are taken for those of [0, 1]: no byte
// of a picture becomes 0.
func (m *Model) CheckImages(images []float32) error {
	shape := m.net.Input()
	e := &dataset.Error{Hint: "give N×C×H×W values in [-1, 1]; a byte p is p/127.5 - 1"}
	if len(images) == 0 || len(images)%shape.Len() != 0 {
		e.What = fmt.Sprintf("%d values are no images of %d×%d×%d (channels, height, width)", len(images), shape.C, shape.H, shape.W)
		return e
	}
	lo, hi := images[0], images[0]
	for i, v := range images {
		if v-v != 0 {
			e.What = fmt.Sprintf("value %d is %v", i, v)
			return e
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	switch {
	case lo < -maxPixel || hi > maxPixel:
		e.What = fmt.Sprintf("values from %g to %g, not from -1 to 1", lo, hi)
	case lo == 0:
		e.What = fmt.Sprintf("values from 0 to %g: they seem to be of [0, 1]", hi)
		e.Hint = "give 2x - 1 for each value x of [0, 1]"
	default:
		return nil
	}
	return e
}

// file returns the model as a safetensors file: weights under PyTorch's names
// and shapes.
func (m *Model) file() *checkpoint.File {
	f := modelFile(m.net.Spec(), m.card, m.origin)
	f.Tensors = m.Tensors()
	if g := m.generator; g != nil {
		generatorMetadata(f, g)
		f.Tensors = append(f.Tensors, tensors(g.net())...)
	}
	return f
}

// modelFile returns the file of a model without its weights. Card and origin may
// be nil.
func modelFile(spec nn.Spec, card *Card, origin *Origin) *checkpoint.File {
	text, err := json.Marshal(spec)
	if err != nil {
		panic("joule: " + err.Error()) // a Spec is plain data
	}
	f := &checkpoint.File{Metadata: map[string]string{
		weights.MetaFormat: weights.Format, weights.MetaVersion: program.Version(), weights.MetaOutput: string(OutputEnergy), weights.MetaSpec: string(text),
	}}
	if card != nil {
		f.Metadata[weights.MetaConfig] = string(card.Config.YAML())
		f.Metadata[weights.MetaCard] = card.json()
		if card.data != "" {
			f.Metadata[weights.MetaData] = card.data
		}
	}
	if origin != nil {
		f.Metadata[weights.MetaOrigin] = origin.json()
	}
	return f
}

// Save writes the model, weights, spec and card, replacing path whole.
func (m *Model) Save(path string) error { return checkpoint.Write(path, m.file()) }

// LoadModel reads a model, or the model within a checkpoint, whatever its
// [Convention]. Where the file holds no model, the error is a
// [*checkpoint.Error].
func LoadModel(path string) (*Model, error) {
	f, err := checkpoint.ReadSome(path, weights.OfModel)
	if err != nil {
		return nil, err
	}
	m, err := modelOf(path, f)
	if err != nil {
		return nil, weights.InFile(path, err)
	}
	m.path = filepath.ToSlash(path)
	return m, nil
}

// DecodeModel is LoadModel of a file of size bytes.
func DecodeModel(r io.ReaderAt, size int64) (*Model, error) {
	f, err := checkpoint.Decode(r, size)
	if err != nil {
		return nil, err
	}
	return modelOf("model", f)
}

func modelOf(path string, f *checkpoint.File) (*Model, error) {
	net, err := networkOf(f)
	if err != nil {
		return nil, err
	}
	card, err := cardOf(path, f.Metadata)
	if err != nil {
		return nil, err
	}
	origin, err := originOf(f.Metadata)
	if err != nil {
		return nil, err
	}
	m := newModel(net)
	m.card, m.origin = card, origin
	if m.generator, err = generatorOf(f, net.Input()); err != nil {
		return nil, err
	}
	return m, nil
}

// networkOf builds the network that a file describes and loads its weights.
func networkOf(f *checkpoint.File) (*nn.Network, error) {
	if f.Metadata[weights.MetaSpec] == "" {
		return nil, &checkpoint.Error{Fault: "has no network spec in its metadata", Hint: weights.NotOurs + "; joule import makes a model of PyTorch's weights"}
	}
	output := Convention(f.Metadata[weights.MetaOutput])
	if err := output.Validate(); err != nil {
		return nil, &checkpoint.Error{Fault: err.Error(), Hint: weights.NotOurs}
	}
	spec, err := weights.Spec(f)
	if err != nil {
		return nil, err
	}
	net, err := energyNetwork(spec, f)
	if err == nil && output == OutputF {
		err = toEnergy(net)
		net.Pack()
	}
	if err != nil {
		return nil, err
	}
	return net, nil
}

// energyNetwork is [weights.Build] of a spec that must be an energy's.
func energyNetwork(spec nn.Spec, f *checkpoint.File) (*nn.Network, error) {
	if !spec.IsEnergy() {
		return nil, &checkpoint.Error{Fault: "the network is no energy: it has other outputs", Hint: weights.NotOurs}
	}
	return weights.Build(spec, f)
}
