package exchange

import (
	"cmp"
	"fmt"

	"github.com/joule-ml/joule/nn"
)

// A graph is a GraphProto in the making.
type graph struct {
	message
	value          // the newest, which the next layer reads
	before []value // the image, and what each layer gives
}

// A value has a name and a rank: 4 [N, C, H, W] or 2 [N, features].
type value struct {
	name string
	rank int
}

func newGraph(m message) *graph {
	image := value{"image", 4}
	return &graph{message: m, value: image, before: []value{image}}
}

// layers adds a node for each layer, several for some. Nodes have the names that
// the modules have in PyTorch.
func (g *graph) layers(spec nn.Spec) error {
	for i, l := range spec.Layers {
		name := fmt.Sprintf("%s.%d", spec.Prefix, i)
		if !g.weighted(name, l) && !g.activation(name, l) && !g.shaping(name, l) && !g.joining(name, i, l) {
			return &Error{Fault: fmt.Sprintf("layer %d (%s) cannot be written as ONNX yet", i, l.Type), Hint: "export safetensors"}
		}
		g.before = append(g.before, g.value)
	}
	return nil
}

// weighted adds a layer with weights, and says whether l is one.
func (g *graph) weighted(name string, l nn.LayerSpec) bool {
	weight, bias := name+".weight", name+".bias"
	k, s, p := int64(l.Kernel), int64(l.Stride), int64(l.Padding)
	window := []message{ints("kernel_shape", k, k), ints("strides", s, s), ints("pads", p, p, p, p)}
	switch l.Type {
	case nn.Conv2DType:
		g.image(name)
		g.node("Conv", name, []string{g.name, weight, bias}, window...)
	case nn.ConvTranspose2DType:
		g.image(name)
		extra := ints("output_padding", int64(l.OutputPadding), int64(l.OutputPadding))
		g.node("ConvTranspose", name, []string{g.name, weight, bias}, append(window, extra)...)
	case nn.LinearType:
		if g.rank == 4 {
			g.flatten(name + ".flat")
		}
		g.node("Gemm", name, []string{g.name, weight, bias}, integer("transB", 1))
	case nn.GroupNormType:
		g.norm(name, l.Groups)
	default:
		return false
	}
	return true
}

// norm adds a group norm: groups take the part of an instance norm's channels.
func (g *graph) norm(name string, groups int) {
	x := g.value
	g.node("Shape", name+".shape", []string{x.name})
	shape := g.name
	g.value = x
	g.reshape(name+".groups", 0, int64(groups), -1)
	ones, zeros := make([]float32, groups), make([]float32, groups)
	for i := range ones {
		ones[i] = 1
	}
	g.message.floats(graphTensor, name+".ones", []int{groups}, ones)
	g.message.floats(graphTensor, name+".zeros", []int{groups}, zeros)
	g.node("InstanceNormalization", name+".norm", []string{g.name, name + ".ones", name + ".zeros"}, float("epsilon", 1e-5))
	g.node("Reshape", name+".standard", []string{g.name, shape})
	standard := g.name
	parameter := func(of string) string { // as a value of the rank of x
		g.value = value{name + "." + of, x.rank}
		if x.rank == 4 {
			g.axes("Unsqueeze", name+"."+of+".channels", 1, 2)
		}
		return g.name
	}
	weight, bias := parameter("weight"), parameter("bias")
	g.rank = x.rank
	g.node("Mul", name+".scaled", []string{standard, weight})
	g.node("Add", name, []string{g.name, bias})
}

// activation adds a layer that goes value by value, and says whether l is one.
func (g *graph) activation(name string, l nn.LayerSpec) bool {
	x := g.name
	switch l.Type {
	case nn.SiLUType:
		g.node("Sigmoid", name+".sigmoid", []string{x})
		g.node("Mul", name, []string{x, g.name})
	case nn.ReLUType:
		g.node("Relu", name, []string{x})
	case nn.LeakyReLUType:
		g.node("LeakyRelu", name, []string{x}, float("alpha", l.Slope))
	case nn.TanhType:
		g.node("Tanh", name, []string{x})
	case nn.SigmoidType:
		g.node("Sigmoid", name, []string{x})
	case nn.DropoutType: // keeps all values where nothing is trained
	default:
		return false
	}
	return true
}

// shaping adds a layer that changes an image's shape, and says whether l is one.
func (g *graph) shaping(name string, l nn.LayerSpec) bool {
	switch l.Type {
	case nn.FlattenType:
		g.flatten(name)
	case nn.ReshapeType:
		g.reshape(name, 0, int64(l.Out), int64(l.Height), int64(l.Width))
		g.rank = 4
	case nn.UpsampleType:
		g.image(name)
		f := float32(l.Factor)
		g.message.floats(graphTensor, name+".scales", []int{4}, []float32{1, 1, f, f})
		g.node("Resize", name, []string{g.name, "", name + ".scales"},
			word("mode", "nearest"), word("coordinate_transformation_mode", "asymmetric"), word("nearest_mode", "floor"))
	case nn.AvgPool2DType:
		g.image(name)
		k, s := int64(l.Kernel), int64(cmp.Or(l.Stride, l.Kernel))
		g.node("AveragePool", name, []string{g.name}, ints("kernel_shape", k, k), ints("strides", s, s))
	default:
		return false
	}
	return true
}

// joining adds a layer that reads a second value, and says whether l is one.
func (g *graph) joining(name string, i int, l nn.LayerSpec) bool {
	switch l.Type {
	case nn.ResidualType:
		x, z := g.value, g.before[i-l.Over]
		if x.rank != z.rank { // features, or an image of one pixel
			g.value = z
			if x.rank == 4 {
				g.image(name + ".around")
			} else {
				g.flatten(name + ".around")
			}
			z = g.value
		}
		g.value = x
		g.node("Add", name, []string{x.name, z.name})
	case nn.DistanceType:
		g.image(name)
		g.node("Sub", name+".apart", []string{g.name, g.before[0].name})
		axes := ints("axes", 1, 2, 3)
		if l.Power == 2 {
			g.node("Mul", name+".squares", []string{g.name, g.name})
			g.node("ReduceMean", name, []string{g.name}, axes)
		} else {
			g.node("ReduceL2", name, []string{g.name}, axes)
		}
	default:
		return false
	}
	return true
}

// image makes features an image of one pixel.
func (g *graph) image(name string) {
	if g.rank == 2 {
		g.axes("Unsqueeze", name+".image", 2, 3)
		g.rank = 4
	}
}

func (g *graph) flatten(name string) {
	g.node("Flatten", name, []string{g.name}, integer("axis", 1))
	g.rank = 2
}

// reshape adds a node whose second input is a shape: 0 keeps a dimension, −1 takes
// what is left.
func (g *graph) reshape(name string, shape ...int64) {
	g.integers(graphTensor, name+".to", shape)
	g.node("Reshape", name, []string{g.name, name + ".to"})
}

// squeeze takes the axes of length one away, so that a number an image is
// left.
func (g *graph) squeeze(name string) {
	g.axes("Squeeze", name, []int64{1, 2, 3}[:g.rank-1]...)
}

// axes adds a node whose second input is a list of axes.
func (g *graph) axes(op, name string, axes ...int64) {
	g.integers(graphTensor, name+".axes", axes)
	g.node(op, name, []string{g.name, name + ".axes"})
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
	g.name = name
}
