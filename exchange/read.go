package exchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/checkpoint"
	"github.com/joule-ml/joule/exchange/internal/torchfile"
	"github.com/joule-ml/joule/weights"
)

// Options say what a file of weights leaves open.
type Options struct {
	// Output is the convention of a file whose metadata have no "output".
	// PyTorch's have none, and nothing in the weights tells E from −E, so
	// there is no default: a wrong one would turn likely into unlikely
	// without any sign of it.
	Output joule.Convention
	// Height and Width of the images, both 0 where they are not known. The
	// weights give the number of pixels only after four halvings.
	Height, Width int
	// Key says which network is meant of a file that has several, such as the
	// weights and their average: the keys of the dicts that lead to it and the
	// module's name, joined by dots ("state_dict_ema", "model.generator"). Its
	// beginning or a part of it is enough where it means one alone.
	Key string

	told []int // channels, height and width, where a checkpoint tells them
}

// A Result is a model that was read and how it was understood.
type Result struct {
	Model       *joule.Model
	Output      joule.Convention // of the network in the file
	SizeGuessed bool             // the images' size is the usual one of several that fit
	Beside      []string         // what the state dict has besides the network, passed over
}

const metaOutput = "output" // a joule.Convention

// Read reads a model: a state dict of the default network in PyTorch (the class
// Model of the default recipe's report), of its Sequential alone (0.weight …) or
// of a module that holds it (cnn.cnn_layers.0.weight … as a LightningModule has
// them), of any hidden_features and channels, in F32, F16, BF16 or F64; or any
// file that [joule.LoadModel] reads. The state dict may be within other dicts
// (state_dict, model …). What it has besides the network is passed over, such as
// metrics and buffers; further layers are not. Tensors that are missing or of
// another shape and values that are not finite are an [*Error] or
// [*checkpoint.Error], and so are two networks where Options.Key names none.
//
// The file is of safetensors, or what torch.save wrote (.ckpt of PyTorch
// Lightning, .pt, .pth; before PyTorch 1.6 or since), which its contents tell.
// Of the latter nothing is executed: what a checkpoint holds beside the state
// dict may be of any class and is passed over. Such a file has 2 GiB at most,
// 16 MiB of them for objects that are not numbers.
//
// A file takes memory in proportion to its size; the network is within the
// limits of [nn.Spec]: sides to 4096, 2²⁶ weights a layer.
func Read(path string, opt Options) (*Result, error) {
	r, err := read(path, opt)
	if err != nil {
		return nil, inPath(path, err)
	}
	return r, nil
}

// Keys returns what Options.Key may be for the file at path: one key for each
// network that it has, which is none for a file that says what its network is.
func Keys(path string) (keys []string, err error) {
	var dicts []dict
	torch, err := look(path)
	if err != nil {
		return nil, inPath(path, err)
	}
	if torch {
		f, err := torchfile.Open(path)
		if err != nil {
			return nil, inPath(path, fromTorch(err))
		}
		defer f.Close()
		dicts = dictsOf(f).dicts
	} else {
		h, err := checkpoint.ReadHeader(path)
		if err != nil {
			return nil, err
		}
		if !describes(h) {
			dicts = []dict{dictOf(h)}
		}
	}
	for _, n := range candidates(dicts) {
		keys = append(keys, n.key)
	}
	return keys, nil
}

// inPath puts the path into a fault of a file.
func inPath(path string, err error) error {
	switch e := err.(type) {
	case *Error:
		e.Path = path
	case *checkpoint.Error:
		e.Path = path
	}
	return err
}

func read(path string, opt Options) (*Result, error) {
	torch, err := look(path)
	if err != nil {
		return nil, err
	}
	if torch {
		return readTorch(path, opt)
	}
	h, err := checkpoint.ReadHeader(path)
	if err != nil {
		return nil, err
	}
	if describes(h) {
		return readSpec(path, h, opt)
	}
	return fromSafetensors(h, opt, func(wanted func(name string) bool) (*checkpoint.File, error) {
		return checkpoint.ReadSome(path, wanted)
	})
}

