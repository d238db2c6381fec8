package exchange

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/lane"
	"github.com/joule-ml/joule/nn"
)

// The versions of ONNX that files are of: those of ONNX 1.12, of 2022, which
// onnxruntime reads from 1.12 on.
const (
	onnxIR    = 8
	onnxOpset = 17
)

// maxONNX bounds the bytes of weights: protobuf holds no more than 2 GiB in a
// message.
const maxONNX = 1<<31 - 1<<20

// WriteONNX writes the model as EncodeONNX does to the file at path,
// replacing it whole.
func WriteONNX(path string, m *joule.Model, c joule.Convention) error {
	model, err := onnxModel(m, c)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, model.write)
}

// EncodeONNX writes the model to w as a graph of ONNX operators (IR version 8,
// opset 17): from image, float32 [N, C, H, W] with pixels as the model was
// trained on them (from −1 to 1 by default), to energy, float32 [N], or to f
// under [joule.OutputF]. N is any number. metadata_props hold what the metadata
// of a safetensors file do, and the model's hash.
//
// The format holds up to 2 GiB; a model is in memory twice meanwhile.
// https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto
func EncodeONNX(w io.Writer, m *joule.Model, c joule.Convention) error {
	model, err := onnxModel(m, c)
	if err != nil {
		return err
	}
	if err := model.write(w); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}

// The numbers of fields in onnx.proto.
const (
	modelIR, modelProducer, modelProducerVersion, modelDoc          = 1, 2, 3, 6
	modelGraph, modelOpset, modelMetadata                           = 7, 8, 14
	opsetVersion                                                    = 2
	entryKey, entryValue                                            = 1, 2
	graphNode, graphName, graphTensor, graphDoc                     = 1, 2, 5, 10
	graphInput, graphOutput                                         = 11, 12
	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute          = 1, 2, 3, 4, 5
	attributeName, attributeInt, attributeInts, attributeType       = 1, 3, 8, 20
	tensorDim, tensorType, tensorName, tensorRaw                    = 1, 2, 8, 9
	valueName, valueType, valueDoc                                  = 1, 2, 3
	typeTensor, typeTensorElement, typeTensorShape                  = 1, 1, 2
	shapeDim, dimValue, dimName                                     = 1, 1, 2
	elementFloat, elementInt64, kindInt, kindInts             int64 = 1, 7, 2, 7
)

// An onnxFile is a ModelProto whose graph, its last field, is on its own, so
// that the weights are not copied once more.
type onnxFile struct{ head, graph message }

func (f onnxFile) write(w io.Writer) error {
	for _, part := range []message{f.head, f.graph} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func onnxModel(m *joule.Model, c joule.Convention) (onnxFile, error) {
	f, err := file(m, c)
	if err != nil {
		return onnxFile{}, err
	}
	if size := 4 * int64(m.Parameters()); size > maxONNX {
		return onnxFile{}, &Error{Fault: fmt.Sprintf("%d bytes of weights do not fit into an ONNX file", size), Hint: "export safetensors"}
	}
	spec := m.Spec()
	g := graph{value: "image", rank: 4, message: make(message, 0, 4*m.Parameters()+1<<14)}
	if err := g.layers(spec); err != nil {
		return onnxFile{}, err
	}
	output, meaning := string(c), "E(image): low for likely images"
	if c == joule.OutputF {
		meaning = "f(image) = −E(image): high for likely images"
	}
	g.squeeze(output)
	for _, t := range f.Tensors {
		g.message.floats(graphTensor, t.Name, t.Shape, t.Data.([]float32))
	}
	g.string(graphName, "energy")
	g.string(graphDoc, "From images to one number each. Nodes are named as PyTorch names the modules.")
	g.sub(graphInput, valueInfo("image", "images, float32 [N, C, H, W]", spec.Input))
	g.sub(graphOutput, valueInfo(output, meaning, lane.Shape{}))

	var head message
	head.varint(modelIR, onnxIR)
	head.string(modelProducer, "joule")
	head.string(modelProducerVersion, program.Version())
	head.string(modelDoc, "An energy-based model of images by Joule. Its output is "+meaning+".")
	var opset message
	opset.varint(opsetVersion, onnxOpset) // of the default domain
	head.sub(modelOpset, opset)
	f.Metadata["hash"] = m.Hash()
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		var entry message
		entry.string(entryKey, key)
		entry.string(entryValue, f.Metadata[key])
		head.sub(modelMetadata, entry)
	}
	head.tag(modelGraph, len(g.message))
	return onnxFile{head, g.message}, nil
}

