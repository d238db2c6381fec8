package torchfile

import "fmt"

// hintPlain makes any tensor one that is read.
const hintPlain = "save plain tensors: torch.save({k: v.detach().float().cpu().clone() for k, v in model.state_dict().items()}, …)"

// A builder makes an object of the arguments of a class or function. Without
// an error it may return nil: then the call is not understood.
type builder func(m *machine, args Tuple) (any, error)

// builderOf returns what builds an object of a class or by a function, nil for
// those that have no meaning here. A state dict needs no others.
func builderOf(f Global) builder {
	switch f.String() {
	case "collections.OrderedDict":
		return (*machine).ordered
	case "torch._utils._rebuild_tensor":
		return (*machine).tensor
	case "torch._utils._rebuild_tensor_v2":
		return (*machine).tensor2
	case "torch._utils._rebuild_tensor_v3":
		return (*machine).tensor3
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		return (*machine).parameter
	case "torch._utils._rebuild_device_tensor_from_cpu_tensor":
		return (*machine).fromDevice
	case fromType:
		return (*machine).fromType
	case "torch.Size":
		return (*machine).size
	}
	return nil
}

const fromType = "torch._tensor._rebuild_from_type_v2"

// kinds say what functions make that have no meaning here.
var kinds = map[string]string{
	"torch._utils._rebuild_qtensor":                  quantised,
	"torch._utils._rebuild_sparse_tensor":            sparse,
	"torch._utils._rebuild_sparse_csr_tensor":        sparse,
	"torch._utils._rebuild_nested_tensor":            nested,
	"torch._utils._rebuild_meta_tensor_no_storage":   meta,
	"torch._utils._rebuild_wrapper_subclass":         wrapper,
	"torch._utils._rebuild_device_tensor_from_numpy": elsewhere,
	"torch._utils._rebuild_xla_tensor":               elsewhere,
	"torch._utils._rebuild_tensor_v3":                unknown,
}

const (
	quantised = "a quantised tensor"
	sparse    = "a sparse tensor"
	nested    = "a nested tensor"
	meta      = "a tensor without numbers, of the device meta"
	wrapper   = "a tensor of a wrapper subclass"
	elsewhere = "a tensor of another device, saved as a NumPy array"
	unknown   = "a tensor of an unknown type of numbers"
)

// kindHints say how a state dict is saved without such.
var kindHints = map[string]string{
	quantised: "save what it stands for: torch.save({k: v.dequantize() for k, v in model.state_dict().items()}, …)",
	sparse:    "save dense tensors: torch.save({k: v.to_dense() for k, v in model.state_dict().items()}, …)",
	nested:    "weights are tensors of one shape: save those",
	meta:      "the weights were never filled in: load them into the model on the CPU before saving its state dict",
	wrapper:   "save what it stands for: v.full_tensor() of a DTensor, v.dequantize() of a quantised one",
	elsewhere: "save tensors of the CPU: torch.save({k: v.cpu() for k, v in model.state_dict().items()}, …)",
	unknown:   hintPlain,
}

// Remedy says how an object that stands in the place of a tensor can be saved as
// one. It is empty for what is no tensor.
func Remedy(v any) string { return kindHints[Kind(v)] }

// make returns what a class or function makes; an Object if it has no meaning
// here.
func (m *machine) make(f Global, args Tuple) (any, error) {
	if build := builderOf(f); build != nil {
		if v, err := build(m, args); v != nil || err != nil {
			return v, err
		}
	}
	return &Object{Class: f, Args: args}, nil
}

// size makes a torch.Size.
func (m *machine) size(args Tuple) (any, error) {
	if len(args) == 1 {
		if t, ok := args[0].(Tuple); ok {
			return t, nil
		}
	}
	return nil, nil
}

// tensor makes a tensor of storage, offset, size and stride.
func (m *machine) tensor(args Tuple) (any, error) {
	if len(args) != 4 {
		return nil, damaged("a tensor of %d arguments", len(args))
	}
	return m.rebuild(args, dtype{})
}

// tensor2 makes one of the same, requires_grad, the hooks and marks.
func (m *machine) tensor2(args Tuple) (any, error) {
	if len(args) != 6 && len(args) != 7 {
		return nil, damaged("a tensor of %d arguments", len(args))
	}
	if err := training(args[4], args[5]); err != nil {
		return nil, err
	}
	t, err := m.rebuild(args, dtype{})
	if err == nil && len(args) == 7 {
		err = t.mark(args[6])
	}
	return t, err
}

// tensor3 makes one of the same, but the storage is untyped and the type comes
// before the marks.
func (m *machine) tensor3(args Tuple) (any, error) {
	if len(args) != 7 && len(args) != 8 {
		return nil, damaged("a tensor of %d arguments", len(args))
	}
	if err := training(args[4], args[5]); err != nil {
		return nil, err
	}
	g, _ := args[6].(Global)
	d, known := named[g.Name]
	if g.Module != "torch" || !known {
		return nil, nil
	}
	t, err := m.rebuild(args, d)
	if err == nil && len(args) == 8 {
		err = t.mark(args[7])
	}
	return t, err
}