// describes tells whether a file says what its network is, for joule.LoadModel to
// read. Another program may have metadata of the same name for something else.
func describes(h *checkpoint.Header) bool {
	if h.Metadata[weights.MetaSpec] == "" || h.Metadata[metaOutput] != "" {
		return h.Metadata[weights.MetaSpec] != ""
	}
	spec, err := weights.Spec(&checkpoint.File{Metadata: h.Metadata})
	return err == nil && len(spec.Layers) > 0
}

// fromSafetensors makes a model of a state dict whose tensors some gives.
func fromSafetensors(h *checkpoint.Header, opt Options, some func(wanted func(name string) bool) (*checkpoint.File, error)) (*Result, error) {
	read := func(list []member) (numbers [][]float32, err error) {
		own := map[string]bool{}
		for _, m := range list {
			own[m.name] = true
		}
		f, err := some(func(name string) bool { return own[name] })
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			values, err := f.Float32(m.name, m.shape...)
			if err != nil { // another file since
				return nil, err
			}
			numbers = append(numbers, values)
		}
		return numbers, nil
	}
	return understand([]dict{dictOf(h)}, read, h.Metadata, opt)
}

// dictOf returns the tensors of a safetensors file.
func dictOf(h *checkpoint.Header) (d dict) {
	for _, t := range h.Tensors {
		m := member{name: t.Name, shape: t.Shape}
		if !slices.Contains([]string{"F32", "F16", "BF16", "F64"}, t.DType) {
			m.fault, m.numbers = "has type "+t.DType, numbersOf(t.DType)
		}
		d.members = append(d.members, m)
	}
	return d
}

// numbersOf says what numbers a type of safetensors has.
func numbersOf(dtype string) string {
	switch {
	case dtype == "BOOL":
		return torchfile.Booleans
	case strings.HasPrefix(dtype, "I"), strings.HasPrefix(dtype, "U"):
		return torchfile.Integers
	case strings.HasPrefix(dtype, "C"):
		return torchfile.Complex
	}
	return torchfile.Small
}

// readSpec reads a file that says what its network is.
func readSpec(path string, h *checkpoint.Header, opt Options) (*Result, error) {
	output, err := outputOf(h.Metadata, opt)
	if err != nil {
		return nil, err
	}
	if opt.Key != "" {
		return nil, &Error{Fault: fmt.Sprintf("has one network, and none called %.100q", opt.Key), Hint: "leave --key out"}
	}
	m, err := joule.LoadModel(path)
	if err != nil {
		return nil, err
	}
	if _, height, width := m.Shape(); opt.Height != 0 && (opt.Height != height || opt.Width != width) {
		return nil, &Error{
			Fault: fmt.Sprintf("says that its images are of %d×%d pixels, not %d×%d", height, width, opt.Height, opt.Width),
			Hint:  "leave the size out",
		}
	}
	if err := checkFinite(m.Tensors()); err != nil {
		return nil, err
	}
	return &Result{Model: m, Output: output}, nil
}

// outputOf returns the convention that the metadata or else the options name.
func outputOf(meta map[string]string, opt Options) (joule.Convention, error) {
	if opt.Output != "" {
		if err := opt.Output.Validate(); err != nil {
			return "", fmt.Errorf("exchange: %w", err)
		}
	}
	output := joule.Convention(meta[metaOutput])
	switch {
	case output == "" && opt.Output == "":
		return "", &Error{
			Fault: "does not say what its network outputs",
			Hint:  "give the convention: energy if a low output means a likely image, f if a high one does, as in most published PyTorch code",
		}
	case output == "":
		return opt.Output, nil
	case output.Validate() != nil:
		return "", &Error{Fault: output.Validate().Error(), Hint: "Joule reads networks of one output, E or f = −E"}
	case opt.Output != "" && opt.Output != output:
		return "", &Error{
			Fault: fmt.Sprintf("says that its network outputs %s, not %s", output, opt.Output),
			Hint:  "leave the convention out",
		}
	}
	return output, nil
}