// A graph is a GraphProto in the making.
type graph struct {
	message
	value string // the newest, which the next layer reads
	rank  int    // of value: 4 [N, C, H, W] or 2 [N, features]
}

// layers adds a node for each layer, two for a SiLU. Nodes have the
// names that the modules have in PyTorch.
func (g *graph) layers(spec nn.Spec) error {
	for i, l := range spec.Layers {
		name := fmt.Sprintf("%s.%d", spec.Prefix, i)
		weights := []string{g.value, name + ".weight", name + ".bias"}
		switch l.Type {
		case nn.Conv2DType:
			if g.rank == 2 { // of features: an image of one pixel
				g.axes("Unsqueeze", name+".image", 2, 3)
				g.rank, weights[0] = 4, g.value
			}
			k, s, p := int64(l.Kernel), int64(l.Stride), int64(l.Padding)
			g.node("Conv", name, weights, ints("kernel_shape", k, k), ints("strides", s, s), ints("pads", p, p, p, p))
		case nn.LinearType:
			if g.rank == 4 {
				g.flatten(name + ".flat")
				weights[0] = g.value
			}
			g.node("Gemm", name, weights, integer("transB", 1))
		case nn.FlattenType:
			g.flatten(name)
		case nn.SiLUType:
			x := g.value
			g.node("Sigmoid", name+".sigmoid", []string{x})
			g.node("Mul", name, []string{x, g.value})
		case nn.ReLUType:
			g.node("Relu", name, []string{g.value})
		default:
			return &Error{Fault: fmt.Sprintf("layer %d (%s) cannot be written as ONNX yet", i, l.Type), Hint: "export safetensors"}
		}
	}
	return nil
}

func (g *graph) flatten(name string) {
	g.node("Flatten", name, []string{g.value}, integer("axis", 1))
	g.rank = 2
}

// squeeze takes the axes of length one away, so that a number an image is
// left.
func (g *graph) squeeze(name string) {
	g.axes("Squeeze", name, []int64{1, 2, 3}[:g.rank-1]...)
}

// axes adds a node whose second input is a list of axes.
func (g *graph) axes(op, name string, axes ...int64) {
	g.integers(graphTensor, name+".axes", axes)
	g.node(op, name, []string{g.value, name + ".axes"})
}

// node adds a node whose only output has the node's name.
func (g *graph) node(op, name string, inputs []string, attributes ...message) {
	var n message
	for _, in := range inputs {
		n.string(nodeInput, in)
	}
	n.string(nodeOutput, name)
	n.string(nodeName, name)
	n.string(nodeOp, op)
	for _, a := range attributes {
		n.sub(nodeAttribute, a)
	}
	g.sub(graphNode, n)
	g.value = name
}

func integer(name string, v int64) message {
	var a message
	a.string(attributeName, name)
	a.varint(attributeInt, v)
	a.varint(attributeType, kindInt)
	return a
}

func ints(name string, values ...int64) message {
	var a message
	a.string(attributeName, name)
	for _, v := range values {
		a.varint(attributeInts, v)
	}
	a.varint(attributeType, kindInts)
	return a
}

// valueInfo describes float32 of the shape [N, C, H, W], or [N] where s is
// empty.
func valueInfo(name, doc string, s lane.Shape) message {
	var n, shape, tensor, kind, v message
	n.string(dimName, "N")
	shape.sub(shapeDim, n)
	if s.Len() > 0 {
		for _, d := range []int{s.C, s.H, s.W} {
			var dim message
			dim.varint(dimValue, int64(d))
			shape.sub(shapeDim, dim)
		}
	}
	tensor.varint(typeTensorElement, elementFloat)
	tensor.sub(typeTensorShape, shape)
	kind.sub(typeTensor, tensor)
	v.string(valueName, name)
	v.sub(valueType, kind)
	v.string(valueDoc, doc)
	return v
}