// rebuild makes a tensor of the first four arguments, its numbers of type d or
// else the storage's.
func (m *machine) rebuild(args Tuple, d dtype) (*Tensor, error) {
	if m.tensors++; m.tensors > maxTensors {
		return nil, limited("more than %d tensors", maxTensors)
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := wholes(args[2])
	stride, ok4 := wholes(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, damaged("a tensor of %s, %s, %s and %s", Kind(args[0]), Kind(args[1]), Kind(args[2]), Kind(args[3]))
	}
	if d.width == 0 {
		d = s.dtype
	}
	return newTensor(s, d, offset, shape, stride)
}

// training checks what says how a tensor is trained, which does not matter.
func training(requiresGrad, hooks any) error {
	if _, ok := requiresGrad.(bool); !ok {
		return damaged("a tensor has %s for requires_grad", Kind(requiresGrad))
	}
	switch hooks.(type) {
	case nil, *Dict:
		return nil
	}
	return damaged("a tensor has %s for its backward hooks", Kind(hooks))
}

// mark reads the marks of a tensor: {'neg': True} says that the numbers are
// those of the storage with the other sign. False is never written, and PyTorch
// takes it for True. What is not understood stays with the tensor and matters
// only if its numbers are wanted.
func (t *Tensor) mark(marks any) error {
	if marks == nil {
		return nil
	}
	d, ok := marks.(*Dict)
	if !ok {
		return damaged("a tensor is marked with %s", Kind(marks))
	}
	for _, item := range d.Items {
		if item.Key == "neg" && item.Value == true {
			t.negative = true
			continue
		}
		name, _ := item.Key.(string)
		t.unknown = fmt.Sprintf("is marked %.50q with %s", name, Kind(item.Value))
	}
	return nil
}

// parameter makes a parameter of a tensor, requires_grad, the hooks and, if it
// has any, its attributes.
func (m *machine) parameter(args Tuple) (any, error) {
	if len(args) != 3 && len(args) != 4 {
		return nil, damaged("a parameter of %d arguments", len(args))
	}
	switch v := args[0].(type) {
	case *Tensor:
		if err := training(args[1], args[2]); err != nil {
			return nil, err
		}
		if len(args) == 4 {
			return withState(v, args[3])
		}
		return v, nil
	case *Object: // of a tensor that is not read
		return v, nil
	}
	return nil, nil
}

// fromDevice makes a tensor of one that was copied from another device, its
// type, the device and requires_grad.
func (m *machine) fromDevice(args Tuple) (any, error) {
	if len(args) != 4 {
		return nil, damaged("a tensor of %d arguments", len(args))
	}
	t, ok := args[0].(*Tensor)
	g, _ := args[1].(Global)
	if !ok {
		return nil, nil
	}
	if d, known := named[g.Name]; g.Module != "torch" || !known || d != t.dtype {
		again := *t
		again.unknown = "was copied to another type, " + Kind(args[1])
		return &again, nil
	}
	return t, nil
}

// fromType makes a tensor by a function, a class for it, the function's
// arguments and attributes. Of classes only PyTorch's own say that the numbers
// mean themselves.
func (m *machine) fromType(args Tuple) (any, error) {
	if len(args) != 4 {
		return nil, damaged("a tensor of a class, of %d arguments", len(args))
	}
	f, ok1 := args[0].(Global)
	class, ok2 := args[1].(Global)
	inner, ok3 := args[2].(Tuple)
	if !ok1 || !ok2 || !ok3 || f.String() == fromType { // it never nests
		return nil, nil
	}
	switch class.String() {
	case "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer":
	default:
		return &Object{Class: class, Args: inner, State: args[3]}, nil
	}
	v, err := m.make(f, inner)
	if t, ok := v.(*Tensor); ok && err == nil {
		return withState(t, args[3])
	}
	return v, err
}

// withState returns the tensor with attributes: a dict, or two, of which the
// second is of slots. Few of them could change its numbers.
func withState(t *Tensor, state any) (any, error) {
	parts := Tuple{state}
	if two, ok := state.(Tuple); ok {
		parts = two
	}
	for _, part := range parts {
		for _, name := range []string{"data", "real", "imag"} {
			if _, ok := Lookup(part, name); ok {
				again := *t
				again.unknown = fmt.Sprintf("has an attribute %q", name)
				return &again, nil
			}
		}
	}
	return t, nil
}

// wholes returns the values of a tuple of integers.
func wholes(v any) ([]int64, bool) {
	t, ok := v.(Tuple)
	if !ok || len(t) > maxRank {
		return nil, false
	}
	list := make([]int64, len(t))
	for i, e := range t {
		if list[i], ok = e.(int64); !ok {
			return nil, false
		}
	}
	return list, true
}
