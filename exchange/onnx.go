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
	attributeFloat, attributeString                                 = 2, 4
	tensorDim, tensorType, tensorName, tensorRaw                    = 1, 2, 8, 9
	valueName, valueType, valueDoc                                  = 1, 2, 3
	typeTensor, typeTensorElement, typeTensorShape                  = 1, 1, 2
	shapeDim, dimValue, dimName                                     = 1, 1, 2
	elementFloat, elementInt64, kindInt, kindInts             int64 = 1, 7, 2, 7
	kindFloat, kindString                                     int64 = 1, 3
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
	g := newGraph(make(message, 0, 4*m.Parameters()+1<<14))
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

func float(name string, v float64) message {
	var a message
	a.string(attributeName, name)
	a.float(attributeFloat, float32(v))
	a.varint(attributeType, kindFloat)
	return a
}

func word(name, v string) message {
	var a message
	a.string(attributeName, name)
	a.string(attributeString, v)
	a.varint(attributeType, kindString)
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
